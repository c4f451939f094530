import ArgumentParser
import Engram
import EngramModels
import EngramStore
import Foundation

/// What a command has to say, for people and for programs.
struct Output: Sendable {
  typealias Field = (name: String, value: JSONValue)

  var fields: [Field]
  /// What the command ends with: 0 where all is well.
  var code: Int32
  /// What people read in place of the fields.
  var prose: String?
  /// What programs read in place of the fields.
  var document: JSONValue?

  init(_ fields: [Field] = [], document: JSONValue, prose: String? = nil) {
    self.init(fields, prose: prose, code: 0)
    self.document = document
  }

  init(_ fields: [Field], prose: String? = nil, code: Int32) {
    self.fields = fields
    self.prose = prose
    self.code = code
  }

  init(_ fields: [Field], isSound: Bool = true) { self.init(fields, code: isSound ? 0 : 1) }

  /// One JSON document.
  var json: String {
    if let document { return (try? document.canonicalText) ?? "{}" }
    let members = Dictionary(fields.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
    return (try? JSONValue.object(members).canonicalText) ?? "{}"
  }

  /// A line for each value, one below the other; what is in lists and objects indented below.
  var text: String {
    if let prose { return prose }
    let width = fields.map(\.name.count).max() ?? 0
    return fields.flatMap { name, value in
      let title = name.replacingOccurrences(of: "_", with: " ")
      let label = title.padding(toLength: width, withPad: " ", startingAt: 0)
      switch value {
      case .array(let elements):
        return elements.isEmpty ? [] : [title] + elements.map { "  \($0.line)" }
      case .object(let members):
        let width = members.keys.map(\.count).max() ?? 0
        return [title]
          + members.sorted { $0.key < $1.key }.map { name, value in
            "  \(name.padding(toLength: width, withPad: " ", startingAt: 0))  \(value.line)"
          }
      default: return ["\(label)  \(value.line)"]
      }
    }.joined(separator: "\n")
  }
}

extension JSONValue {
  /// The members of an object, by name.
  var fields: [Output.Field] {
    guard case .object(let members) = self else { return [] }
    return members.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// As people read it: digits in groups of three, texts without quotes.
  fileprivate var line: String {
    switch self {
    case .null: return "none"
    case .bool(let value): return value ? "yes" : "no"
    case .string(let text): return text
    case .int(let value):
      var digits = Array(String(value.magnitude))
      for place in stride(from: digits.count - 3, to: 0, by: -3) { digits.insert(",", at: place) }
      return (value < 0 ? "-" : "") + String(digits)
    default: return (try? canonicalText) ?? ""
    }
  }
}

/// How a command's answer is printed.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print the answer as one JSON object.")
  var json = false

  /// Runs a command and prints its answer, or why there is none.
  ///
  /// - Throws: the exit code, unless all is well.
  func run(
    _ command: @escaping @Sendable (StoreProgress.Handler?) async throws -> Output
  ) async throws {
    let progress = ProgressLine()
    do {
      let answer = try await interruptible { try await command(progress?.show) }
      progress?.clear()
      let text = json ? answer.json : answer.text
      if !text.isEmpty { print(text) }
      if answer.code != 0 { throw ExitCode(answer.code) }
    } catch let error
      where error is StoreError || error is EngramError || error is ModelError || error is FilterError
    {
      progress?.clear()
      if json { print(Output([("error", .string("\(error)"))]).json) }
      FileHandle.standardError.write(Data("engram: \(error)\n".utf8))
      throw ExitCode(2)
    }
  }
}

/// Opens a store with its own settings for as long as `body` takes.
func withStore<Value: Sendable>(
  _ path: String, _ body: (Store) async throws -> Value
) async throws -> Value {
  let store = try Store(path: path, configuration: StoreConfiguration(storedAt: path))
  do {
    let value = try await body(store)
    try await store.close()
    return value
  } catch {
    try? await store.close()
    throw error
  }
}

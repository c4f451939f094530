import EngramModels
import EngramStore
import Foundation

@testable import Engram

/// The files of a directory by their paths in it, folders left out.
func files(in directory: String) throws -> [String: Data] {
  var files: [String: Data] = [:]
  guard let names = FileManager.default.enumerator(atPath: directory) else { return [:] }
  for case let name as String in names {
    let path = directory + "/" + name
    guard try FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType == .typeRegular
    else { continue }
    files[name] = try Data(contentsOf: URL(fileURLWithPath: path))
  }
  return files
}

extension MemoryEngine {
  /// A store whose vectors come from hashed words.
  static func hashing(_ path: String) throws -> MemoryEngine {
    try MemoryEngine(path: path, embedder: try HashingEmbedder(dimension: 24), durability: .process)
  }
}

/// Texts, names and metadata that a careless writer of files would not bring back.
enum Odd {
  static let texts = [
    "likes tea", "two\nlines\n", "ends with line feeds\n\n\n", "\n\nbegins with them", "CR LF\r\nand CR\r",
    "---\nengram: 1\n---\n", "---", " leads with spaces", "\ttab\t", "wohnt in Zu\u{308}rich", "wohnt in Z\u{FC}rich",
    "雨の日が好き", "🙂🙃\u{200D}👩‍🔬", "<!-- engram:history -->", "x\n\n<!-- engram:history -->\n\n```jsonl\n{}\n```\n",
    "```jsonl\n```", "# heading\n\n- list\n", "\u{FEFF}bom", "line\u{2028}separator\u{85}next", "\\n \"quoted\" 'single'",
    "key: value # no comment", String(repeating: "long ", count: 400), "ΟΔΥΣΣΕΥΣ", "İstanbul ß", "a\u{7F}b\u{1}c",
    "...", "👍",
  ]
  static let names = [
    "anna", "Anna", "..", ".", "/", "a/b/../c", "~", "user=anna", "Zo\u{EB}", "Zoe\u{308}", "CON", "nul ", " ", "null",
    "true", "12", "1e3", "0x1F", "2026-01-01", "-", "#", "a: b", "a #b", "\"q\"", "\u{2028}", "\n", "用户", "ß", "SS",
    String(repeating: "n", count: 512), "a~b", "x\\y", "\u{1}",
  ]
  static let metadata = [
    "{}", #"{"a":1,"b":[true,null,{"c":"d"}]}"#, #"{"e\u0301":"\u2028\u0085\ufeff","é2":"x"}"#,
    #"{"---":"---","n":-0.0,"big":9223372036854775807,"small":1e-300,"nul":"\u0000"}"#,
    ##"{"a":"# no comment: \"x\""}"##,
  ]
}

/// Random operations on a store, whatever it can hold.
struct RandomStore {
  let engine: MemoryEngine
  var generator: Generator
  private(set) var current: [UUID] = []
  private var ended: [(UUID, Scope)] = []

  init(_ engine: MemoryEngine, seed: UInt64) {
    self.engine = engine
    generator = Generator(seed: seed)
  }

  mutating func run(steps: Int) async throws {
    for _ in 0..<steps { try await step() }
  }

  mutating func step() async throws {
    let store = engine.store
    switch Int.random(in: 0..<100, using: &generator) {
    case ..<45: try await insert()
    case ..<68:
      guard let id = current.randomElement(using: &generator) else { return }
      var update = MemoryUpdate()
      let parts = Int.random(in: 1...63, using: &generator)
      if parts & 1 != 0 {
        update.text = text()
        if parts & 2 != 0 { update.vector = try await vector(update.text ?? "") }
      } else if parts & 2 != 0 {
        update.vector = try await vector(try store.get(id).text)
      }
      if parts & 4 != 0 { update.metadata = try metadata() }
      if parts & 8 != 0 { update.categories = categories() }
      if parts & 16 != 0 {
        update.importance = FieldUpdate(generator.oneIn(3) ? nil : Double.random(in: 0...1, using: &generator))
      }
      if parts & 32 != 0 { update.expiresAt = FieldUpdate(generator.oneIn(3) ? nil : date()) }
      if parts & 63 == 0 { return }
      try await store.update(id, update)
    case ..<80:
      guard let id = current.randomElement(using: &generator) else { return }
      ended.append((id, try store.get(id).scope))
      current.removeAll { $0 == id }
      try await store.delete(id)
    case ..<84:
      guard let id = (current + ended.map(\.0)).randomElement(using: &generator) else { return }
      try await store.erase([id], by: generator.oneIn(2) ? "a \"person\"\n" : nil)
      current.removeAll { $0 == id }
      ended.removeAll { $0.0 == id }
    case ..<86: try await store.compact(before: generator.oneIn(2) ? Date() : nil)
    default:
      _ = try store.search(try await vector(text()), k: 5)
    }
  }

  private mutating func insert() async throws {
    let text = text()
    var memory = NewMemory(text: text, vector: try await vector(text), scope: scope())
    if generator.oneIn(4), let index = ended.indices.randomElement(using: &generator) {
      (memory.id, memory.scope) = ended.remove(at: index)
    }
    memory.metadata = try metadata()
    memory.categories = categories()
    if generator.oneIn(3) { memory.role = ["user", "assistant", "no"].randomElement(using: &generator) }
    if generator.oneIn(3) { memory.actor = name() }
    if generator.oneIn(3) { memory.importance = Double.random(in: 0...1, using: &generator) }
    if generator.oneIn(3) { memory.createdAt = date() }
    if generator.oneIn(4) { memory.expiresAt = date() }
    if generator.oneIn(4) { memory.validFrom = Date(timeIntervalSince1970: -5e9) }
    if generator.oneIn(4) { memory.validTo = Date(timeIntervalSince1970: 3e9 + 0.000001) }
    if generator.oneIn(4) { memory.key = "key \(generator.next())\n" }
    var superseded: [UUID] = []
    if generator.oneIn(5), let id = current.randomElement(using: &generator), id != memory.id {
      superseded = [id]
    }
    memory.supersedes = superseded
    var batch = WriteBatch()
    batch.inserts = [memory]
    if generator.oneIn(4) {
      batch.episodes = [Episode(scope: memory.scope, body: #"[{"role":"user","content":"hi\n"}]"#)]
    }
    for id in superseded { ended.append((id, try engine.store.get(id).scope)) }
    current += try await engine.store.write(batch)
    current.removeAll { superseded.contains($0) }
  }

  // MARK: Values

  mutating func text() -> String {
    let text = Odd.texts.randomElement(using: &generator) ?? ""
    return generator.oneIn(2) ? text : text + " \(generator.next() % 100)"
  }

  private mutating func name() -> String { Odd.names.randomElement(using: &generator) ?? "" }

  mutating func scope() -> Scope {
    let scope = Scope(
      user: generator.oneIn(3) ? nil : name(), agent: generator.oneIn(3) ? name() : nil,
      run: generator.oneIn(4) ? name() : nil)
    return scope == .all && !generator.oneIn(10) ? Scope(user: "anna") : scope
  }

  mutating func metadata() throws -> Metadata {
    try Metadata(json: Odd.metadata.randomElement(using: &generator) ?? "{}")
  }

  mutating func categories() -> [String] {
    generator.oneIn(2) ? [] : (0..<Int.random(in: 1...3, using: &generator)).map { _ in name() }
  }

  mutating func date() -> Date {
    let microseconds = Int64.random(in: -10_000_000_000_000_000...8_000_000_000_000_000, using: &generator)
    return Date(timeIntervalSince1970: Double(microseconds) / 1e6)
  }

  private func vector(_ text: String) async throws -> [Float] {
    try await engine.embedders.current.vectors(of: [text])[0]
  }
}

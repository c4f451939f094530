import EngramModels
import EngramStore
import Foundation

/// What the memory layer refuses or cannot do, and what to do about it.
public enum EngramError: Error, Sendable {
  /// A value that is not acceptable; nothing was written.
  case invalid(field: String, reason: String)
  /// Nobody was named whose memories are meant.
  case noScope
  /// The store's memories were embedded by another model.
  case otherModel(stored: String, requested: String)
  /// A Markdown file that is malformed, was altered where it is not to be edited, or is missing; nothing
  /// was written.
  case markdown(file: String, line: Int, reason: String)
  case model(ModelError)
  case store(StoreError)

  init(_ error: any Error) {
    switch error {
    case let error as EngramError: self = error
    case .mismatch("model", let stored, let requested) as StoreError:
      self = .otherModel(stored: stored, requested: requested)
    case let error as StoreError: self = .store(error)
    case let error as ModelError: self = .model(error)
    case is CancellationError: self = .store(.cancelled)
    default: self = .invalid(field: "call", reason: "\(error)")
    }
  }
}

extension EngramError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .invalid(let field, let reason): "\(field): \(reason)."
    case .noScope: "Whose memories? Name at least one of user, agent and run."
    case .otherModel(let stored, let requested):
      "The store's memories were embedded by \(stored), not by \(requested): open it with \(stored)."
    case .markdown(let file, let line, let reason):
      "\(file), line \(line): \(reason). Nothing was written."
    case .model(let error): error.description
    case .store(let error): error.description
    }
  }
}

/// Runs `body`, and makes its error one of this layer.
func asEngramError<Value>(
  _ body: () async throws -> Value
) async throws(EngramError) -> Value {
  do { return try await body() } catch { throw EngramError(error) }
}

func asEngramError<Value>(_ body: () throws -> Value) throws(EngramError) -> Value {
  do { return try body() } catch { throw EngramError(error) }
}

/// Runs `body` on a thread of its own: it blocks, and knows when its task is cancelled.
func longCall<Value: Sendable>(
  _ progress: StoreProgress.Handler?, _ body: @escaping @Sendable (LongCall) throws -> Value
) async throws(EngramError) -> Value {
  let result = try await asEngramError {
    try await LongCall.run(progress) { call in try engramResult { try body(call) } }
  }
  return try result.get()
}

/// What `body` returns, or an error of this layer: the store has no word for those and would take them
/// for its own.
func engramResult<Value>(_ body: () throws -> Value) throws -> Result<Value, EngramError> {
  do { return .success(try body()) } catch let error as EngramError { return .failure(error) }
}

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

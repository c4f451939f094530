import EngramStore

/// Lets calls on one scope take place one after the other, in the order in which they came; calls on
/// different scopes do not wait for each other.
actor ScopeTurns {
  private var waiting: [Scope: [CheckedContinuation<Void, Never>]] = [:]

  /// Runs `body` when all calls before it on the scope have ended.
  nonisolated func run<Value: Sendable>(
    in scope: Scope, _ body: () async throws(EngramError) -> Value
  ) async throws(EngramError) -> Value {
    await begin(scope)
    do throws(EngramError) {
      let value = try await body()
      await end(scope)
      return value
    } catch {
      await end(scope)
      throw error
    }
  }

  private func begin(_ scope: Scope) async {
    guard waiting[scope] != nil else {
      waiting[scope] = []
      return
    }
    await withCheckedContinuation { waiting[scope]?.append($0) }
  }

  private func end(_ scope: Scope) {
    guard var next = waiting[scope], !next.isEmpty else {
      waiting[scope] = nil
      return
    }
    next.removeFirst().resume()
    waiting[scope] = next
  }
}

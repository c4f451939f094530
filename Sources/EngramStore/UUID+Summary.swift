import Foundation

extension UUID {
  /// The id of the memory that sums up a scope, whether there is one or not: each new summary is a new
  /// version of it. So whoever erases a memory knows where what it said may have gone, also into a summary of
  /// the past of which only the history is left.
  public static func summary(of scope: Scope) -> UUID { UUID(named: "engram/summary", scope) }
}

extension Scope {
  /// The scopes among whose memories is one of this scope: every choice of its ids, itself first.
  var wider: [Scope] {
    var scopes = [self]
    for path in [\Scope.user, \Scope.agent, \Scope.run] where self[keyPath: path] != nil {
      scopes += scopes.map { scope in
        var scope = scope
        scope[keyPath: path] = nil
        return scope
      }
    }
    return scopes.filter { $0 != .all }
  }
}

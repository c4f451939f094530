extension Scope {
  /// A condition on the columns of `memory` for each id that is named, and the value it takes.
  var conditions: [(sql: String, value: String)] {
    [("user_id", user), ("agent_id", agent), ("run_id", run)].compactMap { column, value in
      value.map { ("\(column) = ?", $0) }
    }
  }
}

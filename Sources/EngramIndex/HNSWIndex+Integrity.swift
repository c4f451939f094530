extension HNSWIndex {
  /// What is wrong with the graph; empty where all is well. Nobody links rows meanwhile.
  ///
  /// Checked are each list of each row in the graph: links name rows that are in it, too, and reach
  /// the list's level, no row links to itself or twice to another; and that nearly every row can be
  /// reached from the entry point. Up to 0.1 % may be cut off between two times that the graph is connected.
  public func integrityProblems() -> [String] {
    withQuietGraph {
      let count = graph.count
      guard count > 0 else { return [] }
      let present = (0..<UInt32(count)).filter { !content.rows.isAbsent($0) }
      guard let entry = graph.entryPoint, Int(entry.row) < count else {
        return present.isEmpty ? [] : ["the graph has no entry point"]
      }
      var problems: [String] = []
      for row in present {
        for level in 0...graph.level(row) {
          let rows = graph.list(row, level: level).rows
          if Set(rows).count != rows.count { problems.append("row \(row) links twice to a row") }
          for neighbour in rows {
            if neighbour == row {
              problems.append("row \(row) links to itself")
            } else if Int(neighbour) >= count || graph.level(neighbour) < level {
              problems.append("row \(row) links to no row on level \(level)")
            } else if content.rows.isAbsent(neighbour) {
              problems.append("row \(row) links to one that is out of the graph")
            }
          }
        }
      }
      let reachable =
        problems.isEmpty ? reachableRows(from: entry.row, count: count) : present.count
      if present.count - reachable > present.count / 1_000 {
        problems.append("\(present.count - reachable) of \(present.count) rows cannot be reached")
      }
      return problems
    }
  }

  private func reachableRows(from entry: UInt32, count: Int) -> Int {
    var seen = RowSet(rows: count)
    var open = [entry]
    seen.insert(Int(entry))
    while let row = open.popLast() {
      for level in 0...graph.level(row) {
        for neighbour in graph.list(row, level: level).rows where !seen.contains(Int(neighbour)) {
          seen.insert(Int(neighbour))
          open.append(neighbour)
        }
      }
    }
    return seen.count
  }
}

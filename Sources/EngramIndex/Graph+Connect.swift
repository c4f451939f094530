/// The heuristic may drop every link to a row: of many equal rows a few are everybody's neighbours.
/// A row that no link leads to is never found, so some links are kept against the heuristic.
extension Graph {
  /// Sees to it that rows that have just been linked, or lost a link, are linked back by at least
  /// one of their neighbours.
  func keepReachable(_ rows: [UInt32]) {
    var open = rows
    // What takes a place may push out another, and so on; that ends soon, and must end.
    for _ in 0..<(8 * rows.count) {
      guard let row = open.popLast() else { return }
      let neighbours = list(row, level: 0).rows
      guard let nearest = neighbours.first,
        !neighbours.contains(where: { list($0, level: 0).contains(row) })
      else { continue }
      let target =
        withPlace(near: neighbours) { $0 != row && !list($0, level: 0).contains(row) } ?? nearest
      if let evicted = addLink(to: row, in: list(target, level: 0)) { open.append(evicted) }
    }
  }

  /// Links rows below `count` that the entry point does not reach on level 0: from a row near them
  /// that is reached and has a place, else instead of a row that others link to, too. What that cuts
  /// off all the same is seen to in the next round.
  ///
  /// - Returns: rows that are cut off still.
  @discardableResult
  func connect(from entry: Entry, count: Int, of rows: Rows) -> [UInt32] {
    let present = (0..<UInt32(count)).filter { !rows.isAbsent($0) }
    var reached = RowSet()
    for _ in 0..<Self.connectRounds {
      reached = RowSet(rows: count)
      reach(entry.row, &reached)
      guard reached.count < present.count else { return [] }
      var linksTo = linksToRows(count, from: present)
      for row in present where !reached.contains(Int(row)) {
        // Where all its neighbours are cut off too, one of them may bring it along later.
        let neighbours = list(row, level: 0).rows.filter { reached.contains(Int($0)) }
        if let target = withPlace(near: neighbours, where: { reached.contains(Int($0)) }) {
          addLink(to: row, in: list(target, level: 0))
        } else if !replaceLink(by: row, near: neighbours, &linksTo) {
          continue
        }
        linksTo[Int(row)] += 1
        reach(row, &reached)
      }
    }
    return present.filter { !reached.contains(Int($0)) }
  }

  /// Puts a link to `row` in the place of one to a row that others link to, too.
  private func replaceLink(
    by row: UInt32, near neighbours: [UInt32], _ linksTo: inout [UInt32]
  ) -> Bool {
    for neighbour in neighbours {
      let list = list(neighbour, level: 0)
      guard let place = list.rows.lastIndex(where: { linksTo[Int($0)] > 1 }) else { continue }
      linksTo[Int(list[place])] -= 1
      list.places[place].store(row, ordering: .releasing)
      return true
    }
    return false
  }

  /// The first row with a place in its list among some rows, and then their neighbours.
  private func withPlace(
    near rows: [UInt32], where isAllowed: (UInt32) -> Bool
  ) -> UInt32? {
    if let row = rows.first(where: hasPlace) { return row }
    for row in rows {
      if let found = list(row, level: 0).rows.first(where: { isAllowed($0) && hasPlace($0) }) {
        return found
      }
    }
    return nil
  }

  /// How many links on level 0 lead to each row.
  private func linksToRows(_ count: Int, from rows: [UInt32]) -> [UInt32] {
    var links = [UInt32](repeating: 0, count: count)
    for row in rows {
      let list = list(row, level: 0)
      for place in 0..<list.capacity {
        let neighbour = list[place]
        if neighbour == Graph.empty { break }
        links[Int(neighbour)] += 1
      }
    }
    return links
  }

  /// Whether rows that were linked one by one should be connected now that there are so many:
  /// often enough that few are cut off, seldom enough that it costs an insert next to nothing.
  static func isTimeToConnect(_ insertion: Int, rows: Int) -> Bool {
    var interval = 512
    while interval < rows / 32 { interval *= 2 }
    return insertion % interval == 0
  }

  private static var connectRounds: Int { 8 }

  private func hasPlace(_ row: UInt32) -> Bool {
    let list = list(row, level: 0)
    return list[list.capacity - 1] == Graph.empty
  }

  /// Appends a link, or puts it in the place of the last one, which is returned then.
  @discardableResult
  private func addLink(to row: UInt32, in list: List) -> UInt32? {
    let place = min(list.count, list.capacity - 1)
    let before = list.places[place].exchange(row, ordering: .acquiringAndReleasing)
    return before == Graph.empty ? nil : before
  }

  /// Adds to `reached` a row and all that links lead to from it on level 0.
  private func reach(_ row: UInt32, _ reached: inout RowSet) {
    var open = [row]
    reached.insert(Int(row))
    while let row = open.popLast() {
      let list = list(row, level: 0)
      for place in 0..<list.capacity {
        let neighbour = list[place]
        if neighbour == Graph.empty { break }
        if !reached.contains(Int(neighbour)) {
          reached.insert(Int(neighbour))
          open.append(neighbour)
        }
      }
    }
  }
}

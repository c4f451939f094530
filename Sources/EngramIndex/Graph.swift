import CEngramKernels
import Synchronization

/// The links of an HNSW graph over rows.
///
/// Level 0 is one flat array with a fixed number of places per row; the upper levels' lists lie in
/// a pool. A list ends at the first empty place. Places are atomic words: a search that reads a
/// list while the writer replaces it sees old and new rows mixed, each of which is a valid row.
final class Graph: Sendable {
  typealias Place = Atomic<UInt32>

  static let empty = UInt32.max
  /// Levels above this do not occur: 4^-15 of the smallest M is below one row in the limit.
  static let highestLevel = 15

  let parameters: HNSWParameters
  private let baseLinks: ReservedArray<Place>
  private let upperLinks: ReservedArray<Place>
  /// A row's first list in `upperLinks`; its level counts the lists.
  private let upperStart: ReservedArray<UInt32>
  private let levelArray: ReservedArray<UInt8>
  /// Lists used in `upperLinks`. The writer's.
  private let upperCount = Atomic<Int>(0)
  /// Row and level of the entry point, packed; all ones while the graph is empty.
  private let entry = Atomic<UInt64>(.max)
  private let linked = Atomic<Int>(0)
  private let prepared = Atomic<Int>(0)
  /// Rows linked so far one by one, those given again included. The writer's.
  let insertions = Atomic<Int>(0)

  /// What walks read of the rows in the graph. Exchanged for others when there are so many more
  /// rows that their centre is known better; who walks on keeps those it has.
  private let currentCodes: LeftRight<WalkCodes>

  init(parameters: HNSWParameters, dimension: Int, metric: Metric) throws(IndexError) {
    try parameters.validate()
    self.parameters = parameters
    let centre = [Float](repeating: 0, count: dimension)
    currentCodes = LeftRight(try WalkCodes(centre: centre, ofRows: 0, metric: metric))
    baseLinks = try ReservedArray(limit: IndexLimits.rows * 2 * parameters.maxConnections)
    // One row in M has an upper level, and those have 1 / (1 - 1/M) lists on average.
    upperLinks = try ReservedArray(limit: IndexLimits.rows * parameters.maxConnections)
    upperStart = try ReservedArray(limit: IndexLimits.rows)
    levelArray = try ReservedArray(limit: IndexLimits.rows)
  }

  /// Rows below this may be walked through: those of a batch that is being linked, too, or the
  /// links that they have taken from others would be missing.
  var walkable: Int { prepared.load(ordering: .acquiring) }

  /// Rows below this are in the graph.
  var count: Int { linked.load(ordering: .acquiring) }

  /// Where searches begin: the row with the highest level.
  var entryPoint: Entry? {
    let packed = entry.load(ordering: .acquiring)
    guard packed != .max else { return nil }
    return (UInt32(truncatingIfNeeded: packed), Int(packed >> 32))
  }

  func level(_ row: UInt32) -> Int { Int(levelArray.base[Int(row)]) }

  /// P(level >= l) = M^-l as in the paper, in integers so that it is the same everywhere, and from
  /// the row's number alone so that it does not depend on the order of inserts.
  func assignedLevel(_ row: UInt32) -> Int {
    let draw = Self.hash(UInt64(row), seed: parameters.seed)
    let m = UInt64(parameters.maxConnections)
    var threshold = UInt64.max / m
    var level = 0
    while draw < threshold && level < Self.highestLevel {
      level += 1
      threshold /= m
    }
    return level
  }

  /// splitmix64's finaliser.
  static func hash(_ value: UInt64, seed: UInt64) -> UInt64 {
    var z = value &* 0x9E37_79B9_7F4A_7C15 &+ seed
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  // MARK: Lists

  /// The places of one row on one level.
  struct List {
    let places: UnsafeMutablePointer<Place>
    let capacity: Int

    /// The row at a place; `Graph.empty` past the end of the list.
    @inline(__always)
    subscript(_ index: Int) -> UInt32 { places[index].load(ordering: .acquiring) }

    /// Replaces the list; places past it are emptied, so that one can append to it.
    func store(_ rows: UnsafeBufferPointer<UInt32>) {
      for (index, row) in rows.enumerated() {
        places[index].store(row, ordering: .releasing)
      }
      for index in rows.count..<capacity { places[index].store(Graph.empty, ordering: .releasing) }
    }

    @inline(__always)
    func prefetch() {
      for place in Swift.stride(from: 0, to: capacity, by: 16) { engram_prefetch(places + place) }
    }

    var count: Int { (0..<capacity).first { self[$0] == Graph.empty } ?? capacity }

    var rows: [UInt32] { (0..<count).map { self[$0] } }

    func contains(_ row: UInt32) -> Bool {
      for index in 0..<capacity {
        let own = self[index]
        if own == row { return true }
        if own == Graph.empty { return false }
      }
      return false
    }
  }

  /// The lists of one level, for the walk.
  @inline(__always)
  func list(_ row: UInt32, level: Int) -> List {
    let m = parameters.maxConnections
    if level == 0 {
      return List(places: baseLinks.base + Int(row) &* (2 &* m), capacity: 2 &* m)
    }
    let index = Int(upperStart.base[Int(row)]) &+ level &- 1
    return List(places: upperLinks.base + index &* m, capacity: m)
  }

  // MARK: Writing, under the index's write lock

  /// Makes room for rows that are to be linked, clears their lists and encodes them.
  func prepare(_ range: Range<Int>, of all: Rows, threads: Int) throws(IndexError) {
    try prepare(rows: range)
    try encode(range, of: all, threads: threads)
    prepared.store(range.upperBound, ordering: .releasing)
  }

  /// The same for rows that have been given again.
  func prepare(again rows: [UInt32], of all: Rows) {
    let codes = codes
    for row in rows {
      clearLists(row)
      codes.write(row, from: all)
    }
  }

  private func encode(_ range: Range<Int>, of all: Rows, threads: Int) throws(IndexError) {
    let count = range.upperBound
    guard count >= max(Self.firstCentring, 8 * codes.centredRows) else {
      return try encode(Array(range), of: all, into: codes, threads: threads)
    }
    let renewed = try WalkCodes(
      centre: WalkCodes.centre(of: all, count: count), ofRows: count, metric: all.metric)
    let present = (0..<count).filter { !all.isAbsent(UInt32($0)) }
    try encode(present, of: all, into: renewed, threads: threads)
    currentCodes.write { $0 = renewed }
  }

  private func encode(
    _ rows: [Int], of all: Rows, into codes: WalkCodes, threads: Int
  ) throws(IndexError) {
    try codes.reserve(rows: (rows.max() ?? -1) + 1)
    forEachBlock(of: rows.count, threads: threads) { block in
      for index in block { codes.write(UInt32(rows[index]), from: all) }
    }
  }

  /// Codes that cover all rows below a count that was read before.
  var codes: WalkCodes { currentCodes.read { copy $0 } }

  /// Rows from which on a mean says something.
  private static var firstCentring: Int { 512 }

  private func prepare(rows: Range<Int>) throws(IndexError) {
    let m = parameters.maxConnections
    try baseLinks.ensure(count: rows.upperBound * 2 * m)
    let lists = try assignLevels(rows)
    try upperLinks.ensure(count: lists * m)
    for row in rows { clearLists(UInt32(row)) }
    upperCount.store(lists, ordering: .relaxed)
  }

  /// Gives rows their levels and their places in the pool of lists; how many lists that makes.
  private func assignLevels(_ rows: Range<Int>) throws(IndexError) -> Int {
    try upperStart.ensure(count: rows.upperBound)
    try levelArray.ensure(count: rows.upperBound)
    var lists = upperCount.load(ordering: .relaxed)
    for row in rows {
      let level = assignedLevel(UInt32(row))
      levelArray.base[row] = UInt8(level)
      upperStart.base[row] = UInt32(lists)
      lists += level
    }
    return lists
  }

  private func clearLists(_ row: UInt32) {
    for level in 0...level(row) {
      let list = list(row, level: level)
      for place in 0..<list.capacity { list.places[place].store(Self.empty, ordering: .relaxed) }
    }
  }

  /// A row that searches begin from, with its level.
  typealias Entry = (row: UInt32, level: Int)

  /// The better of two entry points: the higher level, then the one that was there.
  func better(_ entry: Entry?, _ row: UInt32) -> Entry {
    let level = level(row)
    if let entry, entry.level >= level { return entry }
    return (row, level)
  }

  /// The best entry point among the rows that are in the graph, live ones if there are any.
  func bestEntry(count: Int, of rows: Rows) -> Entry? {
    var live: Entry?
    var present: Entry?
    for row in 0..<UInt32(count) {
      let level = level(row)
      // Most rows have the lowest level, and there is somebody already.
      if let live, level <= live.level { continue }
      guard !rows.isAbsent(row) else { continue }
      if level > present?.level ?? -1 { present = (row, level) }
      if rows.isLive(row) { live = (row, level) }
    }
    return live ?? present
  }

  /// Shows rows below `count` to searches, and only then an entry point among them: who reads the
  /// entry point first and the count after it never starts from a row past the count.
  func publish(count: Int, entry: Entry?) {
    linked.store(count, ordering: .releasing)
    let packed = entry.map { UInt64($0.level) << 32 | UInt64($0.row) } ?? .max
    self.entry.store(packed, ordering: .releasing)
  }

  // MARK: Snapshot

  var baseBytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(
      start: baseLinks.base, count: count * 2 * parameters.maxConnections * 4)
  }
  var upperBytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(
      start: upperLinks.base,
      count: upperCount.load(ordering: .relaxed) * parameters.maxConnections * 4)
  }

  /// Fills an empty graph with saved lists and walk codes after checking that each link names a row
  /// that is there.
  func restore(
    count: Int, of rows: Rows, base: SavedBytes, upper: SavedBytes, codes saved: WalkCodes
  ) throws(IndexError) {
    let m = parameters.maxConnections
    guard base.count == count * 2 * m * 4 else { throw .damagedSnapshot("length of the links") }
    let lists = try assignLevels(0..<count)
    guard upper.count == lists * m * 4 else {
      throw .damagedSnapshot("length of the upper links")
    }
    try baseLinks.restore(base)
    try upperLinks.restore(upper)
    upperCount.store(lists, ordering: .relaxed)
    currentCodes.write { $0 = saved }
    prepared.store(count, ordering: .releasing)
    try Self.check(baseLinks.base, places: count * 2 * m, rows: count)
    try Self.check(upperLinks.base, places: lists * m, rows: count)
    for row in 0..<UInt32(count) where level(row) > 0 { try checkUpperLists(row) }
    publish(count: count, entry: bestEntry(count: count, of: rows))
  }

  private static func check(
    _ places: UnsafePointer<Place>, places count: Int, rows: Int
  ) throws(IndexError) {
    let highest = places.withMemoryRebound(to: UInt32.self, capacity: count) { links in
      // An empty place comes out as 0.
      (0..<count).reduce(0) { max($0, links[$1] &+ 1) }
    }
    guard highest <= rows else { throw .damagedSnapshot("a link to no row") }
  }

  /// A link on a level must lead to a row that reaches that level, or a walk would leave the pool.
  private func checkUpperLists(_ row: UInt32) throws(IndexError) {
    for upper in 1...level(row) {
      let list = list(row, level: upper)
      for place in 0..<list.capacity {
        let neighbour = list[place]
        if neighbour == Self.empty { break }
        guard level(neighbour) >= upper else {
          throw .damagedSnapshot("a link above its row's level")
        }
      }
    }
  }
}

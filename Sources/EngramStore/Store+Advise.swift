import Crypto
import EngramIndex
import Foundation
import GRDB
import SystemPackage

extension Store {
  /// Says how the store stands against a service level, what to do about what does not hold, and
  /// whether it is time to move to a larger engine.
  ///
  /// Latencies and the queue are those that this process has measured since it opened the store,
  /// over the last minutes where there is enough of them; size and growth are the store's own.
  ///
  /// - Parameters:
  ///   - level: what is to hold.
  ///   - probing: whether the call measures what nobody has: 300 searches over the whole store with
  ///     vectors of its own picked at random, one after the other, and how fast its files are read.
  ///     These searches count neither as accesses nor in the figures, and nothing is written.
  /// - Throws: `StoreError.invalid` where a limit of the level is not above 0, or a recall above 1;
  ///   `.cancelled`; an error of reading.
  public func advise(
    _ level: ServiceLevel = ServiceLevel(), probing: Bool = false
  ) async throws(StoreError) -> Advice {
    try core.ensureOpen()
    try level.check()
    return try await LongCall.run(nil) { [self] call in
      Advice(level, try measurements(for: level, probing: probing, call))
    }
  }

  private func measurements(
    for level: ServiceLevel, probing: Bool, _ call: LongCall
  ) throws -> AdviceMeasurements {
    let figures = try figures()
    let statistics = try statistics()
    var search = AdviceMeasurements.Times(figures.search, of: "searches", figures)
    if probing, search.count < Advice.fewest {
      search = try probe(recall: level.recall, call) ?? search
    }
    return AdviceMeasurements(
      search: search, add: AdviceMeasurements.Times(figures.add, of: "inserts", figures),
      commitP95: AdviceMeasurements.Times(figures.commit, of: "commits", figures).known?.p95,
      queueGrowth: figures.queueGrowth, changesPerGroup: figures.changesPerGroup,
      durability: core.configuration.durability,
      indexingThreads: core.configuration.indexingThreads,
      processors: StoreConfiguration.processorCount, statistics: statistics,
      backup: try backup(of: statistics, last: figures.lastBackup, probing: probing, call),
      machineBytes: Int(clamping: ProcessInfo.processInfo.physicalMemory),
      freeBytes: try FileSystem.freeBytes(core.directory), recall: recall(level.recall),
      growth: try growth(call))
  }

  /// What searches that ask for a recall are known to reach; nil where that has to be measured first.
  private func recall(_ wanted: Double) -> Double? {
    let index = core.index.live.index
    if wanted == 1 || index.isScanned { return 1 }
    return index.calibration?.setting(recall: wanted)?.recall
  }

  // MARK: Probing

  private static let probes = 300
  /// Searches before these, which find nothing in the caches.
  private static let warming = 20
  private static let probeBytes = 64 << 20

  /// Nil where there is nothing to search for.
  private func probe(
    recall: Double, _ call: LongCall
  ) throws -> AdviceMeasurements.Times? {
    var counts = LatencyCounts()
    for number in -Self.warming..<Self.probes {
      try call.reached(0, .index)
      guard let vector = randomVector() else { return nil }
      let begin = MonotonicTime.now
      _ = try answer(vector, k: 10, recall: recall, model: core.index.pages.header.model)
      if number >= 0 { counts.record(MonotonicTime.now.since(begin)) }
    }
    return AdviceMeasurements.Times(
      LatencySummary(counts), basis: "\(Self.probes) searches that this call made itself")
  }

  private func randomVector() -> [Float]? {
    let index = core.index.live.index
    for _ in 0..<1_000 where index.rowCount > 0 {
      if let vector = try? index.vector(Int.random(in: 0..<index.rowCount)) { return vector }
    }
    return nil
  }

  private func backup(
    of statistics: StoreStatistics, last: StoreFigures.Backup?, probing: Bool, _ call: LongCall
  ) throws -> AdviceMeasurements.Backup {
    // What a backup reads: the snapshot and the locks are none of it.
    let bytes = statistics.fileBytes.reduce(0) { bytes, file in
      let isBackedUp = file.key == Catalogue.fileName || VectorPages.isFileName(file.key)
      return isBackedUp ? bytes + file.value : bytes
    }
    if let last, last.bytes > 0 {
      let seconds = last.duration.seconds
      // The log's content was written into the copy, so this may be more than there is.
      let now = seconds * max(Double(bytes) / Double(last.bytes), 1)
      let measured = "A backup of \(Advice.Unit.bytes.text(Double(last.bytes))) took "
        + "\(Advice.Unit.seconds.text(seconds))"
      return .measured(
        now, basis: now > seconds ? "\(measured); the store has grown since." : "\(measured).")
    }
    guard probing, let rate = try readingRate(call) else { return .unknown }
    return .atLeast(
      Double(bytes) / rate,
      basis: "as reading and hashing alone go at \(Advice.Unit.bytes.text(rate)) a second")
  }

  /// Bytes of vectors that are read and hashed in a second; nil where there are too few. Not of the
  /// database: closing its file would take SQLite's locks of this process.
  private func readingRate(_ call: LongCall) throws -> Double? {
    let begin = MonotonicTime.now
    let file = core.index.pages.file
    var (offset, hash) = (0, SHA256())
    while offset < Self.probeBytes {
      try call.reached(0, .files)
      let bytes = try file.read(File.chunk, at: offset)
      if bytes.isEmpty { break }
      hash.update(data: bytes)
      offset += bytes.count
    }
    _ = hash.finalize()
    let seconds = Double(MonotonicTime.now.since(begin)) / 1e9
    return offset >= File.chunk && seconds > 0 ? Double(offset) / seconds : nil
  }

  // MARK: Growth

  private static let spans = [1, 7, 30]

  /// From the history, whose times never go back.
  private func growth(_ call: LongCall) throws -> [Advice.Growth] {
    try read { db in
      let head = try HistoryHead(db).sequence
      let now = Timestamp.now
      let first = try HistoryRow.changedAt(1, db) ?? now
      return try Self.spans.map { days in
        let begin = now - Int64(days) * 86_400_000_000
        let before = try HistoryRow.lastChange(before: begin, db)
        return try call.watching(db) {
          let (added, deleted) = try Self.counts(after: before, db)
          return Advice.Growth(
            days: days, isCovered: first <= begin, added: added, gained: added - deleted,
            changes: Int(head - before))
        }
      }
    }
  }

  private static func counts(
    after change: Int64, _ db: Database
  ) throws -> (added: Int, deleted: Int) {
    let statement = try db.cachedStatement(
      sql: """
        SELECT total(event = 'ADD'), total(event IN ('DELETE', 'SUPERSEDE') OR event = 'ERASE' AND (
          SELECT p.event FROM history p
          WHERE p.memory_id = h.memory_id AND p.sequence < h.sequence
          ORDER BY p.sequence DESC LIMIT 1) NOT IN ('DELETE', 'SUPERSEDE'))
        FROM history h WHERE h.sequence > ?
        """)
    guard let row = try Row.fetchOne(statement, arguments: [change]) else { return (0, 0) }
    return (Int(try row.value(0) as Double), Int(try row.value(1) as Double))
  }
}

extension AdviceMeasurements.Times {
  /// Lately, if that is enough, or since the store was opened.
  init(_ latencies: Latencies, of kind: String, _ figures: StoreFigures) {
    let isRecent = latencies.recent.count >= Advice.fewest
    let summary = isRecent ? latencies.recent : latencies.sinceOpening
    let span = Advice.Unit.seconds.text((isRecent ? figures.recentSpan : figures.openFor).seconds)
    self.init(summary, basis: "\(Advice.count(summary.count)) \(kind) of the last \(span)")
  }

  init(_ summary: LatencySummary, basis: String) {
    self.init(
      p50: summary.p50.seconds, p95: summary.p95.seconds, count: summary.count, basis: basis)
  }

  /// Nil where there are too few.
  var known: Self? { count >= Advice.fewest ? self : nil }
}

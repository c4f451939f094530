import EngramIndex
import Foundation
import GRDB

extension Store {
  /// Answers a question from the versions of memories that the catalogue has, which the index does not:
  /// those of a moment, those that ended, those whose time is over. All of them are looked at.
  func answerFromPast(
    _ question: TextQuery, _ vector: [Float], k: Int, _ options: AskOptions, _ model: String?
  ) throws(StoreError) -> [RankedMemory] {
    let now = Timestamp.now
    let asOf: Int64? =
      if let time = options.asOf { try Timestamp.microseconds(time, field: "asOf") } else { nil }
    do {
      return try readVectors { db, pages in
        try core.admit(model, to: pages)
        try pages.reach(slots: try Catalogue.slotCount(db, space: pages.header.space))
        let (dimension, metric) = (Int(pages.header.dimension), pages.header.metric)
        let scorer = try VectorScorer(vector, dimension: dimension, metric: metric)
        let past = try PastVersions(options, asOf: asOf, now: now, space: pages.header.space, db)
        let rows = past.rows
        guard !rows.isEmpty else { return [] }
        let pool = min(max(k, Self.candidates), IndexLimits.k.upperBound)
        let metrics = past.slots.map { scorer.score(of: pages.vector($0)) }
        let near = rows.sorted { first, second in
          let (a, b) = (metrics[Int(first)], metrics[Int(second)])
          if a == b { return first < second }
          return metric.higherIsCloser ? a > b : a < b
        }.prefix(pool).map { (row: $0, metric: metrics[Int($0)]) }
        let words = ContextualText(
          past.text.occurrences(of: question, in: rows), previous: past.turns.previous,
          meanLength: past.text.meanLength)
        var candidates = AskCandidates(near, among: rows, words, best: pool)
        for row in candidates.withoutMetric { candidates.setMetric(of: row, metrics[Int(row)]) }

        let ranking = Ranking(
          options.weights, hasTerms: candidates.hasTerms, metric: metric, now: asOf ?? now)
        let access = try db.cachedStatement(
          sql: "SELECT count, accessed_at FROM memory_access WHERE memory_id = ?")
        let version = try MemoryRow.versionStatement(db)
        var memories: [UInt32: MemoryRow] = [:]
        var ranked = try candidates.ranked(ranking) { candidate in
          guard let row = try MemoryRow.version(past.changes[Int(candidate.row)], version) else { return }
          memories[candidate.row] = row
          candidate.recency = ranking.recency(updatedAt: row.updatedAt / 1_000_000)
          candidate.importance = row.importance.map(Float.init) ?? AskCandidate.unknownImportance
          access.setUncheckedArguments([row.id.data])
          candidate.access =
            try SQLiteRow.first(of: access) { found in
              ranking.access(
                (UInt32(clamping: found.int(0)), UInt32(clamping: found.int(1) / 1_000_000)))
            } ?? 0
        }
        if options.diversity > 0 {
          ranked = try ranked.diversified(
            options.diversity, choosing: k, ranking, metric, dimension: dimension
          ) { pages.vector(past.slots[Int($0.row)]) }.map { ranked[$0] }
        }
        return ranked.lazy.compactMap { candidate in
          memories[candidate.row].map { RankedMemory($0.memory, candidate) }
        }.prefix(k).map { $0 }
      }
    } catch { throw StoreError(error) }
  }
}

/// Versions of memories that a question about the past may be answered from, oldest first, with an index
/// of their texts.
private struct PastVersions {
  private(set) var changes: [Int64] = []
  private(set) var slots: [Int] = []
  private(set) var turns: Turns
  let text: TextIndex

  var rows: [UInt32] { changes.indices.map(UInt32.init) }

  /// - Parameters:
  ///   - asOf: microseconds since 1970; nil for now.
  ///   - now: the same.
  init(
    _ options: AskOptions, asOf: Int64?, now: Int64, space: UInt32, _ db: Database
  ) throws {
    text = try TextIndex()
    turns = Turns(count: 0)
    let change = try asOf.map { try HistoryRow.lastChange(before: $0 + 1, db) } ?? .max
    if let horizon = try Horizon.change(db), change < horizon {
      throw StoreError.beforeHorizon(
        asked: Timestamp.date(asOf ?? now),
        horizon: Timestamp.date(try HistoryRow.changedAt(horizon, db) ?? now))
    }
    var conditions = ["m.change <= \(change)"]
    var arguments: [(any DatabaseValueConvertible)?] = [space]
    if !options.includeExpired {
      conditions.append("(m.expires_at IS NULL OR m.expires_at > ?)")
      arguments.append(asOf ?? now)
    }
    for condition in options.scope.conditions {
      conditions.append("m.\(condition.sql)")
      arguments.append(condition.value)
    }
    // What was deleted is not what a memory said before: only a question about a time before that sees it.
    let ended =
      options.latestOnly
      ? asOf.map { _ in "m.ended > \(change)" }
      : """
        m.ended IS NOT NULL AND 'DELETE' <> (
          SELECT event FROM history h WHERE h.memory_id = m.id AND h.sequence <= \(change)
          ORDER BY h.sequence DESC LIMIT 1)
        """
    func select(_ state: String, from memory: String) -> String {
      """
      SELECT m.change, v.slot, m.text, m.user_id, m.run_id, m.metadata FROM \(memory)
      CROSS JOIN vector v ON v.change = m.vector AND v.space = ?
      WHERE \(state) AND \(conditions.joined(separator: " AND "))
      """
    }
    var selects = [select("m.ended IS NULL", from: "memory m")]
    // Without being told SQLite reads all memories for the order.
    if let ended { selects.append(select(ended, from: "memory m INDEXED BY memory_ended")) }
    // Not one to keep: the next moment has another.
    let statement = try db.makeStatement(
      sql: selects.joined(separator: " UNION ALL ") + " ORDER BY 1")
    statement.setUncheckedArguments(
      StatementArguments([[(any DatabaseValueConvertible)?]](repeating: arguments, count: selects.count)
        .flatMap { $0 }))
    var runs: [[String?]: UInt64] = [:]
    var places: [UInt64?] = []
    try SQLiteRow.each(of: statement) { row in
      if let filter = options.filter {
        let metadata = try row.withText(5) { try JSONValue(parsing: $0) }
        guard filter.matches(metadata) else { return }
      }
      if let excluding = options.excluding, excluding(Metadata(canonical: row.text(5) ?? "{}")) { return }
      try text.insert(row: UInt32(changes.count), text: row.text(2) ?? "")
      changes.append(row.int(0))
      slots.append(Int(row.int(1)))
      if let run = row.text(4) {
        let key = [row.text(3), run]
        let number = runs[key] ?? UInt64(runs.count + 1)
        runs[key] = number
        places.append(number)
      } else {
        places.append(nil)
      }
    }
    while try text.sealIfDue() {}
    turns = Turns(count: changes.count)
    for (place, run) in places.enumerated() { if let run { turns.visit(place, run: run) } }
  }
}

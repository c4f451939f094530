import Testing

@testable import EngramIndex

/// Random sequences of operations on both indexes against a dictionary.
@Suite struct ModelTests {
  struct Mix: Sendable, CustomTestStringConvertible {
    var name: String
    var start: Int
    /// Of ten operations, how many insert and how many delete; the others update.
    var inserts: Int
    var deletes: Int
    var testDescription: String { name }
  }

  static let mixes = [
    Mix(name: "from nothing", start: 0, inserts: 6, deletes: 2),
    Mix(name: "over the limit of the scan", start: 1_900, inserts: 7, deletes: 1),
    Mix(name: "mostly updates", start: 2_500, inserts: 1, deletes: 1),
    Mix(name: "mostly deletes", start: 3_000, inserts: 1, deletes: 8),
  ]

  struct Model {
    let dimension = 24
    let metric: Metric
    var random: Generator
    let clusters: Clusters
    let exact: ExactIndex
    let graph: HNSWIndex
    /// All vectors ever, by row of the exact index, and which of them live.
    var vectors = Vectors(dimension: 24)
    var live: [Int] = []
    /// The graph gives rows again: the vector of each of its rows, and the row of each live vector.
    var sources: [Int] = []
    var rows: [Int: Int] = [:]

    init(_ metric: Metric, _ mix: Mix) throws {
      self.metric = metric
      random = Generator(100 + UInt64(mix.start))
      clusters = Clusters(dimension: dimension, using: &random)
      exact = try ExactIndex(dimension: dimension, metric: metric)
      if mix.start > 0 {
        vectors = clusters.vectors(mix.start, using: &random)
        graph = try HNSWIndex.build(
          vectors.flat, dimension: dimension, metric: metric, threads: 2)
        try exact.insert(rows: vectors.flat)
        live = Array(0..<mix.start)
        sources = live
        rows = Dictionary(uniqueKeysWithValues: live.map { ($0, $0) })
      } else {
        graph = try HNSWIndex(dimension: dimension, metric: metric)
      }
    }

    mutating func step(_ mix: Mix) throws {
      let choice = random.below(10)
      if choice < mix.inserts || live.isEmpty {
        // Now and then a vector that is there already.
        let again = random.below(20) == 0 && !live.isEmpty
        let vector = again ? vectors[live[0]] : clusters.vector(using: &random)
        try take(vector, exact: exact.insert(vector), graph: graph.insert(vector))
        return
      }
      let place = random.below(live.count)
      let gone = live[place]
      live.swapAt(place, live.count - 1)
      live.removeLast()
      let graphRow = rows.removeValue(forKey: gone)
      let row = try #require(graphRow)
      if choice < mix.inserts + mix.deletes {
        try exact.delete(gone)
        try graph.delete(row)
      } else {
        let vector = clusters.vector(using: &random)
        try take(
          vector, exact: exact.update(gone, to: vector), graph: graph.update(row, to: vector))
      }
    }

    private mutating func take(_ vector: [Float], exact: Int, graph: Int) {
      #expect(exact == vectors.count)
      #expect(graph <= sources.count && !rows.values.contains(graph))
      if graph == sources.count { sources.append(exact) } else { sources[graph] = exact }
      rows[exact] = graph
      live.append(exact)
      vectors.append(vector)
    }

    /// What the graph finds, by the rows of the exact index.
    private func found(_ query: [Float]) throws -> [Neighbour] {
      try graph.search(query, k: 10).map { Neighbour(row: sources[$0.row], score: $0.score) }
    }

    mutating func check() throws {
      #expect(exact.count == live.count && graph.count == live.count)
      #expect(graph.rowCount == sources.count && graph.tailCount == 0)
      #expect(graph.integrityProblems() == [], note("\(vectors.count) rows"))
      let alive = Set(live)
      var check = RecallCheck()
      for _ in 0..<10 {
        let query = clusters.vector(using: &random)
        let truth = Truth(query, vectors, metric)
        let results = try exact.search(query, k: 10)
        #expect(truth.faultOfExact(results, k: 10, where: alive.contains) == nil, note("exact"))
        check.add(try found(query), truth, k: 10, where: alive.contains)
        let row = random.below(sources.count)
        #expect(graph.isLive(row) == (rows[sources[row]] == row))
        if graph.isLive(row) { #expect(try graph.vector(row) == vectors[sources[row]]) }
      }
      #expect(check.fault == nil, note("\(vectors.count) rows"))
      #expect(check.short == 0, note("\(live.count) of \(vectors.count) rows"))
      #expect(check.recall >= 0.9, note("\(live.count) of \(vectors.count) rows"))
    }
  }

  @Test(arguments: Metric.allCases, mixes) func sequence(metric: Metric, mix: Mix) throws {
    var model = try Model(metric, mix)
    for _ in 0..<8 {
      for _ in 0..<100 { try model.step(mix) }
      try model.check()
    }
  }

  /// Until nothing is left, and on from there.
  @Test(arguments: Metric.allCases) func emptiedAndFilledAgain(metric: Metric) throws {
    let mix = Mix(name: "", start: 2_200, inserts: 0, deletes: 10)
    var model = try Model(metric, mix)
    for _ in 0..<2_199 { try model.step(mix) }
    try model.check()
    try model.step(mix)
    #expect(model.graph.count == 0 && model.exact.count == 0)
    let query = model.clusters.vector(using: &model.random)
    #expect(try model.graph.search(query, k: 5).isEmpty)
    #expect(try model.exact.search(query, k: 5).isEmpty)
    for _ in 0..<60 { try model.step(Mix(name: "", start: 0, inserts: 10, deletes: 0)) }
    try model.check()
  }
}

import EngramIndex
import Synchronization
import Testing

@testable import EngramStore

/// Rows get texts, others, and lose them, in any order; the index is sealed and merged at any moment.
@Suite struct TextIndexTests {
  /// Small, so that a few hundred texts make many parts.
  static let limits = TextIndex.Limits(
    tailDocuments: 8, segmentDocuments: 200, segmentWords: 4_000, fanOut: 3)

  /// A text of words of which some are frequent and most are rare.
  static func text(_ generator: inout Generator, words: Int = 400) -> String {
    let count = generator.oneIn(30) ? 300 : Int.random(in: 0...12, using: &generator)
    return (0..<count).map { _ in
      let place = Double.random(in: 0..<1, using: &generator)
      return "w\(Int(place * place * place * Double(words)))"
    }.joined(separator: " ")
  }

  private func domains(
    _ rows: UInt32, _ generator: inout Generator
  ) -> [(domain: LiveIndex.Domain, contains: (UInt32) -> Bool)] {
    let share = [2, 10, 50].randomElement(using: &generator) ?? 2
    let some = (0..<rows + 10).filter { _ in generator.oneIn(share) }
    let set = Set(some)
    return [
      (.everything, { _ in true }), (.list(PostingList(sorted: some)), set.contains),
      (.set(RowSet(some.map(Int.init))), set.contains), (.list(PostingList()), { _ in false }),
    ]
  }

  /// Compares searches of an index with scores of all rows, and these with the model.
  private func check(
    _ index: TextIndex, _ model: BruteForceText, rows: UInt32, _ generator: inout Generator
  ) {
    let text = Self.text(&generator)
    let query = TextQuery(text)
    let expected = model.scores(text)
    let all = Array(0..<rows + 10)
    let scores = index.scores(query, of: all)
    #expect(index.count == model.texts.count)
    for row in all {
      let exact = expected[row] ?? 0
      #expect(abs(Double(scores[Int(row)]) - exact) <= exact * 1e-5)
      #expect((scores[Int(row)] > 0) == (exact > 0))
    }
    let k = [1, 3, 10, 10_000].randomElement(using: &generator) ?? 1
    for (domain, contains) in domains(rows, &generator) {
      let best = all.filter { contains($0) && scores[Int($0)] > 0 }
        .map { TextHit(row: $0, score: scores[Int($0)]) }
        .sorted { ($0.score, $1.row) > ($1.score, $0.row) }
      #expect(index.search(query, k: k, in: domain) == Array(best.prefix(k)))
    }
  }

  @Test(arguments: 0..<8) func agreesWithBruteForce(_ seed: UInt64) throws {
    var generator = Generator(seed: 500 + seed)
    let index = try TextIndex(limits: Self.limits)
    var model = BruteForceText()
    let rows = UInt32.random(in: 20...700, using: &generator)
    let removals = Int.random(in: 2...6, using: &generator)
    for step in 0..<1_500 {
      let row = UInt32.random(in: 0..<rows, using: &generator)
      if Int.random(in: 0..<removals, using: &generator) == 0 {
        index.remove(row: row)
        model.remove(row)
      } else {
        let text = Self.text(&generator)
        try index.insert(row: row, text: text)
        model.insert(row, text)
      }
      if generator.oneIn(20) { try index.sealIfDue() }
      if generator.oneIn(200) { try index.seal() }
      if step % 60 == 59 { check(index, model, rows: rows, &generator) }
    }
    for row in 0..<rows { index.remove(row: row) }
    try index.seal()
    #expect(index.count == 0)
    #expect(index.state.read { $0.parts.allSatisfy { $0 == nil } && $0.segments.isEmpty })
  }

  /// Terms that no text has any more leave their numbers to others.
  @Test func termsComeAndGo() throws {
    let index = try TextIndex(limits: Self.limits)
    var model = BruteForceText()
    for step in 0..<6_000 {
      let row = UInt32(step % 40)
      let text = "passing\(step) and staying\(step % 40) there"
      try index.insert(row: row, text: text)
      model.insert(row, text)
      if step % 16 == 0 { try index.sealIfDue() }
    }
    try index.seal()
    #expect(index.state.read { $0.terms.capacity } <= 1_024)
    let query = "passing5990 staying3 there passing7"
    let expected = model.scores(query).sorted { ($0.value, $1.key) > ($1.value, $0.key) }
    let hits = index.search(TextQuery(query), k: 40, in: .everything)
    #expect(hits.map(\.row) == expected.map(\.key))
  }

  @Test func countsThatAreLong() throws {
    let index = try TextIndex(limits: Self.limits)
    var model = BruteForceText()
    let counts = [1, 2, 61, 62, 63, 64, 65, 200, 65_535]
    for (row, count) in counts.enumerated() {
      let text = Array(repeating: "echo", count: count).joined(separator: " ") + " other\(row)"
      try index.insert(row: UInt32(row), text: text)
      model.insert(UInt32(row), text)
    }
    for _ in 0..<2 {
      let scores = index.scores(TextQuery("echo"), of: Array(0..<UInt32(counts.count)))
      for (row, exact) in model.scores("echo") {
        #expect(abs(Double(scores[Int(row)]) - exact) < exact * 1e-5)
      }
      try index.seal()
    }
  }

  @Test func aTextThatIsTheQueryHasTheMaximum() throws {
    let index = try TextIndex()
    var generator = Generator(seed: 520)
    for row in 0..<500 { try index.insert(row: UInt32(row), text: Self.text(&generator)) }
    let query = TextQuery("w3 w3 w70 unheard")
    try index.insert(row: 500, text: "w3 w3 w70 unheard")
    let score = index.scores(query, of: [500])[0]
    #expect(abs(score - index.maxScore(query)) < score * 1e-5)
    #expect(index.search(query, k: 1, in: .everything).first?.row == 500)
    #expect(index.maxScore(TextQuery("")) == 0)
  }

  @Test func nothingToFind() throws {
    let index = try TextIndex()
    #expect(index.search(TextQuery("word"), k: 5, in: .everything).isEmpty)
    #expect(index.scores(TextQuery("word"), of: [0, 1]) == [0, 0])
    try index.insert(row: 3, text: "")
    try index.insert(row: 4, text: "...")
    #expect(index.count == 2)
    #expect(index.search(TextQuery("word"), k: 5, in: .everything).isEmpty)
    #expect(index.search(TextQuery("..."), k: 5, in: .everything).isEmpty)
    try index.insert(row: 5, text: "a word")
    #expect(index.search(TextQuery("Words!"), k: 5, in: .everything).map(\.row) == [5])
    #expect(index.search(TextQuery("word"), k: 0, in: .everything).isEmpty)
    #expect(throws: IndexError.self) { try index.insert(row: .max, text: "word") }
  }

  /// Searches beside one that writes and one that seals find each row whose text stays, and its text
  /// alone.
  @Test func readersBesideWriters() throws {
    let index = try TextIndex(limits: Self.limits)
    let steady: UInt32 = 50
    for row in 0..<steady { try index.insert(row: row, text: "steady anchor\(row)") }
    try index.insert(row: steady, text: "moving 0")
    let isDone = Flag()
    let model = Mutex(BruteForceText())
    // On threads of their own: each of the four waits for another to come forward.
    share(4, among: 4) { next in
      while let role = next() {
        switch role {
        case 0:
          let written = write(index, steady: steady)
          model.withLock { $0 = written }
          isDone.raise()
        case 1:
          repeat {
            #expect(throws: Never.self) { try index.sealIfDue() }
          } while !isDone.isRaised
        default:
          var generator = Generator(seed: 540 + UInt64(role))
          repeat { read(index, steady: steady, &generator) } while !isDone.isRaised
        }
      }
    }
    var generator = Generator(seed: 545)
    let written = model.withLock { $0 }
    for _ in 0..<20 { check(index, written, rows: steady + 201, &generator) }
  }

  /// What it has written, when it is done.
  private func write(_ index: TextIndex, steady: UInt32) -> BruteForceText {
    var generator = Generator(seed: 550)
    var model = BruteForceText()
    for row in 0..<steady { model.insert(row, "steady anchor\(row)") }
    #expect(throws: Never.self) {
      for step in 1...6_000 {
        // Replaced again and again, and never missing.
        try index.insert(row: steady, text: "moving \(step)")
        let row = UInt32.random(in: 0..<steady, using: &generator)
        try index.insert(row: row, text: "steady anchor\(row)")
        model.insert(steady, "moving \(step)")
        let other = steady + 1 + UInt32.random(in: 0..<200, using: &generator)
        if generator.oneIn(2) {
          let text = Self.text(&generator)
          try index.insert(row: other, text: text)
          model.insert(other, text)
        } else {
          index.remove(row: other)
          model.remove(other)
        }
      }
    }
    return model
  }

  private func read(_ index: TextIndex, steady: UInt32, _ generator: inout Generator) {
    let row = UInt32.random(in: 0..<steady, using: &generator)
    let domains: [LiveIndex.Domain] = [
      .everything, .list(PostingList(sorted: Array(0...steady))), .set(RowSet(0...Int(steady))),
    ]
    for domain in domains {
      let hits = index.search(TextQuery("anchor\(row)"), k: 5, in: domain)
      #expect(hits.map(\.row) == [row])
      let moving = index.search(TextQuery("moving"), k: 5, in: domain)
      #expect(moving.map(\.row) == [steady])
    }
    #expect(index.scores(TextQuery("anchor\(row)"), of: [row])[0] > 0)
  }
}

import EngramIndex
import Foundation

@testable import EngramStore

/// What `Store.ask` should answer: the formulas of ContextualText.swift and RankingWeights.swift in double
/// precision, over all memories and without an index.
struct AskModel {
  struct Answer {
    var memory: Memory
    var score: Double
    var similarity: Double
    var text: Double
    var context: Double
    var recency: Double
    var importance: Double
  }

  /// A version of a memory, and its vector.
  typealias Version = (memory: Memory, vector: [Float])

  private let metric: Metric
  /// In the order of their change.
  private let versions: [Version]
  /// By change.
  private let terms: [Int64: [String]]
  private let meanLength: Double

  /// What a store holds now.
  init(_ store: Store, metric: Metric) throws {
    self.init(try Self.current(store), metric: metric)
  }

  /// - Parameter versions: in the order of their change.
  init(_ versions: [Version], metric: Metric) {
    self.metric = metric
    self.versions = versions
    let tokenizer = TextTokenizer()
    terms = Dictionary(
      uniqueKeysWithValues: versions.map { ($0.memory.change, tokenizer.terms(of: $0.memory.text)) })
    let total = terms.values.reduce(0) { $0 + $1.count }
    meanLength = max(Double(total) / Double(max(versions.count, 1)), 1)
  }

  static func current(_ store: Store, includeExpired: Bool = false) throws -> [Version] {
    var memories: [Memory] = []
    var cursor: String?
    repeat {
      let page = try store.list(after: cursor, limit: 1_000, includeExpired: includeExpired)
      memories += page.memories
      cursor = page.next
    } while cursor != nil
    return try memories.map { ($0, try store.vector(of: $0.id)) }
  }

  /// The answers to a question, best first.
  ///
  /// Document frequencies and turns are those of the memories that the search is about.
  ///
  /// - Parameter weights: that of access must be 0: how often memories were found is not known here.
  func answers(
    to question: String, _ vector: [Float], scope: Scope = .all, filter: Filter? = nil,
    weights: RankingWeights = .relevance, now: Date = Date()
  ) -> [Answer] {
    let answering = versions.filter { memory, _ in
      memory.scope.lies(in: scope) && filter?.matches(.object(memory.metadata.values)) != false
    }
    let domain = answering.map(\.memory)
    let asked = Self.terms(of: question)
    let idf = asked.map { term in
      let frequency = Double(domain.count { self.terms[$0.change]?.contains(term) == true })
      return (
        weight: log(1 + (Double(domain.count) - frequency + 0.5) / (frequency + 0.5)),
        isCommon: frequency > ContextualText.commonShare * Double(domain.count)
      )
    }
    let total = idf.reduce(0) { $0 + $1.weight }
    let places = Dictionary(uniqueKeysWithValues: domain.enumerated().map { ($1.change, $0) })
    let runs = Dictionary(grouping: domain.indices.filter { domain[$0].scope.run != nil }) {
      [domain[$0].scope.run, domain[$0].scope.user].map { $0.map { Array($0.utf8) } }
    }

    func share(_ term: String, _ memory: Memory) -> Double {
      let all = terms[memory.change] ?? []
      let (k1, b) = (Double(ContextualText.k1), Double(ContextualText.b))
      let norm = k1 * (1 - b + b * Double(all.count) / meanLength)
      return Double(all.count { $0 == term }) / norm
    }

    let weight = asked.isEmpty ? 0 : weights.text
    return answering.map { memory, ownVector in
      var (own, both) = (0.0, 0.0)
      let turns =
        memory.scope.run == nil
        ? [] : runs[[memory.scope.run, memory.scope.user].map { $0.map { Array($0.utf8) } }] ?? []
      let turn = turns.firstIndex { $0 == places[memory.change] }
      for (term, (idf, isCommon)) in zip(asked, idf) {
        let here = share(term, memory)
        own += idf * here / (1 + here)
        var x = here
        if let turn, !isCommon {
          for (distance, reach) in [(1, ContextualText.reach.one), (2, ContextualText.reach.two)] {
            for other in [turn - distance, turn + distance] where turns.indices.contains(other) {
              x += Double(reach) * share(term, domain[turns[other]])
            }
          }
        }
        both += idf * x / (1 + x)
      }
      if total > 0 { (own, both) = (own / total, both / total) }
      let similarity = self.similarity(metric.exactScore(vector, ownVector))
      let age = max(now.timeIntervalSince(memory.updatedAt), 0)
      let recency = exp2(-age / weights.recencyHalfLife)
      let importance = memory.importance ?? 0.5
      let relevance = (1 - weight) * similarity + weight * both
      let score =
        (1 - weights.recency - weights.importance) * relevance + weights.recency * recency
        + weights.importance * importance
      return Answer(
        memory: memory, score: score, similarity: similarity, text: own, context: both - own,
        recency: recency, importance: importance)
    }.sorted { $0.score > $1.score }
  }

  private func similarity(_ score: Double) -> Double {
    switch metric {
    case .cosine, .innerProduct: min(max((1 + score) / 2, 0), 1)
    case .squaredL2: 1 / (1 + score)
    }
  }

  /// A question's terms, each once, without those that tell nothing unless there are no others.
  private static func terms(of question: String) -> [String] {
    var all: [String] = []
    for term in TextTokenizer().terms(of: question) where !all.contains(term) { all.append(term) }
    let telling = all.filter { !StopWords.terms.contains(Array($0.utf8)) }
    return telling.isEmpty ? all : telling
  }

  /// What is wrong with a store's answers; nil where they are right.
  static func problem(with found: [RankedMemory], against all: [Answer], k: Int) -> String? {
    // An importance is kept in 254 steps.
    let tolerance = 2e-3
    guard found.count == min(k, all.count) else {
      return "\(found.count) answers, not \(min(k, all.count))"
    }
    guard Set(found.map(\.memory.change)).count == found.count else { return "a memory twice" }
    let byChange = Dictionary(uniqueKeysWithValues: all.map { ($0.memory.change, $0) })
    for (place, answer) in found.enumerated() {
      guard let expected = byChange[answer.memory.change] else { return "\(answer.memory) was not asked for" }
      guard answer.memory == expected.memory else { return "\(answer.memory), not \(expected.memory)" }
      for (name, one, other) in [
        ("score", answer.score, expected.score), ("similarity", answer.similarity, expected.similarity),
        ("text", answer.text, expected.text), ("context", answer.context, expected.context),
        ("recency", answer.recency, expected.recency),
        ("importance", answer.importance, expected.importance),
      ] where abs(one - other) > tolerance {
        return "\(name) \(one) of \"\(answer.memory.text)\", not \(other)"
      }
      // Equal to the best that is left, so that the order is right, too.
      guard abs(answer.score - all[place].score) <= tolerance else {
        return "score \(answer.score) at \(place), where \(all[place].score) is due"
      }
    }
    return nil
  }
}

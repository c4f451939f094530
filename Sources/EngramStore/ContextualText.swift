import Foundation

/// How well texts answer a question by their words and by those said around them.
///
/// BM25 (Robertson and Zaragoza, *The Probabilistic Relevance Framework*, 2009) divided by its upper
/// bound, where a term said one turn away in the same run counts as 0.3 of an occurrence and one two
/// turns away as 0.15: in conversations the words of a question often stand in the turn before the one
/// that answers it. Each score lies in 0...1, whatever the question.
///
///     norm(j)    = k1 * (1 - b + b * length(j) / mean length)
///     x(w, i)    = sum over d in -2...2 of reach[|d|] * count(w, i + d) / norm(i + d)
///     text(i)    = sum over w of idf(w) * x / (1 + x)  /  sum over w of idf(w)
///     idf(w)     = ln(1 + (N - df + 0.5) / (df + 0.5))
///
/// The constants were chosen on conversations made of dialog-100k (results/README.md).
struct ContextualText {
  static let k1: Float = 0.8
  static let b: Float = 0.25
  /// What a term counts that is said so many turns away.
  static let reach: (one: Float, two: Float) = (0.3, 0.15)
  /// A term in more than this share of the texts says nothing of those around it.
  static let commonShare = 0.2

  /// By the text's own words, and with those around it; 0...1.
  private(set) var own: [Float]
  private(set) var withContext: [Float]
  /// Places of texts that have a term of the question, or stand near one that has.
  private(set) var reached: [Int32] = []
  /// Whether the question has a term at all.
  let hasTerms: Bool

  /// - Parameters:
  ///   - occurrences: of the question's terms in the texts.
  ///   - previous: the place of the turn before in the same run; -1 where there is none.
  ///   - meanLength: of all texts, in terms.
  ///   - corpus: how many texts there are, where these are only some of them; document frequencies are
  ///     then those of the whole index.
  init(
    _ occurrences: TextOccurrences, previous: [Int32], meanLength: Float, corpus: Int? = nil
  ) {
    let count = occurrences.lengths.count
    own = [Float](repeating: 0, count: count)
    withContext = own
    hasTerms = !occurrences.found.isEmpty
    let texts = corpus ?? count
    let perTerm = Self.k1 * Self.b / max(meanLength, 1)

    var next = [Int32](repeating: -1, count: count)
    for place in 0..<count where previous[place] >= 0 { next[Int(previous[place])] = Int32(place) }
    var x = [Float](repeating: 0, count: count)
    var touched: [Int32] = []
    var isReached = [Bool](repeating: false, count: count)
    var total: Float = 0
    for (found, frequency) in zip(occurrences.found, occurrences.frequencies) {
      let frequency = corpus == nil ? found.count : frequency
      let idf = Float(
        log(1 + (Double(max(texts - frequency, 0)) + 0.5) / (Double(frequency) + 0.5)))
      total += idf
      let isCommon = Double(frequency) > Self.commonShare * Double(texts)

      func add(_ share: Float, to place: Int32) {
        if x[Int(place)] == 0 { touched.append(place) }
        x[Int(place)] += share
      }
      for (place, count) in found {
        let length = Float(occurrences.lengths[Int(place)])
        let share = Float(count) / (Self.k1 * (1 - Self.b) + perTerm * length)
        own[Int(place)] += idf * share / (1 + share)
        add(share, to: place)
        if isCommon { continue }
        for neighbours in [previous, next] {
          let one = neighbours[Int(place)]
          guard one >= 0 else { continue }
          add(share * Self.reach.one, to: one)
          let two = neighbours[Int(one)]
          if two >= 0 { add(share * Self.reach.two, to: two) }
        }
      }
      for place in touched {
        let value = x[Int(place)]
        withContext[Int(place)] += idf * value / (1 + value)
        x[Int(place)] = 0
        if !isReached[Int(place)] {
          isReached[Int(place)] = true
          reached.append(place)
        }
      }
      touched.removeAll(keepingCapacity: true)
    }
    guard total > 0 else { return }
    for place in reached {
      own[Int(place)] /= total
      withContext[Int(place)] /= total
    }
  }
}

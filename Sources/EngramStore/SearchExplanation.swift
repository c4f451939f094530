import EngramIndex

/// How a search was planned and what each step of it cost.
public struct SearchExplanation: Sendable, Codable, Equatable {
  /// How the condition on the metadata became rows.
  public enum FilterResolution: String, Sendable, Codable {
    /// There was no filter, or the scope has no memories.
    case none
    /// From postings in memory.
    case postings
    /// From postings that this search had made first: a key's first filters do.
    case postingsBuilt = "postings, built first"
    /// By reading the metadata of the scope's memories.
    case catalogue
  }

  /// How the rows of the index that may be results were given to it.
  public enum Candidates: String, Sendable, Codable {
    /// Every row: neither scope nor filter.
    case all
    /// A list of them, all to be scored.
    case list
    /// A set of them, to be met on a walk through the graph.
    case set
  }

  /// Memories of the store; those whose vector is being replaced may count twice.
  public internal(set) var memories = 0
  /// Those of them that the scope and the filter leave.
  public internal(set) var passing = 0
  /// Whether the scope named an id; its rows always come from postings.
  public internal(set) var isScoped = false
  /// Where the rows that pass the filter came from.
  public internal(set) var filter = FilterResolution.none
  /// The form in which the rows that may be results were given to the index.
  public internal(set) var candidates = Candidates.all
  /// How the index searched, and what that cost.
  public internal(set) var cost = SearchStatistics()
  /// Memories returned.
  public internal(set) var results = 0
  /// Time taken to find the rows that pass, in microseconds.
  public internal(set) var resolveMicroseconds = 0.0
  /// Time taken by the index, in microseconds.
  public internal(set) var indexMicroseconds = 0.0
  /// Time taken to read the memories found and to check them, in microseconds.
  public internal(set) var readMicroseconds = 0.0
}

extension SearchExplanation: CustomStringConvertible {
  /// The explanation in a few lines.
  public var description: String {
    var conditions: [String] = []
    if isScoped { conditions.append("scope: postings") }
    if filter != .none { conditions.append("filter: \(filter.rawValue)") }
    return """
      \(passing) of \(memories) memories\(conditions.isEmpty ? "" : " (\(conditions.joined(separator: ", ")))")
      \(cost.plan?.rawValue ?? "no search") over \(candidates.rawValue): \(cost.distances) \
      distances, \(cost.hops) hops, \(cost.reranked) re-ranked, \(cost.bytes) bytes
      \(results) results; microseconds: resolve \(Self.tenths(resolveMicroseconds)), index \
      \(Self.tenths(indexMicroseconds)), read \(Self.tenths(readMicroseconds))
      """
  }

  private static func tenths(_ microseconds: Double) -> Double {
    (microseconds * 10).rounded() / 10
  }
}

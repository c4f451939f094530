import BenchmarkSupport
import EngramStore
import Foundation

/// Memories, questions, and which memories hold the answer to each.
struct RetrievalFolder {
  struct Question {
    var text: String
    var vector: [Float]
    var scope: Scope
    var category: Int
    /// Rows of the base.
    var evidence: Set<Int>
  }

  let memories: [NewMemory]
  let questions: [Question]
  let dimension: Int

  /// Reads `base.jsonl.gz`, `base.f16bin`, `queries.jsonl.gz` and `queries.fbin`.
  init(_ folder: String) throws {
    let base = try Self.objects(folder + "/base.jsonl.gz")
    let vectors = try VectorFile(folder + "/base.f16bin")
    let queries = try Self.objects(folder + "/queries.jsonl.gz")
    let queryVectors = try VectorFile(folder + "/queries.fbin")
    guard base.count == vectors.rows, queries.count == queryVectors.rows,
      vectors.dimension == queryVectors.dimension
    else { throw Malformed("\(folder): texts and vectors are not as many, or of other dimensions") }
    let dimension = vectors.dimension
    self.dimension = dimension

    var memories: [NewMemory] = []
    for (row, line) in base.enumerated() {
      guard let text = line.text("memory") else { throw Malformed("base, line \(row + 1): no memory") }
      memories.append(
        NewMemory(
          text: text, vector: Array(vectors.values[row * dimension..<(row + 1) * dimension]),
          scope: Scope(
            user: line.text("user_id"), agent: line.text("agent_id"), run: line.text("run_id")),
          role: line.text("role"),
          createdAt: line.text("created_at").flatMap { ISO8601.parse($0) }.map {
            Date(timeIntervalSince1970: Double($0) / 1e6)
          }))
    }
    self.memories = memories
    questions = try queries.enumerated().map { row, line in
      guard let text = line.text("query"), case .array(let evidence)? = line["evidence_rows"],
        case .int(let category)? = line["category"]
      else {
        throw Malformed("queries, line \(row + 1): query, category or evidence_rows is missing")
      }
      let rows = evidence.compactMap { if case .int(let row) = $0 { Int(row) } else { nil } }
      return Question(
        text: text, vector: Array(queryVectors.values[row * dimension..<(row + 1) * dimension]),
        scope: Scope(user: line.text("user_id")), category: Int(category), evidence: Set(rows))
    }
  }

  struct Malformed: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
  }

  private static func objects(_ file: String) throws -> [[String: JSONValue]] {
    try TextLines.read(file).enumerated().map { number, line in
      guard case .object(let members) = try JSONValue(parsing: line) else {
        throw Malformed("\(file), line \(number + 1): no object")
      }
      return members
    }
  }
}

extension [String: JSONValue] {
  fileprivate func text(_ key: String) -> String? {
    if case .string(let text)? = self[key] { text } else { nil }
  }
}

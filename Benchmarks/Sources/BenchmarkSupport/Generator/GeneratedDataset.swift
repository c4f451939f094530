import Foundation

/// The data set that every machine can make for itself: the same bytes everywhere, with the
/// spectrum and the neighbourhoods of real embeddings.
public struct GeneratedDataset: Sendable {
  public static let name = "generated-384"
  public static let dimension = 384

  public let rows: Int
  public let queries: Int

  /// The first n rows are the same whatever the number of rows.
  public init(rows: Int = 100_000, queries: Int = 1_000) {
    self.rows = max(1, rows)
    self.queries = max(1, queries)
  }

  public func make() -> Dataset {
    let epochs = (rows - 1) / DialoguePlan.rowsPerEpoch + 1
    let plans = (0..<epochs).map { DialoguePlan(epoch: $0) }
    let writer = UtteranceWriter()
    let base = fill(rows) { row, vector in
      let plan = plans[row / DialoguePlan.rowsPerEpoch]
      return writer.write(
        plan.utterances[row % DialoguePlan.rowsPerEpoch], of: plan,
        hash: Hash.mix(0x726F_7773, UInt64(row)), to: vector)
    }
    // A query belongs to a dialogue of the first epoch, chosen as often as it has utterances.
    let asked = fill(queries) { query, vector in
      let hash = Hash.mix(0x7175_6572, UInt64(query))
      let row = Int(hash.multipliedFullWidth(by: UInt64(DialoguePlan.rowsPerEpoch)).high)
      return writer.write(plans[0].utterances[row], of: plans[0], hash: hash, to: vector)
    }
    return Dataset(
      name: Self.name,
      summary: "\(grouped(rows)) x \(Self.dimension), generated with the spectrum and the "
        + "neighbourhoods of real sentence embeddings; \(grouped(queries)) queries",
      licence: "that of Engram (generated)", origin: "made by engram-bench",
      dimension: Self.dimension, vectors: base.vectors, records: base.records,
      queryVectors: asked.vectors, queries: asked.records)
  }

  /// Rows are independent of each other, so threads share them freely.
  private func fill(
    _ count: Int, _ row: @Sendable (Int, UnsafeMutablePointer<Float>) -> DialogRecord
  ) -> (vectors: [Float], records: DialogRecords) {
    let dimension = Self.dimension
    var made = [DialogRecord?](repeating: nil, count: count)
    let vectors = [Float](unsafeUninitializedCapacity: count * dimension) { buffer, initialized in
      guard let values = buffer.baseAddress else { return }
      made.withUnsafeMutableBufferPointer { made in
        guard let rows = made.baseAddress else { return }
        let shared = (SharedBuffer(base: values), SharedBuffer(base: rows))
        forEachRange(of: count, atMost: 256) { range in
          for i in range { shared.1.base[i] = row(i, shared.0.base + i * dimension) }
        }
      }
      initialized = count * dimension
    }
    var records = DialogRecords()
    for case let record? in made { records.append(record) }
    return (vectors, records)
  }
}

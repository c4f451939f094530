import HeapModule

/// A row that a full-text search found, and its score by BM25.
struct TextHit: Equatable, Sendable {
  var row: UInt32
  var score: Float
}

/// The best rows so far. By score, those of one score by row number, the lower first.
struct TopTexts {
  private var heap: Heap<UInt64>
  private let k: Int

  init(k: Int) {
    self.k = k
    heap = Heap(minimumCapacity: min(k, 1_024))
  }

  /// Scores below it are of no use.
  var least: Float {
    guard heap.count == k, let worst = heap.min else { return 0 }
    return Self.score(worst)
  }

  @inline(__always)
  mutating func insert(_ row: UInt32, _ score: Float) {
    guard score > 0 else { return }
    // Positive numbers are in the order of their bits.
    let key = UInt64(score.bitPattern) << 32 | UInt64(~row)
    if heap.count < k {
      heap.insert(key)
    } else if let worst = heap.min, key > worst {
      heap.replaceMin(with: key)
    }
  }

  private static func score(_ key: UInt64) -> Float {
    Float(bitPattern: UInt32(truncatingIfNeeded: key >> 32))
  }

  /// Best first, each row once: one whose text was replaced meanwhile may have been found twice.
  var hits: [TextHit] {
    var hits = heap.unordered.sorted(by: >).map {
      TextHit(row: ~UInt32(truncatingIfNeeded: $0), score: Self.score($0))
    }
    let rows = hits.map(\.row).sorted()
    if zip(rows, rows.dropFirst()).contains(where: { $0 == $1 }) {
      var seen = Set<UInt32>()
      hits.removeAll { !seen.insert($0.row).inserted }
    }
    return hits
  }
}

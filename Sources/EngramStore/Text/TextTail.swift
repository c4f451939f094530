import EngramIndex
import Synchronization

/// The newest texts, appended one by one. Searches score all of them.
final class TextTail: Sendable {
  let documents: TextDocuments
  /// How many texts have a row.
  let live = Atomic<Int>(0)
  private let memory: ReservedArray<UInt32>
  private let capacity: Int
  private let wordCapacity: Int
  private let published = Atomic<Int>(0)

  /// - Parameters:
  ///   - capacity: in texts.
  ///   - words: room for all of them together.
  init(capacity: Int, words: Int) throws(IndexError) {
    self.capacity = capacity
    wordCapacity = words
    let size = 2 * capacity + 1 + words
    memory = try ReservedArray(limit: size)
    try memory.ensure(count: size)
    let rows = UnsafeMutableRawPointer(memory.base)
      .bindMemory(to: Atomic<UInt32>.self, capacity: capacity)
    documents = TextDocuments(
      rows: rows, starts: memory.base + capacity, words: memory.base + 2 * capacity + 1)
  }

  /// How many texts there are.
  var count: Int { published.load(ordering: .acquiring) }

  var wordCount: Int { Int(documents.starts[count]) }

  var bytes: Int { 4 * (2 * count + 1 + wordCount) }

  /// Appends a text; its place. Nil where it does not fit in. One writer at a time.
  func append(row: UInt32, _ words: [UInt32]) -> Int? {
    let document = count
    let start = Int(documents.starts[document])
    guard document < capacity, start + words.count <= wordCapacity else { return nil }
    let place = memory.base + 2 * capacity + 1 + start
    words.withUnsafeBufferPointer { words in
      if let base = words.baseAddress { place.update(from: base, count: words.count) }
    }
    memory.base[capacity + document + 1] = UInt32(start + words.count)
    documents.rows[document].store(row, ordering: .relaxed)
    live.add(1, ordering: .relaxed)
    published.store(document + 1, ordering: .releasing)
    return document
  }
}

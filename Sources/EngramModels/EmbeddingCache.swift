import Synchronization

/// Vectors of texts that were embedded lately, by model, dimension and text. Any number of embedders may
/// share one. Where it is full, what was not asked for the longest goes.
public final class EmbeddingCache: Sendable {
  struct Key: Hashable {
    var model: String
    var dimension: Int
    /// As bytes: strings may be equal that a model tells apart.
    var text: [UInt8]

    init(model: String, dimension: Int, text: String) {
      self.model = model
      self.dimension = dimension
      self.text = Array(text.utf8)
    }
  }

  /// An entry in the list of all entries, the latest first.
  fileprivate struct Entry {
    var key: Key
    var vector: [Float]
    var bytes: Int
    var newer: Int?
    var older: Int?
  }

  fileprivate struct State {
    var places: [Key: Int] = [:]
    var entries: [Entry] = []
    var free: [Int] = []
    var newest: Int?
    var oldest: Int?
    var bytes = 0
    /// Texts that somebody embeds just now, and who waits for them.
    var underway: [Key: [Int: CheckedContinuation<Void, Never>]] = [:]
    var waiters = 0
  }

  private let state = Mutex(State())
  private let bytesMax: Int

  /// - Parameter bytesMax: of texts and vectors, about; 0 keeps nothing.
  public init(bytesMax: Int = 16 << 20) { self.bytesMax = bytesMax }

  /// What texts and vectors take at the moment, about.
  public var bytes: Int { state.withLock { $0.bytes } }
  public var count: Int { state.withLock { $0.places.count } }

  /// What a text has of its own beside its bytes: two keys, an entry, the heads of arrays.
  private static let overhead = 256

  enum Answer {
    case vector([Float])
    /// The caller is to embed it and to call `end`.
    case missing
    /// Somebody embeds it.
    case underway
  }

  /// The vector of a text. Where it is missing the caller has undertaken to embed it.
  func begin(_ key: Key) -> Answer {
    state.withLock { state in
      if let place = state.places[key] {
        state.unlink(place)
        state.linkAsNewest(place)
        return .vector(state.entries[place].vector)
      }
      if state.underway[key] != nil { return .underway }
      state.underway[key] = [:]
      return .missing
    }
  }

  /// Ends what `begin` began, and wakes those who wait for it.
  ///
  /// - Parameter vector: nil where there is none: one of those who wait tries next.
  func end(_ key: Key, _ vector: [Float]?) {
    let waiting = state.withLock { state in
      if let vector { insert(key, vector, &state) }
      return state.underway.removeValue(forKey: key) ?? [:]
    }
    for continuation in waiting.values { continuation.resume() }
  }

  /// Returns when nobody embeds a text any more, or the task is cancelled.
  func wait(for key: Key) async {
    let waiter = state.withLock { state in
      state.waiters += 1
      return state.waiters
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
        let isWaiting = state.withLock { state in
          // A task that was cancelled before has had its handler run.
          guard state.underway[key] != nil, !Task.isCancelled else { return false }
          state.underway[key]?[waiter] = continuation
          return true
        }
        if !isWaiting { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.underway[key]?.removeValue(forKey: waiter) }?.resume()
    }
  }

  private func insert(_ key: Key, _ vector: [Float], _ state: inout State) {
    let bytes = key.text.count + vector.count * 4 + Self.overhead
    guard bytes <= bytesMax, state.places[key] == nil else { return }
    while state.bytes + bytes > bytesMax, let oldest = state.oldest { state.remove(oldest) }
    let entry = Entry(key: key, vector: vector, bytes: bytes)
    let place: Int
    if let free = state.free.popLast() {
      place = free
      state.entries[place] = entry
    } else {
      place = state.entries.count
      state.entries.append(entry)
    }
    state.places[key] = place
    state.bytes += bytes
    state.linkAsNewest(place)
  }
}

extension EmbeddingCache.State {
  fileprivate mutating func linkAsNewest(_ place: Int) {
    entries[place].newer = nil
    entries[place].older = newest
    if let newest { entries[newest].newer = place }
    newest = place
    if oldest == nil { oldest = place }
  }

  fileprivate mutating func unlink(_ place: Int) {
    let (newer, older) = (entries[place].newer, entries[place].older)
    if let newer { entries[newer].older = older } else { newest = older }
    if let older { entries[older].newer = newer } else { oldest = newer }
  }

  fileprivate mutating func remove(_ place: Int) {
    unlink(place)
    bytes -= entries[place].bytes
    places[entries[place].key] = nil
    entries[place].key.text = []
    entries[place].vector = []
    free.append(place)
  }
}

import EngramIndex
import Foundation
import GRDB
import Synchronization
import SystemPackage

/// Makes a vector space the active one: gives every version a vector in it, batch by batch, builds the
/// index over them, and switches over once next to nothing is missing.
///
/// Each batch is committed by itself. What is missing follows from the catalogue alone, so that whoever
/// comes after one that was killed goes on where it was.
struct Reembedder: Sendable {
  let store: Store
  let space: VectorSpace
  let embed: Store.TextEmbedding
  let progress: StoreProgress.Handler?
  /// What takes vectors of the space, and refuses others.
  private let model: HNSWIndex

  /// Texts of one call of the model, and of one commit.
  private static let batch = 128
  /// So many vectors may be missing for the first attempt to switch over; twice as many for each further
  /// one, so that writers that are quicker than the model do not keep it off for ever.
  private static let firstLimit = 16
  /// Texts whose vectors are kept at hand.
  private static let recent = 4_096

  init(
    _ store: Store, _ space: VectorSpace, progress: StoreProgress.Handler?,
    embed: @escaping Store.TextEmbedding
  ) throws(StoreError) {
    (self.store, self.space, self.progress, self.embed) = (store, space, progress, embed)
    do throws(IndexError) {
      model = try HNSWIndex(dimension: space.model.dimension, metric: space.metric)
    } catch { throw .index(error) }
  }

  func run() async throws(StoreError) -> ReembedReport {
    let begin = MonotonicTime.now
    let (source, pages) = (store.core.source, try openPages())
    var report = ReembedReport(model: space.model, previous: store.core.index.pages.header.embedding)
    var complete: Int64 = 0
    var index: SpaceIndex?
    var limit = Self.firstLimit
    while true {
      complete = try await embedAll(after: complete, into: pages, &report)
      let (known, upTo) = (index, complete)
      let made = try await LongCall.run(progress) { [store] call in
        let made = try SpaceIndex.make(known, source, pages, upTo: upTo, call)
        // What questions have had made of the texts, the first one after the move would wait for.
        if store.core.index.live.text.index != nil { _ = try store.textIndex(of: made.live) }
        return made
      }
      index = made
      if try await switchOver(made, complete, limit) { break }
      limit *= 2
    }
    report.duration = .nanoseconds(MonotonicTime.now.since(begin))
    return report
  }

  private func openPages() throws(StoreError) -> VectorPages {
    let core = store.core
    let header = space.header(store: core.index.pages.header.store)
    do {
      return try StoreCore.openPages(in: core.directory, header, catalogue: core.catalogue)
    } catch { throw StoreError(error) }
  }

  // MARK: Vectors

  /// Gives vectors to all versions after a change that have none; the change up to which all have.
  private func embedAll(
    after change: Int64, into pages: VectorPages, _ report: inout ReembedReport
  ) async throws(StoreError) -> Int64 {
    var complete = change
    var known: [ExactString: [Float]] = [:]
    let catalogue = store.core.catalogue
    let (before, total) = try await counts()
    while true {
      let (space, after) = (space.id, complete)
      let batch = try await LongCall.run(nil) { _ in
        try catalogue.read { try Unembedded.next(after: after, in: space, limit: Self.batch, $0) }
      }
      if !batch.versions.isEmpty {
        if known.count > Self.recent { known = [:] }
        report.texts += try await embed(batch.versions, &known)
        let vectors = batch.versions.map { known[ExactString($0.text)] ?? [] }
        report.vectors += try await store.transact { try pages.adopt(batch.versions, vectors, $0) }
        let done = min(before + report.vectors, total)
        progress?(StoreProgress(phase: .embedding, done: done, total: total))
      }
      complete = batch.through
      if batch.isLast { return complete }
    }
  }

  /// Vectors that the space has, and that it is to have.
  private func counts() async throws(StoreError) -> (done: Int, total: Int) {
    let status = try await offload { [store] () throws(StoreError) in try store.reembedStatus() }
    return (status.embedded, status.total)
  }

  /// Makes the vectors of texts that are not known yet; how many these were.
  private func embed(
    _ versions: [Unembedded], _ known: inout [ExactString: [Float]]
  ) async throws(StoreError) -> Int {
    var new: [String] = []
    var seen = Set<ExactString>()
    for text in versions.map({ ExactString($0.text) }) where known[text] == nil && seen.insert(text).inserted {
      new.append(text.text)
    }
    guard !new.isEmpty else { return 0 }
    for (text, vector) in zip(new, try await vectors(of: new)) { known[ExactString(text)] = vector }
    return new.count
  }

  /// - Throws: `StoreError.invalid` where the model fails, `.index` where what it makes is no vector of the
  ///   space.
  private func vectors(of texts: [String]) async throws(StoreError) -> [[Float]] {
    if Task.isCancelled { throw .cancelled }
    let vectors: [[Float]]
    do { vectors = try await embed(texts) } catch {
      if Task.isCancelled || error is CancellationError { throw .cancelled }
      throw .invalid(field: "embed", reason: "the model failed: \(error)")
    }
    guard vectors.count == texts.count else {
      throw .invalid(
        field: "embed", reason: "it made \(vectors.count) vectors of \(texts.count) texts")
    }
    for vector in vectors { _ = try Check.vector(vector, index: model) }
    return vectors
  }

  // MARK: Switching over

  /// Whether it took place.
  private func switchOver(
    _ index: SpaceIndex, _ complete: Int64, _ limit: Int
  ) async throws(StoreError) -> Bool {
    let request = SpaceSwitch(to: space, index, complete: complete, limit: limit, embed: embedNow)
    let core = store.core
    _ = try await core.queue.submit(.switchSpace(request))
    return request.isDone
  }

  /// The vectors of the last versions, on the commit thread, which waits for them.
  private func embedNow(_ versions: [Unembedded]) throws -> [[Float]] {
    guard !versions.isEmpty else { return [] }
    let made = Mutex<Result<[[Float]], StoreError>>(.failure(.cancelled))
    let done = DispatchSemaphore(value: 0)
    Task {
      let result = await Result { () async throws(StoreError) in
        try await vectors(of: versions.map(\.text))
      }
      made.withLock { $0 = result }
      done.signal()
    }
    done.wait()
    return try made.withLock { $0 }.get()
  }
}

extension Result {
  fileprivate init(_ body: () async throws(Failure) -> Success) async {
    do throws(Failure) { self = .success(try await body()) } catch { self = .failure(error) }
  }
}

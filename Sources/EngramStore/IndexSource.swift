import EngramIndex
import Foundation
import SystemPackage

/// How a process comes by the index of a store: from its snapshot, or an empty one that the catalogue
/// will fill.
struct IndexSource: Sendable {
  let directory: FilePath
  let configuration: StoreConfiguration
  let catalogue: Catalogue

  func snapshotPath(of pages: VectorPages) -> FilePath {
    directory.appending(Snapshot.fileName(space: pages.header.space))
  }

  /// What a snapshot over these vectors must agree with.
  func identity(of pages: VectorPages) -> Snapshot.Identity {
    Snapshot.Identity(
      store: pages.header.store, space: pages.header.space, generation: pages.header.generation,
      dimension: pages.header.dimension, metric: pages.header.metric,
      parameters: configuration.graph)
  }

  /// The index over the vectors of a file.
  func open(_ pages: VectorPages) throws -> (LiveIndex, IndexOrigin) {
    var origin = IndexOrigin.rebuilt(because: "there was no snapshot")
    do throws(StoreError) {
      if let live = try restore(pages) { return (live, .snapshot) }
    } catch {
      // A catalogue that is behind its snapshot has lost what was acknowledged, unless that was
      // never promised to survive power loss.
      guard case .damaged(let file, _) = error,
        file == snapshotPath(of: pages).string || configuration.durability != .full
      else { throw error }
      origin = .rebuilt(because: error.description)
    }
    let index = try HNSWIndex(
      dimension: Int(pages.header.dimension), metric: pages.header.metric,
      parameters: configuration.graph)
    let live = LiveIndex(
      index: index, table: try RowTable(), postings: ScopePostings(), signals: try RankingSignals(),
      pages: pages, covered: 0)
    return (live, try catalogue.slotCount(space: pages.header.space) == 0 ? .empty : origin)
  }

  /// The index that the snapshot holds; nil where there is none.
  func restore(_ pages: VectorPages) throws(StoreError) -> LiveIndex? {
    try Snapshot.read(
      snapshotPath(of: pages), identity: identity(of: pages), pages: pages,
      threads: configuration.indexingThreads, catalogue: catalogue)
  }

  /// The file of vectors that the catalogue names now, of a store whose file was `known` before.
  func openPages(after known: VectorPages) throws -> VectorPages {
    func current() throws -> VectorPages.Header {
      try catalogue.read(VectorSpace.active).header(store: known.header.store)
    }
    var header = try current()
    while true {
      do throws(StoreError) {
        return try VectorPages.open(directory.appending(header.fileName), expecting: header)
      } catch {
        // Compaction, or a reembed, may have been quicker.
        let now = try current()
        guard now != header else { throw error }
        header = now
      }
    }
  }
}

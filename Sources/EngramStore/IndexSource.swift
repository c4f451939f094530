import EngramIndex
import Foundation
import SystemPackage

/// How a process comes by the index of a store: from its snapshot, or an empty one that the catalogue
/// will fill.
struct IndexSource: Sendable {
  let directory: FilePath
  let configuration: StoreConfiguration
  let catalogue: Catalogue

  var snapshotPath: FilePath {
    directory.appending(Snapshot.fileName(space: CommitGroup.space))
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
        file == snapshotPath.string || configuration.durability != .full
      else { throw error }
      origin = .rebuilt(because: error.description)
    }
    let index = try HNSWIndex(
      dimension: configuration.dimension, metric: configuration.metric,
      parameters: configuration.graph)
    let live = LiveIndex(
      index: index, table: try RowTable(), postings: ScopePostings(), signals: try RankingSignals(),
      pages: pages, covered: 0)
    return (live, try catalogue.slotCount() == 0 ? .empty : origin)
  }

  /// The index that the snapshot holds; nil where there is none.
  func restore(_ pages: VectorPages) throws(StoreError) -> LiveIndex? {
    try Snapshot.read(
      snapshotPath, identity: identity(of: pages), pages: pages,
      threads: configuration.indexingThreads, catalogue: catalogue)
  }

  /// The file of vectors that the catalogue names now, of a store whose file was `known` before.
  func openPages(after known: VectorPages) throws -> VectorPages {
    var header = known.header
    header.generation = try catalogue.read(VectorPages.generation)
    while true {
      do throws(StoreError) {
        return try VectorPages.open(directory.appending(header.fileName), expecting: header)
      } catch {
        // Compaction may have been quicker.
        let generation = try catalogue.read(VectorPages.generation)
        guard generation != header.generation else { throw error }
        header.generation = generation
      }
    }
  }
}

import EngramIndex
import Foundation
import Synchronization

/// The full text of an index's rows: made of the catalogue when a search first asks for it, or restored from
/// a snapshot, and kept up with the changes from then on.
///
/// A build says that it has begun, and only then looks at the catalogue; a commit is in the catalogue
/// and its rows in the table before it is recorded. So each change is seen by the build, or recorded
/// behind it, or both; the latest text of a row wins.
final class LiveText: Sendable {
  private struct State {
    var index: TextIndex?
    /// What has changed since a build began; nil while there is none.
    var missed: [Change]?
  }

  /// A row and the text that it has now; nil where it stands for no memory any more.
  typealias Change = (row: UInt32, text: String?)

  private let published = LeftRight<TextIndex?>(nil)
  /// Held by who records changes, and for a moment by who builds: no search takes it.
  private let state = Mutex(State())
  private let builder = Mutex<Void>(())
  private let isSealing = Atomic<Bool>(false)

  /// - Parameter restored: what a snapshot holds; it is brought up to date by what is recorded.
  init(_ restored: TextIndex? = nil) {
    guard let restored else { return }
    state.withLock { $0.index = restored }
    published.write { $0 = restored }
  }

  /// The texts as they are between two changes; nil where nobody has asked for them.
  func snapshot() -> TextSnapshot? { state.withLock { $0.index?.snapshot() } }

  /// Nil until it has been asked for.
  var index: TextIndex? { published.read { copy $0 } }

  /// The index; made where it is not there yet.
  ///
  /// - Parameter read: calls its argument with each row and its text, as the catalogue has them.
  func index(
    _ read: (_ file: (UInt32, String) throws(IndexError) -> Void) throws -> Void
  ) throws -> TextIndex {
    if let index { return index }
    return try builder.withLock { _ in
      if let index { return index }
      state.withLock { $0.missed = [] }
      let made: TextIndex
      do {
        made = try TextIndex()
        try read { row, text throws(IndexError) in try made.insert(row: row, text: text) }
        while try made.sealIfDue() {}
      } catch {
        state.withLock { $0.missed = nil }
        throw error
      }
      // Seen by searches before the lock is given back: whoever records next may have to take it away.
      try state.withLock { state in
        defer { state.missed = nil }
        try Self.record(state.missed ?? [], in: made)
        state.index = made
        published.write { [made] in $0 = made }
      }
      return made
    }
  }

  /// Takes over what has changed, in the order of the changes. After the table knows the rows.
  func record(_ changes: [Change]) {
    guard !changes.isEmpty else { return }
    state.withLock { state in
      state.missed?.append(contentsOf: changes)
      guard let index = state.index else { return }
      // Without memory for a text there is no index until a search makes another.
      do throws(IndexError) { try Self.record(changes, in: index) } catch {
        state.index = nil
        published.write { $0 = nil }
      }
    }
    sealSoonIfDue()
  }

  private static func record(_ changes: [Change], in index: TextIndex) throws(IndexError) {
    for (row, text) in changes {
      if let text { try index.insert(row: row, text: text) } else { index.remove(row: row) }
    }
  }

  /// Makes segments of what has come, on a thread that nobody waits for.
  private func sealSoonIfDue() {
    guard let index, index.isSealDue, !isSealing.exchange(true, ordering: .acquiring) else { return }
    DispatchQueue.global(qos: .utility).async { [self] in
      while (try? index.sealIfDue()) == true {}
      isSealing.store(false, ordering: .releasing)
    }
  }
}

import EngramStore
import Foundation

/// Works in the background on what waits: of each scope one episode after the other, of several scopes a
/// few at a time.
///
/// Nothing runs where nothing waits. Of several processes on one store each may work on an episode, and
/// the first that is done has made its memories; what the others had is thrown away.
actor MemoryQueue {
  private let maker: MemoryMaker
  private var running: [Scope: Task<Void, Never>] = [:]
  private var timer: Task<Void, Never>?
  private var isClosed = false

  private static let scopesAtOnce = 4
  /// After the store has failed.
  private static let rest: TimeInterval = 30

  init(_ maker: MemoryMaker) { self.maker = maker }

  /// Begins with what is due, and comes back when more is.
  func wake() {
    timer?.cancel()
    timer = nil
    guard !isClosed, running.count < Self.scopesAtOnce else { return }
    do throws(StoreError) {
      let first = try maker.store.dueEpisodes(by: .distantFuture, limit: 2 * Self.scopesAtOnce)
      let now = Date()
      for episode in first where running[episode.scope] == nil {
        guard let due = episode.retryAt, due <= now else {
          return sleep(until: episode.retryAt ?? now)
        }
        guard running.count < Self.scopesAtOnce else { return }
        start(episode.scope)
      }
    } catch {
      if case .closed = error { return }
      sleep(until: Date(timeIntervalSinceNow: Self.rest))
    }
  }

  /// Ends the work: what was begun is left waiting, as it was.
  func close() async {
    isClosed = true
    timer?.cancel()
    let tasks = running.values
    for task in tasks { task.cancel() }
    for task in tasks { await task.value }
  }

  private func start(_ scope: Scope) {
    running[scope] = Task { [maker, weak self] in
      var isStoreWell = true
      do throws(EngramError) { try await maker.makeFirst(in: scope) } catch {
        // Why the episode failed stands beside it.
        switch error {
        case .store, .otherModel: isStoreWell = false
        default: break
        }
      }
      await self?.ended(scope, isStoreWell)
    }
  }

  private func ended(_ scope: Scope, _ isStoreWell: Bool) {
    running[scope] = nil
    if isStoreWell { wake() } else { sleep(until: Date(timeIntervalSinceNow: Self.rest)) }
  }

  private func sleep(until time: Date) {
    guard !isClosed else { return }
    timer?.cancel()
    timer = Task { [weak self] in
      // A moment longer, so that it is due by then.
      do { try await Task.sleep(for: .seconds(max(time.timeIntervalSinceNow, 0) + 0.001)) } catch { return }
      await self?.wake()
    }
  }
}

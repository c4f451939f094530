import EngramStore
import Foundation
import Synchronization

/// How far a command has come, in one line on standard error that is written over and over.
final class ProgressLine: Sendable {
  private let last = Mutex<ContinuousClock.Instant?>(nil)

  /// Nil where standard error is no terminal: nobody looks.
  init?() {
    guard isatty(STDERR_FILENO) == 1 else { return nil }
  }

  @Sendable func show(_ progress: StoreProgress) {
    last.withLock { last in
      let now = ContinuousClock.now
      if let last, last.duration(to: now) < .milliseconds(100) { return }
      last = now
      let part =
        progress.total > 0 ? " \(100 * progress.done / progress.total) %" : " \(progress.done)"
      write("\r\u{1B}[K\(progress.phase.rawValue)\(part)")
    }
  }

  func show(_ text: String) { write("\r\u{1B}[K\(text)") }

  func clear() { write("\r\u{1B}[K") }

  private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}

import Foundation
import Synchronization

/// Tells on standard error what a long run is doing: a line that rewrites itself on a terminal,
/// else one plain line per stage. Colour only on a terminal, and not with NO_COLOR.
public final class ProgressWriter: Sendable {
  private struct State {
    var stage: String?
    var start: UInt64 = 0
    var lastUpdate: UInt64 = 0
  }

  private let isTerminal: Bool
  private let hasColour: Bool
  private let write: @Sendable (String) -> Void
  private let state = Mutex(State())

  public convenience init() {
    let isTerminal = isatty(STDERR_FILENO) == 1
    let environment = ProcessInfo.processInfo.environment
    let refused = !(environment["NO_COLOR"] ?? "").isEmpty || environment["TERM"] == "dumb"
    self.init(isTerminal: isTerminal, hasColour: isTerminal && !refused) { text in
      FileHandle.standardError.write(Data(text.utf8))
    }
  }

  init(isTerminal: Bool, hasColour: Bool, write: @escaping @Sendable (String) -> Void) {
    self.isTerminal = isTerminal
    self.hasColour = hasColour
    self.write = write
  }

  /// Begins a stage; the one before it ends.
  public func begin(_ stage: String) {
    state.withLock { state in
      end(&state, note: nil)
      state.stage = stage
      state.start = MonotonicClock.now()
      state.lastUpdate = 0
      if isTerminal { write(rewritten(stage + " ...")) }
    }
  }

  /// How far the stage is; cheap enough for every few hundred operations, from any thread.
  public func update(_ done: Int, of total: Int) {
    guard isTerminal else { return }
    state.withLock { state in
      guard let stage = state.stage else { return }
      let now = MonotonicClock.now()
      guard now &- state.lastUpdate > 100_000_000 else { return }
      state.lastUpdate = now
      let percent = total > 0 ? Int(Double(done) / Double(total) * 100) : 0
      write(rewritten("\(stage) \(grouped(done)) / \(grouped(total)) (\(percent) %)"))
    }
  }

  /// Ends the stage with its time and, if given, what came out.
  public func end(_ note: String? = nil) {
    state.withLock { state in end(&state, note: note) }
  }

  /// A line that stays.
  public func say(_ text: String) {
    state.withLock { state in
      end(&state, note: nil)
      write(text + "\n")
    }
  }

  private func end(_ state: inout State, note: String?) {
    guard let stage = state.stage else { return }
    let seconds = grouped(MonotonicClock.seconds(since: state.start), decimals: 1)
    let line = "\(stage): \(seconds) s" + (note.map { ", \($0)" } ?? "")
    let mark = hasColour ? "\u{1B}[32mdone\u{1B}[0m " : ""
    write(isTerminal ? rewritten(mark + line) + "\n" : line + "\n")
    state.stage = nil
  }

  private func rewritten(_ line: String) -> String { "\r\u{1B}[K" + line }
}

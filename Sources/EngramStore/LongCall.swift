import CEngramSQLite
import Foundation
import GRDB
import Synchronization

/// How far a call that takes long has come.
public struct StoreProgress: Sendable, Hashable {
  public enum Phase: String, Sendable, CaseIterable {
    case catalogue, history, memories, vectors, fullText = "full text", embedding, index, files
  }

  /// What it is at: phases come one after the other, some of them more than once.
  public var phase: Phase
  /// How much of `total` is done: rows, vectors, pages or bytes, as the phase has it.
  public var done: Int
  /// 0 where nobody can tell.
  public var total: Int

  package init(phase: Phase, done: Int, total: Int) {
    self.phase = phase
    self.done = done
    self.total = total
  }

  /// Called on a thread of the call's own, between one step and the next.
  public typealias Handler = @Sendable (StoreProgress) -> Void
}

/// A call that takes long: it says how far it has come and ends when its caller's task is cancelled.
package final class LongCall: Sendable {
  private let progress: StoreProgress.Handler?
  private let isCancelled = Atomic(false)

  /// Parts between two reports.
  private static let step = 4_096

  init(_ progress: StoreProgress.Handler? = nil) { self.progress = progress }

  /// Runs `body` on a thread of its own.
  ///
  /// - Throws: `StoreError.cancelled` where it stopped because the task was cancelled.
  package static func run<Value: Sendable>(
    _ progress: StoreProgress.Handler?, _ body: @escaping @Sendable (LongCall) throws -> Value
  ) async throws(StoreError) -> Value {
    let call = LongCall(progress)
    do {
      return try await withTaskCancellationHandler {
        try await offload { () throws(StoreError) in
          do { return try body(call) } catch {
            // SQLite says "interrupted", others what they had not finished.
            throw call.isCancelled.load(ordering: .relaxed) ? .cancelled : StoreError(error)
          }
        }
      } onCancel: {
        call.isCancelled.store(true, ordering: .relaxed)
      }
    } catch { throw StoreError(error) }
  }

  /// To be called often: reports now and then, and throws once the task is cancelled.
  package func reached(
    _ done: Int, of total: Int = 0, _ phase: StoreProgress.Phase
  ) throws(StoreError) {
    if isCancelled.load(ordering: .relaxed) { throw .cancelled }
    guard let progress, done % Self.step == 0 || done == total else { return }
    progress(StoreProgress(phase: phase, done: done, total: total))
  }

  /// Lets cancellation end what SQLite is doing in the middle of a statement.
  func watching<Value>(_ db: Database, _ body: () throws -> Value) throws -> Value {
    let connection = db.sqliteConnection
    let context = Unmanaged.passUnretained(self).toOpaque()
    sqlite3_progress_handler(
      connection, 10_000,
      { context in
        guard let context else { return 0 }
        let call = Unmanaged<LongCall>.fromOpaque(context).takeUnretainedValue()
        return call.isCancelled.load(ordering: .relaxed) ? 1 : 0
      }, context)
    defer { sqlite3_progress_handler(connection, 0, nil, nil) }
    return try withExtendedLifetime(self) { try body() }
  }
}

/// Runs what blocks on a thread of its own, never on Swift's pool.
func offload<Value: Sendable>(
  _ body: @escaping @Sendable () throws(StoreError) -> Value
) async throws(StoreError) -> Value {
  let result = await withCheckedContinuation { continuation in
    Thread {
      continuation.resume(returning: Result { () throws(StoreError) in try body() })
    }.start()
  }
  return try result.get()
}

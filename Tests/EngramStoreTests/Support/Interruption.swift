import EngramStore
import Foundation
import Synchronization

/// Runs a long call and cancels its task exactly when it reports its progress for the `report`-th
/// time.
///
/// - Returns: what it threw, as `refusal` says it; nil where it had ended before.
func interrupted(
  at report: Int, _ call: @escaping @Sendable (@escaping StoreProgress.Handler) async throws -> Void
) async -> String? {
  let count = Mutex(0)
  let (reached, cancelled) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
  let task = Task {
    defer { reached.signal() }
    return await refusal {
      try await call { _ in
        let number = count.withLock { count in
          count += 1
          return count
        }
        guard number == report else { return }
        reached.signal()
        cancelled.wait()
      }
    }
  }
  await withCheckedContinuation { continuation in
    Thread {
      reached.wait()
      continuation.resume()
    }.start()
  }
  task.cancel()
  cancelled.signal()
  return await task.value
}

/// The names in a directory, sorted.
func names(in directory: URL) throws -> [String] {
  try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
}

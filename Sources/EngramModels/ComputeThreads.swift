import Foundation

/// Threads for what computes for milliseconds, as many as there are processors: on Swift's cooperative
/// pool it would hold up all who only wait to go on.
enum ComputeThreads {
  private static let queue: OperationQueue = {
    let queue = OperationQueue()
    queue.name = "engram.compute"
    queue.maxConcurrentOperationCount = ProcessInfo.processInfo.activeProcessorCount
    return queue
  }()

  static func run<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
      queue.addOperation { continuation.resume(returning: body()) }
    }
  }
}

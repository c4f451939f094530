import CCurl
import Synchronization

/// Posts over HTTP/1.1 and HTTP/2 with libcurl: connections are used again, servers' certificates are
/// always verified, a proxy is taken from the environment (`http_proxy`, `https_proxy`, `all_proxy`,
/// `no_proxy`), redirects are not followed. Transfers run on one thread of the client's own, from the
/// first call to the client's end; no call blocks a thread of Swift's pool.
package final class HTTPClient: Sendable {
  private let loop = TransferLoop()
  private let tickets = Atomic<Int>(0)

  package init() {}

  deinit { loop.close() }

  /// Ends the transfer when the task is cancelled.
  package func send(_ post: HTTPPost) async throws(HTTPFailure) -> HTTPReply {
    let ticket = tickets.add(1, ordering: .relaxed).newValue
    let outcome = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        loop.submit(ticket, post) { continuation.resume(returning: $0) }
        // Cancelled before it was there to be cancelled.
        if Task.isCancelled { loop.cancel(ticket) }
      }
    } onCancel: {
      loop.cancel(ticket)
    }
    return try outcome.get()
  }
}

/// What waits and what runs may hold keys.
extension HTTPClient: CustomReflectable {
  package var customMirror: Mirror { Mirror(self, children: [:]) }
}

import CCurl
import Foundation
import Synchronization

/// The thread that runs an ``HTTPClient``'s transfers, all at once: it alone touches curl's handles,
/// but for the call that wakes it.
final class TransferLoop: Sendable {
  typealias Outcome = Result<HTTPReply, HTTPFailure>

  private struct Waiting {
    let ticket: Int
    let post: HTTPPost
    let done: @Sendable (Outcome) -> Void
  }

  /// Unchecked: curl lets any thread wake a multi handle until it is freed, which happens after the
  /// state below has forgotten it.
  private struct MultiHandle: @unchecked Sendable {
    let pointer: UnsafeMutableRawPointer
  }

  private struct State {
    var waiting: [Waiting] = []
    var cancelled: [Int] = []
    var isClosed = false
    /// nil until the thread runs and after it has ended.
    var multi: MultiHandle?

    func wake() {
      if let multi { _ = curl_multi_wakeup(multi.pointer) }
    }
  }

  private let state = Mutex(State())

  /// Connections at once; more transfers wait for one to be free.
  private static let connectionsMax = 64
  /// How long the thread sleeps at most; it is woken when there is something to do.
  private static let sleepMilliseconds: Int32 = 60_000

  /// curl's own state, once in a process.
  private static let isCurlReady = curl_global_init(Int(CURL_GLOBAL_ALL)) == CURLE_OK

  /// `done` is called once, on any thread.
  func submit(_ ticket: Int, _ post: HTTPPost, _ done: @escaping @Sendable (Outcome) -> Void) {
    let isTaken = state.withLock { state in
      guard !state.isClosed, startIfNeeded(&state) else { return false }
      state.waiting.append(Waiting(ticket: ticket, post: post, done: done))
      state.wake()
      return true
    }
    if !isTaken { done(.failure(.refused("libcurl cannot be started"))) }
  }

  /// Ends this transfer, if it has not ended.
  func cancel(_ ticket: Int) {
    let waiting = state.withLock { state -> Waiting? in
      if let index = state.waiting.firstIndex(where: { $0.ticket == ticket }) {
        return state.waiting.remove(at: index)
      }
      if state.multi != nil { state.cancelled.append(ticket) }
      state.wake()
      return nil
    }
    waiting?.done(.failure(.cancelled))
  }

  /// Ends all transfers and the thread.
  func close() {
    state.withLock { state in
      state.isClosed = true
      state.wake()
    }
  }

  private func startIfNeeded(_ state: inout State) -> Bool {
    if state.multi != nil { return true }
    guard Self.isCurlReady, let pointer = curl_multi_init() else { return false }
    _ = engram_curl_multi_set_long(pointer, CURLMOPT_MAX_TOTAL_CONNECTIONS, Self.connectionsMax)
    // Kept for the next burst; curl's own bound falls with the transfers that run.
    _ = engram_curl_multi_set_long(pointer, CURLMOPT_MAXCONNECTS, Self.connectionsMax)
    let multi = MultiHandle(pointer: pointer)
    state.multi = multi
    let thread = Thread { [self] in run(multi) }
    thread.name = "engram.http"
    thread.start()
    return true
  }

  // MARK: - On the thread

  private func run(_ multi: MultiHandle) {
    _ = engram_curl_block_sigpipe()
    var active: [UnsafeMutableRawPointer: Transfer] = [:]
    while true {
      let (waiting, cancelled, isClosed) = take()
      for transfer in active.values where isClosed || cancelled.contains(transfer.ticket) {
        end(transfer, .failure(.cancelled), &active, multi)
      }
      if isClosed { break }
      for new in waiting { start(new, &active, multi) }
      var running: Int32 = 0
      let result = curl_multi_perform(multi.pointer, &running)
      endFinished(&active, multi)
      if result != CURLM_OK {
        let reason = HTTPFailure.connection(String(cString: curl_multi_strerror(result)))
        for transfer in active.values { end(transfer, .failure(reason), &active, multi) }
      }
      _ = curl_multi_poll(multi.pointer, nil, 0, Self.sleepMilliseconds, nil)
    }
    state.withLock { $0.multi = nil }
    curl_multi_cleanup(multi.pointer)
  }

  private func take() -> (waiting: [Waiting], cancelled: Set<Int>, isClosed: Bool) {
    state.withLock { state in
      defer {
        state.waiting = []
        state.cancelled = []
      }
      return (state.waiting, Set(state.cancelled), state.isClosed)
    }
  }

  private func start(
    _ new: Waiting, _ active: inout [UnsafeMutableRawPointer: Transfer], _ multi: MultiHandle
  ) {
    do throws(HTTPFailure) {
      let transfer = try Transfer(ticket: new.ticket, post: new.post, done: new.done)
      let result = curl_multi_add_handle(multi.pointer, transfer.handle)
      guard result == CURLM_OK else {
        throw .connection(String(cString: curl_multi_strerror(result)))
      }
      active[transfer.handle] = transfer
    } catch { new.done(.failure(error)) }
  }

  private func endFinished(
    _ active: inout [UnsafeMutableRawPointer: Transfer], _ multi: MultiHandle
  ) {
    var left: Int32 = 0
    while let message = curl_multi_info_read(multi.pointer, &left) {
      // What the message says is gone once its handle is removed.
      let said = message.pointee
      guard said.msg == CURLMSG_DONE, let transfer = active[said.easy_handle] else { continue }
      end(transfer, transfer.outcome(of: said.data.result), &active, multi)
    }
  }

  private func end(
    _ transfer: Transfer, _ outcome: Outcome,
    _ active: inout [UnsafeMutableRawPointer: Transfer], _ multi: MultiHandle
  ) {
    curl_multi_remove_handle(multi.pointer, transfer.handle)
    active[transfer.handle] = nil
    transfer.done(outcome)
  }
}

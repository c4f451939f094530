import CCurl
import Foundation

/// One POST on its way: curl's handle, what was received so far, and who waits for it. Lives on the
/// thread of its ``TransferLoop``.
final class Transfer {
  let ticket: Int
  let done: @Sendable (TransferLoop.Outcome) -> Void
  let handle: UnsafeMutableRawPointer

  private let replyBytesMax: Int
  private var list: UnsafeMutablePointer<curl_slist>?
  private let message: UnsafeMutablePointer<CChar>
  private var headers: [String: String] = [:]
  private var headerBytes = 0
  private var hasAllHeaders = false
  private var body: [UInt8] = []
  private var isTooLong = false

  /// Headers beyond these are not kept.
  private static let headerBytesMax = 64 << 10

  init(
    ticket: Int, post: HTTPPost, done: @escaping @Sendable (TransferLoop.Outcome) -> Void
  ) throws(HTTPFailure) {
    guard let handle = curl_easy_init() else { throw .connection("libcurl has no memory") }
    self.ticket = ticket
    self.done = done
    self.handle = handle
    replyBytesMax = post.replyBytesMax
    message = .allocate(capacity: Int(CURL_ERROR_SIZE))
    message.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    try setRequest(post)
    try setConnection(post)
    try setReceivers()
  }

  deinit {
    curl_easy_cleanup(handle)
    curl_slist_free_all(list)
    message.deallocate()
  }

  func outcome(of result: CURLcode) -> TransferLoop.Outcome {
    if isTooLong { return .failure(.tooLong) }
    switch result {
    // curl takes headers without an end for a reply without a body.
    case CURLE_OK where !hasAllHeaders:
      return .failure(.connection("the connection was closed within the headers"))
    case CURLE_OK:
      let status = engram_curl_long(handle, CURLINFO_RESPONSE_CODE)
      return .success(HTTPReply(status: status, headers: headers, body: body))
    // The connection's time and the call's are told apart by whether the request went out.
    case CURLE_OPERATION_TIMEDOUT where engram_curl_double(handle, CURLINFO_PRETRANSFER_TIME) > 0:
      return .failure(.timedOut)
    case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL, CURLE_PEER_FAILED_VERIFICATION,
      CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_OUT_OF_MEMORY:
      return .failure(.refused(explanation(of: result)))
    default:
      return .failure(.connection(explanation(of: result)))
    }
  }

  private func explanation(of result: CURLcode) -> String {
    message.pointee == 0 ? String(cString: curl_easy_strerror(result)) : String(cString: message)
  }

  // MARK: - Options

  private func setRequest(_ post: HTTPPost) throws(HTTPFailure) {
    try set(CURLOPT_URL, post.url)
    try set(CURLOPT_POST, 1)
    try check(
      engram_curl_set_size(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(post.body.count)))
    // curl copies the body; without an address it would send none at all.
    try check(
      post.body.withUnsafeBytes {
        let start = $0.baseAddress ?? UnsafeRawPointer(message)
        return engram_curl_set_pointer(handle, CURLOPT_COPYPOSTFIELDS, start)
      })
    try set(CURLOPT_USERAGENT, "engram")
    // Whatever curl can unpack; the bound on the reply is on what came out.
    try set(CURLOPT_ACCEPT_ENCODING, "")
    // Without the last, curl asks a server's leave for long bodies and waits for it.
    let headers = post.headers + [("Content-Type", "application/json"), ("Expect", "")]
    for (name, value) in headers {
      guard (name + value).utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
        throw .invalidHeader(name)
      }
      guard let longer = curl_slist_append(list, "\(name): \(value)") else {
        throw .connection("libcurl has no memory")
      }
      list = longer
    }
    try check(engram_curl_set_pointer(handle, CURLOPT_HTTPHEADER, list))
  }

  private func setConnection(_ post: HTTPPost) throws(HTTPFailure) {
    try check(engram_curl_allow_http_only(handle))
    try set(CURLOPT_SSL_VERIFYPEER, 1)
    try set(CURLOPT_SSL_VERIFYHOST, 2)
    try set(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
    if let file = post.certificateFile { try set(CURLOPT_CAINFO, file) }
    // A redirect may lead to a host that must not see the key.
    try set(CURLOPT_FOLLOWLOCATION, 0)
    // Timeouts without SIGALRM, which is the process's.
    try set(CURLOPT_NOSIGNAL, 1)
    try set(CURLOPT_TCP_KEEPALIVE, 1)
    try set(CURLOPT_CONNECTTIMEOUT_MS, post.connectTimeout.milliseconds)
    try set(CURLOPT_TIMEOUT_MS, post.timeout.milliseconds)
    try check(engram_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, message))
  }

  private func setReceivers() throws(HTTPFailure) {
    // SAFETY: the loop keeps the transfer for as long as curl has its handle.
    let transfer = Unmanaged.passUnretained(self).toOpaque()
    try check(engram_curl_set_pointer(handle, CURLOPT_WRITEDATA, transfer))
    try check(engram_curl_set_pointer(handle, CURLOPT_HEADERDATA, transfer))
    try check(
      engram_curl_set_receiver(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, transfer in
        Transfer.receive(bytes, size * count, transfer) { $0.append($1) }
      })
    try check(
      engram_curl_set_receiver(handle, CURLOPT_HEADERFUNCTION) { bytes, size, count, transfer in
        Transfer.receive(bytes, size * count, transfer) { $0.readHeader($1) }
      })
  }

  private func set(_ option: CURLoption, _ value: Int) throws(HTTPFailure) {
    try check(engram_curl_set_long(handle, option, value))
  }

  private func set(_ option: CURLoption, _ value: String) throws(HTTPFailure) {
    try check(engram_curl_set_pointer(handle, option, value))
  }

  private func check(_ result: CURLcode) throws(HTTPFailure) {
    if result != CURLE_OK { throw .refused(String(cString: curl_easy_strerror(result))) }
  }

  // MARK: - Receiving

  /// What a receiver gives back to curl: how many bytes it took; fewer than there are end the transfer.
  private static func receive(
    _ bytes: UnsafeMutablePointer<CChar>?, _ count: Int, _ transfer: UnsafeMutableRawPointer?,
    _ take: (Transfer, UnsafeRawBufferPointer) -> Bool
  ) -> Int {
    guard let transfer else { return 0 }
    let isTaken = take(
      Unmanaged<Transfer>.fromOpaque(transfer).takeUnretainedValue(),
      UnsafeRawBufferPointer(start: bytes, count: count))
    return isTaken ? count : 0
  }

  private func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
    isTooLong = bytes.count > replyBytesMax - body.count
    if !isTooLong { body.append(contentsOf: bytes) }
    return !isTooLong
  }

  private func readHeader(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let line = String(decoding: bytes, as: UTF8.self)
    if line.hasPrefix("HTTP/") {
      // After an interim reply or a proxy's, the reply itself.
      headers = [:]
      hasAllHeaders = false
    } else if line == "\r\n" || line == "\n" {
      hasAllHeaders = true
    } else if let colon = line.utf8.firstIndex(of: UInt8(ascii: ":")) {
      headerBytes += bytes.count
      guard headerBytes <= Self.headerBytesMax else { return true }
      headers[line[..<colon].lowercased()] =
        line[line.utf8.index(after: colon)...].trimmingCharacters(in: .whitespacesAndNewlines)
    }
    return true
  }
}

extension Duration {
  /// Rounded up, and bounded to what curl takes; at least 1, for curl takes 0 as no limit.
  fileprivate var milliseconds: Int {
    Int(min(max((self / .milliseconds(1)).rounded(.up), 1), Double(Int32.max)))
  }
}

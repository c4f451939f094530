/// A POST of JSON.
package struct HTTPPost: Sendable {
  package var url: String
  /// Without content type and length.
  package var headers: [(name: String, value: String)]
  package var body: [UInt8]
  /// For the connection alone, name and TLS handshake included.
  package var connectTimeout: Duration
  /// For everything from the first byte of the request to the last of the reply, and the connection.
  package var timeout: Duration
  /// A longer reply is an error.
  package var replyBytesMax: Int
  /// The authorities to trust instead of the system's, in a file of PEM certificates.
  package var certificateFile: String?

  package init(
    url: String, headers: [(name: String, value: String)] = [], body: [UInt8],
    connectTimeout: Duration = .seconds(10), timeout: Duration = .seconds(60),
    replyBytesMax: Int = 64 << 20, certificateFile: String? = nil
  ) {
    self.url = url
    self.headers = headers
    self.body = body
    self.connectTimeout = connectTimeout
    self.timeout = timeout
    self.replyBytesMax = replyBytesMax
    self.certificateFile = certificateFile
  }
}

/// The address and the headers may hold keys.
extension HTTPPost: CustomStringConvertible, CustomReflectable {
  package var description: String { "POST of \(body.count) bytes" }
  package var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// Why there is no reply.
package enum HTTPFailure: Error, Sendable, Equatable {
  /// No connection, or it broke: trying again may help.
  case connection(String)
  /// Trying again is no use: a certificate that is not trusted, a malformed address.
  case refused(String)
  /// A name or value of this header holds what no header may.
  case invalidHeader(String)
  case timedOut
  case tooLong
  case cancelled
}

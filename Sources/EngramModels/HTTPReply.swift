/// What a server answered, whatever its status.
package struct HTTPReply: Sendable {
  package var status: Int
  /// By their names in lower case; of several with one name the last.
  package var headers: [String: String]
  package var body: [UInt8]
}

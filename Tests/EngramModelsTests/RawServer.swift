import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A server that does to its connections what no decent one would. Each gets a thread.
final class RawServer: Sendable {
  private let baseURL: String
  private let socket: Int32

  /// Runs `body` with the server's address while it serves.
  static func run<Value: Sendable>(
    _ serve: @escaping @Sendable (Connection) -> Void, while body: (String) async throws -> Value
  ) async throws -> Value {
    let server = try RawServer(serve)
    defer { server.stop() }
    return try await body(server.baseURL)
  }

  private init(_ serve: @escaping @Sendable (Connection) -> Void) throws {
    let (socket, port) = try Self.boundSocket()
    guard listen(socket, 64) == 0 else { throw CocoaError(.fileReadUnknown) }
    self.socket = socket
    baseURL = "http://127.0.0.1:\(port)"
    Thread {
      while case let accepted = accept(socket, nil, nil), accepted >= 0 {
        Thread {
          serve(Connection(socket: accepted))
          close(accepted)
        }.start()
      }
      close(socket)
    }.start()
  }

  /// Wakes the thread that accepts, which closes the socket.
  private func stop() { shutdown(socket, Int32(SHUT_RDWR)) }

  /// An address of this machine at which nobody listens.
  static func deadURL() throws -> String {
    let (socket, port) = try boundSocket()
    close(socket)
    return "http://127.0.0.1:\(port)"
  }

  private static func boundSocket() throws -> (socket: Int32, port: UInt16) {
    #if canImport(Glibc)
      let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    #else
      let socket = socket(AF_INET, SOCK_STREAM, 0)
    #endif
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) { address in
      address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket, $0, size) == 0 ? getsockname(socket, $0, &size) : -1
      }
    }
    guard result == 0 else { throw CocoaError(.fileReadUnknown) }
    return (socket, UInt16(bigEndian: address.sin_port))
  }

  struct Connection {
    fileprivate let socket: Int32

    /// Reads a request with its body; false where the client has gone.
    func readRequest() -> Bool {
      var text = ""
      while !text.contains("\r\n\r\n") {
        guard let more = read() else { return false }
        text += more
      }
      let length = text.lowercased().components(separatedBy: "content-length: ").last.flatMap {
        Int($0.prefix { $0.isNumber })
      } ?? 0
      let head = text.components(separatedBy: "\r\n\r\n")[0].utf8.count + 4
      while text.utf8.count < head + length {
        guard let more = read() else { return false }
        text += more
      }
      return true
    }

    /// Waits until the client closes the connection.
    func waitForEnd() {
      while read() != nil {}
    }

    private func read() -> String? {
      var buffer = [UInt8](repeating: 0, count: 4_096)
      let count = recv(socket, &buffer, buffer.count, 0)
      return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }

    /// False where the client has gone.
    @discardableResult
    func write(_ text: String) -> Bool {
      var bytes = Array(text.utf8)[...]
      while !bytes.isEmpty {
        #if canImport(Darwin)
          let flags: Int32 = 0
        #else
          let flags = Int32(MSG_NOSIGNAL)
        #endif
        let count = bytes.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, flags) }
        guard count > 0 else { return false }
        bytes.removeFirst(count)
      }
      return true
    }
  }
}

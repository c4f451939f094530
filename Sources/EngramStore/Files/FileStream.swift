import SystemPackage

extension File {
  /// Bytes read or written at once where a file is gone through from begin to end.
  static let chunk = 1 << 20

  /// Calls `body` with the bytes of the file, a part at a time, and where that begins.
  func readAll(_ body: (UnsafeRawBufferPointer, Int) throws -> Void) throws {
    var offset = 0
    while true {
      let part = try read(Self.chunk, at: offset)
      if part.isEmpty { return }
      try part.withUnsafeBytes { try body($0, offset) }
      offset += part.count
    }
  }
}

/// Writes to a file or a pipe, in parts of a good size.
struct FileStream {
  private let descriptor: FileDescriptor
  private let path: FilePath
  private var buffer: [UInt8] = []

  init(_ descriptor: FileDescriptor, _ path: FilePath) {
    self.descriptor = descriptor
    self.path = path
  }

  mutating func write(_ bytes: some Sequence<UInt8>) throws(StoreError) {
    buffer.append(contentsOf: bytes)
    if buffer.count >= File.chunk { try flush() }
  }

  mutating func flush() throws(StoreError) {
    do { _ = try descriptor.writeAll(buffer) } catch { throw .io(error, "writing", path) }
    buffer.removeAll(keepingCapacity: true)
  }
}

/// The lines of a file, one after the other.
struct FileLines {
  /// A line that is longer is none of ours.
  static let longest = 64 << 20

  private let file: File
  private var buffer: [UInt8] = []
  private var begin = 0
  private var offset = 0
  private(set) var isCutOff = false

  init(_ file: File) { self.file = file }

  /// The next line without its end; nil behind the last. What follows the last line end is no line,
  /// and `isCutOff` says that there was something.
  mutating func next() throws(StoreError) -> ArraySlice<UInt8>? {
    var searched = begin
    while true {
      if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
        defer { begin = end + 1 }
        return buffer[begin..<end]
      }
      buffer.removeFirst(begin)
      begin = 0
      searched = buffer.count
      guard buffer.count <= Self.longest, try fill() > 0 else {
        isCutOff = !buffer.isEmpty
        return nil
      }
    }
  }

  private mutating func fill() throws(StoreError) -> Int {
    let bytes = try file.read(File.chunk, at: offset)
    buffer += bytes
    offset += bytes.count
    return bytes.count
  }
}

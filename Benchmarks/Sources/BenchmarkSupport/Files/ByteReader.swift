import Foundation

/// A file's bytes in order; those of a `.gz` file through the system's `gzip`.
///
/// Reading, not mapping: a file that shrinks while it is read is then an error and not a signal.
final class ByteReader {
  let file: String
  /// Bytes in the file, nil where they are only known at the end.
  let byteCount: Int?
  private let handle: FileHandle
  private let unpacker: Process?

  init(_ path: String) throws(DataFileError) {
    file = path
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw .cannotOpen(file: path, reason: String(cString: strerror(errno)))
    }
    let plain = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw .cannotOpen(file: path, reason: String(cString: strerror(errno)))
    }
    guard status.st_mode & S_IFMT != S_IFDIR else {
      throw .cannotOpen(file: path, reason: "it is a folder")
    }
    guard path.hasSuffix(".gz") else {
      handle = plain
      unpacker = nil
      byteCount = status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil
      return
    }
    guard let gzip = findExecutable("gzip") else { throw .gzipMissing(file: path) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: gzip)
    process.arguments = ["-dc"]
    process.standardInput = plain
    process.standardError = FileHandle.nullDevice
    let pipe = Pipe()
    process.standardOutput = pipe
    do {
      try process.run()
    } catch {
      throw .gzipMissing(file: path)
    }
    handle = pipe.fileHandleForReading
    unpacker = process
    byteCount = nil
  }

  deinit {
    // A reader that stops early leaves gzip with a full pipe: end it.
    if let unpacker, unpacker.isRunning {
      unpacker.terminate()
      unpacker.waitUntilExit()
    }
  }

  /// Fills `buffer` as far as the file reaches and returns how many bytes it got.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws(DataFileError) -> Int {
    guard let base = buffer.baseAddress else { return 0 }
    var filled = 0
    while filled < buffer.count {
      let got = systemRead(handle.fileDescriptor, base + filled, buffer.count - filled)
      if got < 0 {
        if errno == EINTR { continue }
        throw .cannotRead(file: file, reason: String(cString: strerror(errno)))
      }
      if got == 0 { break }
      filled += got
    }
    return filled
  }

  /// To be called at the end of the bytes: a damaged archive must not pass for a short one.
  func checkArchive() throws(DataFileError) {
    guard let unpacker else { return }
    unpacker.waitUntilExit()
    let status = Int(unpacker.terminationStatus)
    // Status 2 is a warning (trailing garbage): the data itself is whole.
    if status != 0 && status != 2 { throw .gzipFailed(file: file, status: status) }
  }

  /// All bytes; for text files.
  func readAll() throws(DataFileError) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(byteCount ?? 0)
    let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
    defer { chunk.deallocate() }
    while true {
      let got = try read(into: chunk)
      bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: chunk[..<got]))
      if got < chunk.count { break }
    }
    try checkArchive()
    return bytes
  }
}

/// `read` is shadowed by the method inside the class.
private func systemRead(_ descriptor: Int32, _ base: UnsafeMutableRawPointer, _ count: Int) -> Int {
  read(descriptor, base, count)
}

/// The path of a program that PATH or the usual folders hold.
func findExecutable(_ name: String) -> String? {
  let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
  let folders = path.split(separator: ":").map(String.init) + ["/usr/bin", "/bin"]
  for folder in folders {
    let candidate = folder + "/" + name
    if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
  }
  return nil
}

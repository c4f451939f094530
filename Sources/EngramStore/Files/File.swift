import Synchronization
import SystemPackage

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The one door to the operating system for a store's files: every call on them is in this folder.
/// Interrupted calls are repeated and short transfers continued here and nowhere else.
///
/// A file is closed when the value ends; the descriptor is used by any number of threads, each
/// call naming its own offset.
package final class File: Sendable {
  package let path: FilePath
  let descriptor: FileDescriptor
  private let isLocked = Atomic(false)

  private init(path: FilePath, descriptor: FileDescriptor) {
    self.path = path
    self.descriptor = descriptor
  }

  deinit {
    // A child that has been forked and not become its program yet shares the locks.
    if isLocked.load(ordering: .relaxed) { for byte in 0..<3 { try? unlock(LockByte(offset: byte)) } }
    try? descriptor.close()
  }

  package enum Mode { case read, write, create }

  package static func open(_ path: FilePath, _ mode: Mode) throws(StoreError) -> File {
    do {
      let descriptor: FileDescriptor
      switch mode {
      case .read:
        descriptor = try .open(path, .readOnly, options: [.closeOnExec])
      case .write:
        descriptor = try .open(path, .readWrite, options: [.closeOnExec])
      case .create:
        descriptor = try .open(
          path, .readWrite, options: [.create, .closeOnExec],
          permissions: [.ownerReadWrite, .groupRead, .otherRead])
      }
      return File(path: path, descriptor: descriptor)
    } catch {
      throw .io(error, "opening", path)
    }
  }

  /// Writes all bytes at `offset`.
  package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(StoreError) {
    do {
      try descriptor.writeAll(toAbsoluteOffset: Int64(offset), bytes)
    } catch {
      throw .io(error, "writing", path)
    }
  }

  /// Overwrites all of it, on disk too.
  func fillWithZeros() throws(StoreError) {
    let size = try size()
    let zeros = [UInt8](repeating: 0, count: min(size, Self.chunk))
    for begin in stride(from: 0, to: size, by: Self.chunk) {
      let part = min(Self.chunk, size - begin)
      try zeros.withBytes { bytes throws(StoreError) in
        try write(UnsafeRawBufferPointer(rebasing: bytes[..<part]), at: begin)
      }
    }
    try synchronise()
  }

  /// Reads as many bytes as `buffer` takes.
  ///
  /// - Returns: how many there were before the end of the file.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(StoreError) -> Int {
    var done = 0
    while done < buffer.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
      let count: Int
      do {
        count = try descriptor.read(fromAbsoluteOffset: Int64(offset + done), into: rest)
      } catch {
        throw .io(error, "reading", path)
      }
      if count == 0 { break }
      done += count
    }
    return done
  }

  /// All of it.
  package func contents() throws(StoreError) -> [UInt8] { try read(try size(), at: 0) }

  /// Reads `count` bytes, or as many as there are before the end of the file.
  func read(_ count: Int, at offset: Int) throws(StoreError) -> [UInt8] {
    var failure: StoreError?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialised in
      do throws(StoreError) {
        initialised = try read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
      } catch { failure = error }
    }
    if let failure { throw failure }
    return bytes
  }

  /// Maps a part of the file over memory that the caller owns: what is written there is the caller's
  /// alone. The file is never changed as long as it is mapped.
  ///
  /// - Parameter address: on a page of its own, with room for whole pages.
  func map(at address: UnsafeMutableRawPointer, offset: Int, count: Int) throws(StoreError) {
    #if os(Linux)
      let anonymous = Int32(MAP_ANONYMOUS)
    #else
      let anonymous = MAP_ANON
    #endif
    let (access, flags) = (PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED)
    // Sections of files begin at multiples of 4,096, which is not everybody's page.
    let isMappable = offset % Int(sysconf(Int32(_SC_PAGESIZE))) == 0
    let result =
      isMappable
      ? mmap(address, count, access, flags, descriptor.rawValue, off_t(offset))
      : mmap(address, count, access, flags | anonymous, -1, 0)
    guard result == address else { throw .io(Errno(rawValue: errno), "mapping", path) }
    if !isMappable {
      _ = try read(into: UnsafeMutableRawBufferPointer(start: address, count: count), at: offset)
    }
  }

  /// Returns once what was written has reached the disk. A failure is final: the kernel may have
  /// dropped the pages, so asking again proves nothing.
  package func synchronise() throws(StoreError) {
    #if os(Linux)
      let result = retrying { fdatasync(descriptor.rawValue) }
    #else
      let result = retrying { fcntl(descriptor.rawValue, F_FULLFSYNC) }
    #endif
    if result != 0 { throw .io(Errno(rawValue: errno), "synchronising", path) }
  }

  func size() throws(StoreError) -> Int {
    var status = stat()
    guard fstat(descriptor.rawValue, &status) == 0 else {
      throw .io(Errno(rawValue: errno), "examining", path)
    }
    return Int(status.st_size)
  }

  /// Whether the file still has the path that it was opened by.
  func isInPlace() throws(StoreError) -> Bool {
    var (own, named) = (stat(), stat())
    guard fstat(descriptor.rawValue, &own) == 0 else {
      throw .io(Errno(rawValue: errno), "examining", path)
    }
    return stat(path.string, &named) == 0 && named.st_dev == own.st_dev && named.st_ino == own.st_ino
  }

  // MARK: Locks

  /// A byte of the file that can be locked, whether it is there or not. Where locks are for whole
  /// files only there is one.
  struct LockByte { var offset: Int }

  /// Takes an exclusive lock that belongs to this open file, not to the process, and dies with it.
  ///
  /// - Returns: false where another holder has it and `wait` is false.
  func lock(_ byte: LockByte = LockByte(offset: 0), wait: Bool) throws(StoreError) -> Bool {
    #if os(Linux)
      let command = wait ? OFDLock.setAndWait : OFDLock.set
      let result = control(command, F_WRLCK, byte).result
    #else
      let result = retrying { flock(descriptor.rawValue, LOCK_EX | (wait ? 0 : LOCK_NB)) }
    #endif
    if result == 0 {
      isLocked.store(true, ordering: .relaxed)
      return true
    }
    if !wait, errno == EAGAIN || errno == EACCES || errno == EWOULDBLOCK { return false }
    throw .io(Errno(rawValue: errno), "locking", path)
  }

  func unlock(_ byte: LockByte = LockByte(offset: 0)) throws(StoreError) {
    #if os(Linux)
      let result = control(OFDLock.set, F_UNLCK, byte).result
    #else
      let result = retrying { flock(descriptor.rawValue, LOCK_UN) }
    #endif
    if result != 0 { throw .io(Errno(rawValue: errno), "unlocking", path) }
  }

  /// Shows others that this file is open, as long as it is, see `isShared`.
  ///
  /// - Throws: `StoreError.inUse` where somebody has the byte alone.
  func share(_ byte: LockByte) throws(StoreError) {
    #if os(Linux)
      guard control(OFDLock.set, F_RDLCK, byte).result == 0 else {
        if errno == EAGAIN || errno == EACCES {
          throw .inUse(path.removingLastComponent().string)
        }
        throw .io(Errno(rawValue: errno), "locking", path)
      }
      isLocked.store(true, ordering: .relaxed)
    #endif
  }

  /// Whether somebody else shares a byte; true where that cannot be known.
  func isShared(_ byte: LockByte) -> Bool {
    #if os(Linux)
      let (result, found) = control(OFDLock.get, F_WRLCK, byte)
      return result != 0 || found.l_type != Int16(F_UNLCK)
    #else
      return true
    #endif
  }

  #if os(Linux)
    private func control(
      _ command: Int32, _ type: Int32, _ byte: LockByte
    ) -> (result: Int32, found: flock) {
      var request = flock()
      request.l_type = Int16(type)
      request.l_whence = Int16(SEEK_SET)
      request.l_start = off_t(byte.offset)
      request.l_len = 1
      let result = retrying { fcntl(descriptor.rawValue, command, &request) }
      return (result, request)
    }
  #endif
}

#if os(Linux)
  /// Linux's commands for locks that belong to an open file description; its C library shows them
  /// only to programs that ask for GNU extensions.
  private enum OFDLock {
    static let get: Int32 = 36
    static let set: Int32 = 37
    static let setAndWait: Int32 = 38
  }
#endif

private func retrying(_ call: () -> Int32) -> Int32 {
  while true {
    let result = call()
    if result != -1 || errno != EINTR { return result }
  }
}

import Synchronization
import SystemPackage

/// The right to commit and to checkpoint, `writer.lock`, and the sign by which other processes see
/// that somebody has committed.
///
/// The file's first word, the *mark*, is odd while a commit is under way or its outcome is unknown,
/// and another even number after each. A search reads it from the mapped file: as long as it is the
/// same even number there is nothing new. It proves nothing else; the catalogue does. The word may
/// be torn while it is written: then it differs from the one before, or the commit has not been
/// acknowledged yet.
final class WriterLock: Sendable {
  private let file: File
  private let map: PageMap

  static let fileName = "writer.lock"
  private static let commit = File.LockByte(offset: 0)
  /// Whoever waits for the lock holds this one, so that a process which has just committed lets
  /// another go first.
  private static let turn = File.LockByte(offset: 1)

  /// Held for a moment by whoever tries whether locks work.
  private static let trial = File.LockByte(offset: 2)

  /// Opens the lock of a store, which the caller takes before anything else is done.
  ///
  /// - Throws: `StoreError.unusablePath` where locks do not work.
  init(_ directory: FilePath) throws(StoreError) {
    file = try File.open(directory.appending(Self.fileName), .create)
    map = try PageMap(reserving: 1 << 16)
    try FileSystem.check(directory)
    // Where it is held already, it works.
    guard try file.lock(Self.trial, wait: false) else { return }
    let other = try File.open(file.path, .write)
    guard try !other.lock(Self.trial, wait: false) else {
      throw FileSystem.refusal(directory, "its file system has no locks")
    }
    try file.unlock(Self.trial)
  }

  func lock() throws(StoreError) {
    // Where locks are for whole files there is no turn to be waited for.
    #if os(Linux)
      _ = try file.lock(Self.turn, wait: true)
      defer { try? file.unlock(Self.turn) }
    #endif
    _ = try file.lock(Self.commit, wait: true)
    do throws(StoreError) {
      // What is written to files that have lost their names is lost with the process.
      try ensureInPlace()
    } catch {
      try? file.unlock(Self.commit)
      throw error
    }
    if map.mapped == 0 {
      if try file.size() < 8 { try write(0) }
      try map.extend(file, to: 4096)
    }
  }

  /// - Throws: `StoreError.noStore` where the file is not in the store's directory any more: the store has
  ///   been removed, and another may have been made since.
  func ensureInPlace() throws(StoreError) {
    guard try file.isInPlace() else { throw .noStore(file.path.removingLastComponent().string) }
  }

  func unlock() throws(StoreError) { try file.unlock(Self.commit) }

  func withLock<Result>(
    _ body: () throws(StoreError) -> Result
  ) throws(StoreError) -> Result {
    try lock()
    do throws(StoreError) {
      let result = try body()
      try unlock()
      return result
    } catch {
      try? unlock()
      throw error
    }
  }

  /// Once the lock has been taken for the first time.
  var mark: UInt64 {
    UnsafeMutableRawPointer(mutating: map.base)
      .assumingMemoryBound(to: Atomic<UInt64>.self).pointee.load(ordering: .acquiring)
  }

  /// Says that a commit begins; the mark.
  func beginCommit() throws(StoreError) -> UInt64 {
    let mark = mark | 1
    try write(mark)
    return mark
  }

  /// Says that a commit has taken place, or has not; the mark.
  func endCommit() throws(StoreError) -> UInt64 {
    let mark = (mark | 1) &+ 1
    try write(mark)
    return mark
  }

  private func write(_ mark: UInt64) throws(StoreError) {
    var mark = mark
    var failure: StoreError?
    withUnsafeBytes(of: &mark) { bytes in
      do throws(StoreError) { try file.write(bytes, at: 0) } catch { failure = error }
    }
    if let failure { throw failure }
  }
}

import Synchronization
import SystemPackage

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A growing file mapped for reading at an address that never changes: address space is reserved
/// once and each grown part of the file is mapped over it.
///
/// Invariants, which make the unchecked conformance sound: `base` is fixed for the object's life;
/// bytes below `mapped` are readable and backed by the file, which nobody shortens; one thread at a
/// time extends the map.
package final class PageMap: @unchecked Sendable {
  let base: UnsafeRawPointer
  private let reserved: Int
  private let extent = Atomic<Int>(0)
  private let extender = Mutex<Void>(())

  init(reserving bytes: Int) throws(StoreError) {
    let flags = MAP_PRIVATE | Int32(MAP_ANONYMOUS) | Int32(MAP_NORESERVE)
    guard let address = mmap(nil, bytes, PROT_NONE, flags, -1, 0), address != MAP_FAILED else {
      throw .index(.outOfMemory(bytes: bytes))
    }
    base = UnsafeRawPointer(address)
    reserved = bytes
  }

  /// Bytes from `base` on that can be read.
  var mapped: Int { extent.load(ordering: .acquiring) }

  deinit { munmap(UnsafeMutableRawPointer(mutating: base), reserved) }

  /// Maps the file up to `size`, a multiple of the page size; the file ends on the last of these
  /// pages, or later.
  func extend(_ file: File, to size: Int) throws(StoreError) {
    try extender.withLock { _ throws(StoreError) in
      guard size > mapped else { return }
      try map(file, to: size)
      extent.store(size, ordering: .releasing)
    }
  }

  private func map(_ file: File, to size: Int) throws(StoreError) {
    guard size <= reserved else { throw .index(.full(rows: reserved)) }
    // The part that is mapped already stays: searches hold pointers into it.
    // From a whole page on: the part before, where searches hold pointers, shows the same bytes.
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let begin = mapped / page * page
    let address = UnsafeMutableRawPointer(mutating: base) + begin
    let result = mmap(
      address, size - begin, PROT_READ, MAP_SHARED | MAP_FIXED, file.descriptor.rawValue,
      off_t(begin))
    guard result != MAP_FAILED else {
      throw .io(Errno(rawValue: errno), "mapping", file.path)
    }
    #if os(Linux)
      // Rows are read in no order: reading ahead would only fill the page cache.
      _ = madvise(address, size - begin, MADV_RANDOM)
    #endif
  }
}

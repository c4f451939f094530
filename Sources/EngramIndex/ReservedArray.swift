import CEngramKernels
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Growing memory that never moves: address space is reserved for the largest size at once and
/// made usable in steps, so that readers keep their pointers while a writer appends.
///
/// Invariants, which make the unchecked conformance sound:
/// - `base` is fixed for the object's life; memory below `usable` is readable and writable and
///   starts as zeros, or as the saved bytes that it was restored from; it is unmapped only in
///   `deinit`.
/// - One writer at a time grows the array and writes elements. An element is handed to readers by
///   a releasing store elsewhere (a count, a link) after it is written, or is itself an `Atomic`.
package final class ReservedArray<Element: ~Copyable>: @unchecked Sendable {
  package let base: UnsafeMutablePointer<Element>
  private let reservedBytes: Int
  private var usableBytes = 0

  /// Huge pages are asked for only where an array is large: a small store stays small.
  private static var hugePageThreshold: Int { 4 << 20 }

  package init(limit: Int) throws(IndexError) {
    reservedBytes = Self.roundUp(max(limit, 1) * MemoryLayout<Element>.stride, to: 1 << 21)
    let address = mmap(nil, reservedBytes, PROT_NONE, Self.mapFlags, -1, 0)
    guard let address, address != MAP_FAILED else {
      throw .outOfMemory(bytes: reservedBytes)
    }
    base = address.bindMemory(to: Element.self, capacity: limit)
  }

  deinit { munmap(UnsafeMutableRawPointer(base), reservedBytes) }

  /// Makes elements `0..<count` usable. Growth is by half, so that the calls stay few.
  package func ensure(count: Int) throws(IndexError) {
    let needed = count * MemoryLayout<Element>.stride
    guard needed > usableBytes else { return }
    let wanted = Self.roundUp(max(needed, usableBytes + usableBytes / 2), to: 1 << 16)
    let target = min(wanted, reservedBytes)
    guard needed <= target,
      mprotect(UnsafeMutableRawPointer(base), target, PROT_READ | PROT_WRITE) == 0
    else { throw .outOfMemory(bytes: needed) }
    #if os(Linux)
      if target >= Self.hugePageThreshold {
        _ = madvise(UnsafeMutableRawPointer(base), target, MADV_HUGEPAGE)
      }
    #endif
    usableBytes = target
  }

  /// Puts saved bytes at the beginning of an array that has not been used yet.
  package func restore(_ saved: SavedBytes) throws(IndexError) {
    let pages = Self.roundUp(saved.count, to: Int(sysconf(Int32(_SC_PAGESIZE))))
    guard usableBytes == 0, pages <= reservedBytes else {
      throw .damagedSnapshot("length of a part")
    }
    try saved.place(at: UnsafeMutableRawPointer(base))
    usableBytes = pages
  }

  private static var mapFlags: Int32 {
    #if os(Linux)
      MAP_PRIVATE | Int32(MAP_ANONYMOUS) | Int32(MAP_NORESERVE)
    #else
      MAP_PRIVATE | MAP_ANON | MAP_NORESERVE
    #endif
  }

  private static func roundUp(_ value: Int, to step: Int) -> Int { (value + step - 1) / step * step }
}

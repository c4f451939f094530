#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Memory between two pages that fault when touched.
final class GuardedPages {
  struct Unavailable: Error {}

  private let base: UnsafeMutableRawPointer
  private let page = Int(sysconf(Int32(_SC_PAGESIZE)))
  private let size: Int  // of the usable middle

  init(bytes: Int) throws {
    size = (bytes + page - 1) / page * page
    let flags = MAP_PRIVATE | Int32(MAP_ANONYMOUS) | Int32(MAP_NORESERVE)
    let mapped = mmap(nil, size + 2 * page, PROT_READ | PROT_WRITE, flags, -1, 0)
    guard let mapped, mapped != MAP_FAILED else { throw Unavailable() }
    base = mapped
    guard mprotect(base, page, PROT_NONE) == 0,
      mprotect(base + page + size, page, PROT_NONE) == 0
    else { throw Unavailable() }
  }

  deinit { munmap(base, size + 2 * page) }

  func place<T>(_ elements: [T], atEnd: Bool) -> UnsafePointer<T> {
    UnsafePointer(placeMutable(elements, atEnd: atEnd))
  }

  func placeMutable<T>(_ elements: [T], atEnd: Bool) -> UnsafeMutablePointer<T> {
    let bytes = elements.count * MemoryLayout<T>.stride
    let start = base + page + (atEnd ? size - bytes : 0)
    elements.withUnsafeBytes {
      UnsafeMutableRawBufferPointer(start: start, count: bytes).copyMemory(from: $0)
    }
    return start.bindMemory(to: T.self, capacity: elements.count)
  }
}

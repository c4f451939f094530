import EngramIndex

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension SavedBytes {
  /// As a file would be mapped: memory of its own over what is there.
  init(_ bytes: [UInt8]) {
    self.init(count: bytes.count) { address throws(IndexError) in
      #if os(Linux)
        let flags = MAP_PRIVATE | MAP_FIXED | Int32(MAP_ANONYMOUS)
      #else
        let flags = MAP_PRIVATE | MAP_FIXED | MAP_ANON
      #endif
      guard mmap(address, bytes.count, PROT_READ | PROT_WRITE, flags, -1, 0) == address else {
        throw .outOfMemory(bytes: bytes.count)
      }
      bytes.withUnsafeBytes {
        UnsafeMutableRawBufferPointer(start: address, count: bytes.count).copyMemory(from: $0)
      }
    }
  }
}

import Foundation

/// The system's cache of files.
public enum PageCache {
  /// Takes a folder's files out of it, so that the next who reads them waits for the disk.
  ///
  /// - Returns: whether they are out: not every system and file system lets go of them.
  public static func drop(folder: String) throws -> Bool {
    var isOut = true
    for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() {
      if try !drop(file: "\(folder)/\(name)") { isOut = false }
    }
    return isOut
  }

  private static func drop(file: String) throws(DataFileError) -> Bool {
    #if os(Linux)
      let descriptor = open(file, O_RDWR | O_CLOEXEC)
      guard descriptor >= 0 else {
        throw .cannotOpen(file: file, reason: String(cString: strerror(errno)))
      }
      defer { close(descriptor) }
      // What is not on the disk yet stays.
      guard fdatasync(descriptor) == 0, posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) == 0
      else { return false }
      return residentPages(of: descriptor) == 0
    #else
      return false
    #endif
  }

  #if os(Linux)
    private static func residentPages(of descriptor: Int32) -> Int? {
      let bytes = Int(lseek(descriptor, 0, SEEK_END))
      guard bytes > 0 else { return bytes == 0 ? 0 : nil }
      guard let map = mmap(nil, bytes, PROT_READ, MAP_SHARED, descriptor, 0), map != MAP_FAILED
      else { return nil }
      defer { munmap(map, bytes) }
      let page = Int(sysconf(Int32(_SC_PAGESIZE)))
      var states = [UInt8](repeating: 0, count: (bytes + page - 1) / page)
      guard mincore(map, bytes, &states) == 0 else { return nil }
      return states.count { $0 & 1 == 1 }
    }
  #endif
}

import Foundation
import SystemPackage

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Calls on a store's directory.
package enum Directory {
  package enum Kind { case absent, directory, other }

  package static func kind(of path: FilePath) throws(StoreError) -> Kind {
    var status = stat()
    guard stat(path.string, &status) == 0 else {
      if errno == ENOENT { return .absent }
      throw .io(Errno(rawValue: errno), "examining", path)
    }
    return status.st_mode & S_IFMT == S_IFDIR ? .directory : .other
  }

  /// Creates a directory and those above it that are missing.
  package static func create(_ path: FilePath) throws(StoreError) {
    if try kind(of: path) != .absent { return }
    let parent = path.removingLastComponent()
    if !parent.isEmpty, parent != path { try create(parent) }
    guard mkdir(path.string, 0o755) == 0 || errno == EEXIST else {
      throw .io(Errno(rawValue: errno), "creating", path)
    }
    try synchronise(parent)
  }

  static func isWritable(_ path: FilePath) -> Bool { access(path.string, W_OK | X_OK) == 0 }

  /// Makes names in the directory durable: a file is not there after power loss until this is done.
  package static func synchronise(_ path: FilePath) throws(StoreError) {
    let directory = try File.open(path.isEmpty ? "." : path, .read)
    while fsync(directory.descriptor.rawValue) != 0 {
      guard errno == EINTR else { throw .io(Errno(rawValue: errno), "synchronising", path) }
    }
  }

  package static func rename(_ old: FilePath, to new: FilePath) throws(StoreError) {
    guard Self.systemRename(old.string, new.string) == 0 else {
      throw .io(Errno(rawValue: errno), "renaming", old)
    }
  }

  package static func remove(_ path: FilePath) throws(StoreError) {
    guard unlink(path.string) == 0 || errno == ENOENT else {
      throw .io(Errno(rawValue: errno), "removing", path)
    }
  }

  /// What a file is called while it is being written.
  static func draft(of path: FilePath) -> FilePath {
    var draft = path
    draft.extension = (path.extension ?? "") + "-new"
    return draft
  }

  /// Publishes a whole file under its name: after a crash the old one is there, or the new one.
  package static func publish(
    _ path: FilePath, _ write: (File) throws(StoreError) -> Void
  ) throws(StoreError) {
    let draft = draft(of: path)
    try remove(draft)
    let file = try File.open(draft, .create)
    do throws(StoreError) {
      try write(file)
      try file.synchronise()
      try rename(draft, to: path)
    } catch {
      try? remove(draft)
      throw error
    }
    try synchronise(path.removingLastComponent())
  }

  /// Publishes a whole new directory under its name: it is there with all its files, or not at all.
  /// Those above it that are missing are made.
  ///
  /// - Parameter fill: makes the files, and syncs them, in a draft of the directory.
  package static func publishDirectory<Value>(
    _ path: FilePath, _ fill: (FilePath) throws -> Value
  ) throws(StoreError) -> Value {
    guard let name = path.lastComponent, try kind(of: path) == .absent else {
      throw .exists(path.string)
    }
    let parent = path.removingLastComponent()
    if !parent.isEmpty { try create(parent) }
    let draft = parent.appending("\(name.string).\(UUID().uuidString).draft")
    guard mkdir(draft.string, 0o755) == 0 else {
      throw .io(Errno(rawValue: errno), "creating", draft)
    }
    let value: Value
    do {
      value = try fill(draft)
      try synchronise(draft)
      guard try kind(of: path) == .absent else { throw StoreError.exists(path.string) }
      try rename(draft, to: path)
    } catch {
      try? removeTree(draft)
      throw StoreError(error)
    }
    try synchronise(parent)
    return value
  }

  /// Removes a directory that holds nothing but files; another may be at it as well.
  static func removeWithFiles(_ path: FilePath) throws(StoreError) {
    do throws(StoreError) {
      for name in try names(path) { try remove(path.appending(name)) }
    } catch {
      if case .system(.noSuchFileOrDirectory, _, _) = error { return }
      throw error
    }
    guard rmdir(path.string) == 0 || errno == ENOENT else {
      throw .io(Errno(rawValue: errno), "removing", path)
    }
  }

  /// Removes a directory and all that is in it; links themselves, not what they lead to.
  private static func removeTree(_ path: FilePath) throws(StoreError) {
    for name in try names(path) {
      let path = path.appending(name)
      if try entry(path) == .directory { try removeTree(path) } else { try remove(path) }
    }
    try removeEmpty(path)
  }

  /// Removes a directory that holds nothing.
  package static func removeEmpty(_ path: FilePath) throws(StoreError) {
    guard rmdir(path.string) == 0 else {
      throw .io(Errno(rawValue: errno), "removing", path)
    }
  }

  package enum Entry { case file, directory, link, other }

  /// What a name in a directory is itself: links are not followed.
  package static func entry(_ path: FilePath) throws(StoreError) -> Entry {
    var status = stat()
    guard lstat(path.string, &status) == 0 else {
      throw .io(Errno(rawValue: errno), "examining", path)
    }
    return switch status.st_mode & S_IFMT {
    case S_IFREG: .file
    case S_IFDIR: .directory
    case S_IFLNK: .link
    default: .other
    }
  }

  /// What a directory holds, in no order.
  package static func names(_ path: FilePath) throws(StoreError) -> [String] {
    guard let directory = opendir(path.string) else {
      throw .io(Errno(rawValue: errno), "listing", path)
    }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  /// Bytes that the files of a directory take, by name.
  static func fileSizes(_ path: FilePath) throws(StoreError) -> [String: Int] {
    var sizes: [String: Int] = [:]
    for name in try names(path) { sizes[name] = fileSize(path.appending(name)) }
    return sizes
  }

  /// Bytes of a file; nil where there is none. It is not opened: to close a database that SQLite has open
  /// in this process would take SQLite's locks from it.
  static func fileSize(_ path: FilePath) -> Int? {
    var status = stat()
    guard stat(path.string, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    return Int(status.st_size)
  }

  private static func systemRename(_ old: String, _ new: String) -> Int32 {
    #if canImport(Glibc)
      Glibc.rename(old, new)
    #elseif canImport(Musl)
      Musl.rename(old, new)
    #else
      Darwin.rename(old, new)
    #endif
  }
}

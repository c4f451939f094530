import Foundation

/// A disk under a store, replayed from a log of calls up to any moment, and what power loss at that
/// moment may leave on it. The model, from what POSIX says and ext4, XFS and APFS do:
///
/// - What was written to a file before a sync of it began is there once the sync has succeeded.
/// - Of what was written since, any part is there, in no order, torn at sectors of 512 bytes; bytes
///   beside a write stay what they were.
/// - The file's length is any it has had since, whether or not what made it longer is there; where
///   that is not, zeros are read.
/// - A truncation is durable with the next sync of the file. Until then it is there or not; what
///   was written after it is there only with it, as the file's blocks are journalled in order.
/// - Names (create, rename, unlink, mkdir) are durable with the next sync of their directory, not
///   with one of the file. Until then the first so many of a directory are there, in order.
/// - A sync that failed makes nothing durable.
///
/// SQLite's `-shm` is not part of it: SQLite makes it anew after power loss.
final class CrashDisk {
  private final class Node {
    let isDirectory: Bool
    var durable: [UInt8]
    var pending: [(number: Int, change: FileChange)] = []

    init(isDirectory: Bool = false, durable: [UInt8] = []) {
      self.isDirectory = isDirectory
      self.durable = durable
    }
  }

  private enum FileChange {
    /// The bytes are those of the log.
    case write(offset: Int, bytes: Range<Int>)
    case truncate(size: Int)
  }

  private enum NameChange {
    case link(String, Node)
    case rename(String, to: String)
    case unlink(String)

    var directory: String {
      switch self {
      case .link(let path, _), .rename(let path, _), .unlink(let path): path.directory
      }
    }

    func apply(to names: inout [String: Node]) {
      switch self {
      case .link(let path, let node): names[path] = node
      case .rename(let old, let new): names[new] = names.removeValue(forKey: old)
      case .unlink(let path): names[path] = nil
      }
    }
  }

  /// What one power loss leaves.
  struct Image {
    var files: [String: [UInt8]] = [:]
    var directories: [String] = []

    func write(to directory: URL) throws {
      try? FileManager.default.removeItem(at: directory)
      try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
      for path in directories.sorted() {
        try FileManager.default.createDirectory(
          at: directory.file(path), withIntermediateDirectories: true)
      }
      for (path, bytes) in files { try Data(bytes).write(to: directory.file(path)) }
    }
  }

  private static let sector = 512

  private let log: CallLog
  private(set) var position = 0
  /// By path below the directory that was recorded: as processes see it, and as is durable.
  private var names: [String: Node]
  private var durableNames: [String: Node]
  private var pendingNames: [(number: Int, change: NameChange)] = []
  private var opened: [Int: (node: Node, path: String)] = [:]

  /// - Parameter initial: what the disk held before the first call.
  init(_ log: CallLog, initial: Image = Image()) {
    self.log = log
    names = ["": Node(isDirectory: true)]
    for path in initial.directories { names[path] = Node(isDirectory: true) }
    for (path, bytes) in initial.files { names[path] = Node(durable: bytes) }
    durableNames = names
  }

  // MARK: Replay

  /// Replays the calls before `position`.
  func advance(to position: Int) {
    while self.position < position {
      apply(log.records[self.position], number: self.position)
      self.position += 1
    }
  }

  private func apply(_ record: CallLog.Record, number: Int) {
    switch record.kind {
    case .open:
      let path = log.text(record)
      let node = names[path] ?? Node()
      if names[path] == nil { change(.link(path, node), number: number) }
      opened[record.handle] = (node, path)
    case .write:
      opened[record.handle]?.node.pending.append(
        (number, .write(offset: record.value, bytes: record.bytes)))
    case .truncate:
      opened[record.handle]?.node.pending.append((number, .truncate(size: record.value)))
    case .synced:
      guard let (node, path) = opened[record.handle] else { return }
      if node.isDirectory {
        synchroniseNames(of: path, before: record.value)
      } else {
        synchronise(node, before: record.value)
      }
    case .rename:
      let paths = log.text(record).split(separator: "\0").map(String.init)
      change(.rename(paths[0], to: paths[1]), number: number)
    case .unlink: change(.unlink(log.text(record)), number: number)
    case .directory: change(.link(log.text(record), Node(isDirectory: true)), number: number)
    case .sync, .answer: break
    }
  }

  private func change(_ change: NameChange, number: Int) {
    change.apply(to: &names)
    pendingNames.append((number, change))
  }

  private func synchroniseNames(of directory: String, before number: Int) {
    pendingNames.removeAll { pending in
      guard pending.number < number, pending.change.directory == directory else { return false }
      pending.change.apply(to: &durableNames)
      return true
    }
  }

  private func synchronise(_ node: Node, before number: Int) {
    let count = node.pending.prefix { $0.number < number }.count
    for (_, change) in node.pending.prefix(count) {
      switch change {
      case .write(let offset, let bytes):
        node.durable.put(log.bytes[bytes], at: offset)
      case .truncate(let size): node.durable.resize(to: size)
      }
    }
    node.pending.removeFirst(count)
  }

  // MARK: Power loss

  /// What the disk holds if power is lost now.
  ///
  /// - Parameter all: whether all that was written survives, as where a process is killed.
  func image(_ generator: inout Generator, all: Bool = false) -> Image {
    var image = Image()
    let names = survivingNames(&generator, all: all)
    for (path, node) in names.sorted(by: { $0.key < $1.key }) {
      if node.isDirectory {
        image.directories.append(path)
      } else if path.directory.isEmpty || image.directories.contains(path.directory) {
        image.files[path] = surviving(node, &generator, all: all)
      }
    }
    return image
  }

  private func survivingNames(_ generator: inout Generator, all: Bool) -> [String: Node] {
    var names = durableNames
    var left: [String: Int] = [:]
    for directory in Set(pendingNames.map(\.change.directory)).sorted() {
      let count = pendingNames.count { $0.change.directory == directory }
      left[directory] = all ? count : Int.random(in: 0...count, using: &generator)
    }
    for (_, change) in pendingNames where left[change.directory, default: 0] > 0 {
      change.apply(to: &names)
      left[change.directory, default: 0] -= 1
    }
    return names
  }

  private func surviving(_ node: Node, _ generator: inout Generator, all: Bool) -> [UInt8] {
    let chance: Double = all ? 1 : [0, 0.1, 0.5, 0.9, 1][Int.random(in: 0..<5, using: &generator)]
    var truncations = node.pending.count { if case .truncate = $0.change { true } else { false } }
    if !all { truncations = Int.random(in: 0...truncations, using: &generator) }
    var bytes = node.durable
    var lengths = [bytes.count]
    for (_, change) in node.pending {
      switch change {
      case .truncate(let size):
        if truncations == 0 { return bytes.resized(to: length(lengths, &generator, all: all)) }
        truncations -= 1
        bytes.resize(to: size)
        lengths = [size]
      case .write(let offset, let written):
        lengths.append(max(lengths[lengths.count - 1], offset + written.count))
        let isTorn = generator.oneIn(4)
        var begin = written.lowerBound
        while begin < written.upperBound {
          let position = offset + begin - written.lowerBound
          let rest = isTorn ? Self.sector - position % Self.sector : written.count
          let end = min(begin + rest, written.upperBound)
          if chance == 1 || Double.random(in: 0..<1, using: &generator) < chance {
            bytes.put(log.bytes[begin..<end], at: position)
          }
          begin = end
        }
      }
    }
    return bytes.resized(to: length(lengths, &generator, all: all))
  }

  private func length(_ lengths: [Int], _ generator: inout Generator, all: Bool) -> Int {
    all ? lengths[lengths.count - 1] : lengths[Int.random(in: 0..<lengths.count, using: &generator)]
  }
}

extension [UInt8] {
  fileprivate mutating func resize(to count: Int) {
    if count < self.count { removeLast(self.count - count) }
    if count > self.count { append(contentsOf: repeatElement(0, count: count - self.count)) }
  }

  fileprivate func resized(to count: Int) -> [UInt8] {
    var bytes = self
    bytes.resize(to: count)
    return bytes
  }

  fileprivate mutating func put(_ bytes: ArraySlice<UInt8>, at offset: Int) {
    if offset + bytes.count > count { resize(to: offset + bytes.count) }
    withUnsafeMutableBytes { own in
      bytes.withUnsafeBytes { own[offset..<offset + $0.count].copyBytes(from: $0) }
    }
  }
}

extension String {
  /// The part before the last slash; empty where there is none.
  fileprivate var directory: String {
    lastIndex(of: "/").map { String(self[..<$0]) } ?? ""
  }

  fileprivate var name: String {
    lastIndex(of: "/").map { String(self[index(after: $0)...]) } ?? self
  }
}

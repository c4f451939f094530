import Foundation
import SystemPackage

@testable import EngramIndex
@testable import EngramStore

/// The snapshot of an index: alterations of a real one, after which all checksums are made right. It
/// is refused, or what it makes can be searched, examined and written to.
///
/// An alteration is a section (the header is the first), an offset in it of two bytes, a number of
/// bytes, and these.
enum SnapshotTarget: Target {
  static let name = "snapshot"
  static let seeds: [[UInt8]] = [[]] + (0...14).map { [UInt8($0), 0, 0, 2, 1, 2] }

  // docs/format.md: where the header has the table of sections, and how long it is.
  private static let (tableOffset, sections, headerBytes, block) = (128, 14, 4096, 1 << 20)

  private static func number(_ file: [UInt8], at offset: Int) -> Int {
    file.withUnsafeBytes { Int($0.loadUnaligned(fromByteOffset: offset, as: Int64.self)) }
  }

  private static func put(_ bytes: some Collection<UInt8>, at offset: Int, in file: inout [UInt8]) {
    file.replaceSubrange(offset..<offset + bytes.count, with: bytes)
  }

  static func run(_ input: [UInt8]) {
    var file = World.shared.snapshot
    let original = file
    var rest = input[...]
    while rest.count > 4 {
      let section = Int(rest[rest.startIndex]) % sections
      var offset = Int(rest[rest.startIndex + 1]) | Int(rest[rest.startIndex + 2]) << 8
      let count = Int(rest[rest.startIndex + 3]) % 16 + 1
      let bytes = rest.dropFirst(4).prefix(count)
      rest = rest.dropFirst(4 + count)
      var limit = 348
      if section > 0 {
        let entry = tableOffset + 16 * (section - 1)
        let (begin, length) = (number(original, at: entry), number(original, at: entry + 8))
        if length == 0 { continue }
        offset = begin + offset % length
        limit = begin + length
      } else {
        offset %= limit
      }
      put(bytes.prefix(limit - offset), at: offset, in: &file)
    }
    seal(&file)
    let path = World.shared.free("altered-snapshot")
    write(file, to: path)
    read(path, isAltered: !input.isEmpty)
  }

  private static func seal(_ file: inout [UInt8]) {
    var checksums: [UInt8] = []
    for section in 0..<sections - 1 {
      let entry = tableOffset + 16 * section
      let (begin, count) = (number(file, at: entry), number(file, at: entry + 8))
      guard begin >= 0, count >= 0, begin <= file.count, count <= file.count - begin else { break }
      for from in stride(from: begin, to: begin + count, by: block) {
        checksums += PagesTarget.bytes(
          of: Checksum.crc32c(Array(file[from..<min(from + block, begin + count)])))
      }
    }
    let entry = tableOffset + 16 * (sections - 1)
    let begin = (file.count + 4095) / 4096 * 4096
    file += [UInt8](repeating: 0, count: begin - file.count) + checksums
    put(withUnsafeBytes(of: Int64(begin), Array.init), at: entry, in: &file)
    put(withUnsafeBytes(of: Int64(checksums.count), Array.init), at: entry + 8, in: &file)
    put(PagesTarget.bytes(of: Checksum.crc32c(checksums)), at: entry + 16, in: &file)
    let header = Checksum.crc32c(Array(file[..<(headerBytes - 4)]))
    put(PagesTarget.bytes(of: header), at: headerBytes - 4, in: &file)
  }

  private static func read(_ path: FilePath, isAltered: Bool) {
    let core = World.shared.store.core
    let pages = core.index.pages
    let source = IndexSource(
      directory: core.directory, configuration: core.configuration, catalogue: core.catalogue)
    let live: LiveIndex
    do throws(StoreError) {
      guard let read = try Snapshot.read(
        path, identity: source.identity(of: pages), pages: pages, threads: 1,
        catalogue: core.catalogue)
      else { finding("the file is there") }
      live = read
    } catch {
      demand(isAltered, "the snapshot itself is refused: \(error)")
      return
    }
    let problems = live.index.integrityProblems()
    demand(isAltered || problems.isEmpty, "the snapshot itself has \(problems)")
    var cost = SearchStatistics()
    live.index.reading {
      for scope in [Scope.all, Scope(user: "user 1"), Scope(user: "user 2", agent: "agent")] {
        for (k, width) in [(5, 20), (100, nil)] {
          let domain = live.domain(scope: scope, passing: nil, width: width).domain
          _ = try? live.search([1, 2, 3, 4], k: k, width: width, in: domain, statistics: &cost)
        }
      }
    }
    _ = live.withState { rows, _ in (live.table.columns(rows, slots: nil), live.postings.names) }
    // A new row is linked beside those that were read.
    let slot = 0
    do throws(IndexError) {
      try live.reserve(1, slots: slot + 1)
      try live.apply(
        [
          .removed(slot: 3),
          .added(
            change: live.covered &+ 1, slot: slot, scope: Scope(user: "new"), expiresAt: nil,
            metadata: nil, text: nil),
        ], covering: live.covered &+ 1)
      try live.index.link(threads: 1)
      live.index.removeDead()
      live.index.calibrate(threads: 1)
    } catch {}
    _ = live.index.integrityProblems()
  }
}

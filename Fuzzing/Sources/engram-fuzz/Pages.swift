import Foundation
import SystemPackage

@testable import EngramStore

/// The file of vectors: 256 bytes of its header, then slots. Checksums are made right, but for those
/// of slots whose first word has its lowest bit changed.
enum PagesTarget: Target {
  static let name = "pages"
  static var seeds: [[UInt8]] {
    let (pages, slot) = (World.shared.pages, World.shared.store.core.index.pages.slotBytes)
    let header = Array(pages.prefix(headBytes))
    return [0, 1, 5, 20].map { count in
      header + pages.dropFirst(VectorPages.headerBytes).prefix(count * slot)
    }
  }

  private static let headBytes = 256

  static func run(_ input: [UInt8]) {
    let own = World.shared.store.core.index.pages
    let path = World.shared.free("altered-pages")
    var file = Array(input.prefix(headBytes))
    file += [UInt8](repeating: 0, count: VectorPages.headerBytes - 4 - file.count)
    file += bytes(of: Checksum.crc32c(file))
    var slots = Array(input.dropFirst(headBytes))
    for begin in stride(from: 0, to: slots.count - own.slotBytes + 1, by: own.slotBytes) {
      seal(&slots[begin..<begin + own.slotBytes])
    }
    write(file + slots, to: path)
    guard let pages = try? VectorPages.open(path, expecting: own.header) else { return }
    do throws(StoreError) {
      let capacity = try pages.capacity()
      for slot in 0..<capacity {
        guard let (header, vector) = try pages.readSlot(slot) else { continue }
        demand(header.slot == UInt64(slot) && vector.count == World.dimension, "slot \(slot)")
        // What the map shows is the same.
        let mapped = pages.vector(slot)
        for (index, component) in vector.enumerated() {
          demand(mapped[index].bitPattern == component.bitPattern, "slot \(slot) by map")
        }
      }
      let free = try pages.firstFreeSlot(from: 0)
      demand((0...capacity).contains(free), "first free slot \(free) of \(capacity)")
      _ = try pages.readSlot(-1)
      _ = try pages.readSlot(.max)
      pages.close()
    } catch { finding("\(error)") }
  }

  private static func seal(_ slot: inout ArraySlice<UInt8>) {
    if slot[slot.startIndex] & 1 == 0 { return }
    func put(_ value: UInt32, at offset: Int) {
      let begin = slot.startIndex + offset
      slot.replaceSubrange(begin..<begin + 4, with: bytes(of: value))
    }
    let header = VectorPages.slotHeaderBytes
    let vector = Array(slot.dropFirst(header).prefix(World.dimension * 4))
    // After magic, slot, change, group and memory.
    put(Checksum.crc32c(vector), at: 8 + 3 * 8 + 16)
    let store = World.shared.store.core.index.pages.header.store
    let tag = withUnsafeBytes(of: store.uuid, Array.init)
    put(Checksum.crc32c(Array(slot.prefix(header - 4)) + tag), at: header - 4)
  }

  static func bytes(of value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.littleEndian, Array.init) }
}

import Foundation

/// What processes did to the files of a store, call by call, as `Tests/CStoreFaults` wrote it down.
struct CallLog {
  /// As in `internal.h`.
  enum Kind: UInt32 {
    case open = 1
    case write, truncate, sync, synced, rename, unlink, directory, answer
  }

  struct Record {
    var kind: Kind
    var process: UInt64
    /// The open file, of whatever process.
    var handle: Int
    /// An offset, a size, or the number of another record.
    var value: Int
    /// Where the bytes are that came with it.
    var bytes: Range<Int>
  }

  static var isAvailable: Bool {
    #if os(Linux)
      true
    #else
      false
    #endif
  }

  let bytes: [UInt8]
  let records: [Record]

  init(_ file: URL) throws {
    bytes = Array(try Data(contentsOf: file))
    var records: [Record] = []
    // Where the records of each process are among all.
    var numbers: [UInt64: [Int]] = [:]
    var offset = 0
    try bytes.withUnsafeBytes { bytes in
      while offset < bytes.count {
        func take<Value: FixedWidthInteger>(_ type: Value.Type) -> Value {
          defer { offset += MemoryLayout<Value>.size }
          return bytes.loadUnaligned(fromByteOffset: offset, as: type)
        }
        guard let kind = Kind(rawValue: take(UInt32.self)) else {
          throw CocoaError(.fileReadCorruptFile)
        }
        var (handle, value) = (Int(take(Int32.self)), Int(take(Int64.self)))
        let (count, process) = (Int(take(UInt64.self)), take(UInt64.self))
        handle += Int(process) << 32
        if kind == .synced { value = numbers[process, default: []][value] }
        numbers[process, default: []].append(records.count)
        records.append(
          Record(
            kind: kind, process: process, handle: handle, value: value,
            bytes: offset..<offset + count))
        offset += count
      }
    }
    self.records = records
  }

  func text(_ record: Record) -> String { String(decoding: bytes[record.bytes], as: UTF8.self) }

  /// The lines that the processes had written to their output before a record.
  func answers(before number: Int) -> [Substring] {
    records[..<number].lazy.filter { $0.kind == .answer }.map(text).joined()
      .split(separator: "\n")
  }
}

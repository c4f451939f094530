import Foundation

/// What a process did to the files of a store, call by call, as `Tests/CStoreFaults` wrote it down.
struct CallLog {
  /// As in `internal.h`.
  enum Kind: UInt32 {
    case open = 1
    case write, truncate, sync, synced, rename, unlink, directory, answer
  }

  struct Record {
    var kind: Kind
    /// The open file.
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
        let (handle, value) = (Int(take(Int32.self)), Int(take(Int64.self)))
        let count = Int(take(UInt64.self))
        records.append(
          Record(kind: kind, handle: handle, value: value, bytes: offset..<offset + count))
        offset += count
      }
    }
    self.records = records
  }

  func text(_ record: Record) -> String { String(decoding: bytes[record.bytes], as: UTF8.self) }

  /// The lines that the process had written to its output before a record.
  func answers(before number: Int) -> [Substring] {
    records[..<number].lazy.filter { $0.kind == .answer }.map(text).joined()
      .split(separator: "\n")
  }
}

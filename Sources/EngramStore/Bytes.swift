import CEngramKernels
import Foundation

/// Bytes in the order of a file format or of a checksum: little-endian, strings with their length,
/// absent values marked.
struct ByteWriter {
  private(set) var bytes: [UInt8] = []

  init(capacity: Int = 256) { bytes.reserveCapacity(capacity) }

  mutating func put<Value: FixedWidthInteger>(_ value: Value) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }
  mutating func put(_ value: Double) { put(value.bitPattern) }
  mutating func put(_ value: UUID) {
    withUnsafeBytes(of: value.uuid) { bytes.append(contentsOf: $0) }
  }
  mutating func put(raw: some Sequence<UInt8>) { bytes.append(contentsOf: raw) }
  mutating func put(_ value: String) {
    var value = value
    value.withUTF8 {
      put(UInt32($0.count))
      bytes.append(contentsOf: $0)
    }
  }
  mutating func put(_ value: String?) {
    put(UInt8(value == nil ? 0 : 1))
    if let value { put(value) }
  }
  mutating func put(_ value: Int64?) {
    put(UInt8(value == nil ? 0 : 1))
    if let value { put(value) }
  }
  mutating func put(_ value: Double?) {
    put(UInt8(value == nil ? 0 : 1))
    if let value { put(value) }
  }

  mutating func pad(to count: Int) {
    if bytes.count < count { bytes.append(contentsOf: repeatElement(0, count: count - bytes.count)) }
  }

  /// CRC-32C of what has been put.
  var checksum: UInt32 { bytes.withBytes { Checksum.crc32c($0) } }
}

/// Reads what `ByteWriter` wrote; nil past the end.
struct ByteReader {
  private let bytes: [UInt8]
  private var offset = 0

  init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

  var remaining: Int { bytes.count - offset }

  mutating func take<Value: FixedWidthInteger>(_ type: Value.Type) -> Value? {
    let size = MemoryLayout<Value>.size
    guard remaining >= size else { return nil }
    defer { offset += size }
    return bytes.withUnsafeBytes {
      Value(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Value.self))
    }
  }

  mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
    guard count >= 0, remaining >= count else { return nil }
    defer { offset += count }
    return bytes[offset..<offset + count]
  }

  mutating func takeUUID() -> UUID? { take(16).flatMap { UUID(bytes: Data($0)) } }

  mutating func takeString() -> String? {
    guard let count = take(UInt32.self), let text = take(Int(count)) else { return nil }
    return String(validating: text, as: UTF8.self)
  }
}

enum Checksum {
  static func crc32c(_ bytes: [UInt8]) -> UInt32 { bytes.withBytes { crc32c($0) } }

  /// Whether the last four bytes are the checksum of those before them, and of `tag` after these.
  static func endsBytes(_ bytes: some Collection<UInt8>, tag: [UInt8] = []) -> Bool {
    var reader = ByteReader(Array(bytes.suffix(4)))
    return reader.take(UInt32.self) == crc32c(Array(bytes.dropLast(4)) + tag)
  }

  static func crc32c(_ bytes: UnsafeRawBufferPointer, continuing crc: UInt32 = 0) -> UInt32 {
    guard let base = bytes.baseAddress else { return crc }
    return engram_crc32c(crc, base, bytes.count)
  }
}

extension Array where Element: BitwiseCopyable {
  /// `withUnsafeBytes` for a body with a typed error.
  func withBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try withUnsafeBufferPointer { buffer throws(Failure) in
      try body(UnsafeRawBufferPointer(buffer))
    }
  }
}

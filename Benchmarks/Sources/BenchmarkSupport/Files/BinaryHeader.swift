/// The 8 bytes before the data of a big-ann file: u32 rows, u32 dimension, little endian.
struct BinaryHeader {
  static let byteCount = 8
  let rows: Int
  let dimension: Int
  /// Bytes of header and data.
  let fileBytes: Int

  init(
    reading reader: ByteReader, elementBytes: Int, dimensionLimit: Int
  ) throws(DataFileError) {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.byteCount, alignment: 8)
    defer { bytes.deallocate() }
    let got = try reader.read(into: bytes)
    if got < Self.byteCount {
      try reader.checkArchive()
      throw .headerTruncated(file: reader.file, foundBytes: got)
    }
    rows = Int(UInt32(littleEndian: bytes.load(fromByteOffset: 0, as: UInt32.self)))
    dimension = Int(UInt32(littleEndian: bytes.load(fromByteOffset: 4, as: UInt32.self)))
    guard rows > 0, dimension > 0 else {
      throw .emptyShape(file: reader.file, rows: rows, dimension: dimension)
    }
    guard dimension <= dimensionLimit else {
      throw .dimensionTooLarge(file: reader.file, dimension: dimension, limit: dimensionLimit)
    }
    let (values, overflow) = rows.multipliedReportingOverflow(by: dimension)
    let (bytesOfValues, overflow2) = values.multipliedReportingOverflow(by: elementBytes)
    let (total, overflow3) = bytesOfValues.addingReportingOverflow(Self.byteCount)
    guard !overflow, !overflow2, !overflow3 else {
      throw .sizeOverflow(file: reader.file, rows: rows, dimension: dimension)
    }
    fileBytes = total
    // Known before anything is allocated, so a damaged header cannot ask for all memory.
    if let found = reader.byteCount {
      if found < total {
        throw .truncated(
          file: reader.file, rows: rows, dimension: dimension, expectedBytes: total,
          foundBytes: found)
      }
      if found > total {
        throw .trailingBytes(
          file: reader.file, rows: rows, dimension: dimension, expectedBytes: total)
      }
    }
  }
}

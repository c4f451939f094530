/// Vectors read from a `.fbin`, `.f16bin` or `.u8bin` file, each also with `.gz`, as float32.
public struct VectorFile: Sendable {
  /// The largest dimension of the engine.
  public static let dimensionLimit = 16_383

  /// Row-major, `rows * dimension` values.
  public let values: [Float]
  public let rows: Int
  public let dimension: Int
  /// Rows in the file, which a limit may leave out.
  public let rowsInFile: Int
  public let elementType: ElementType

  /// Reads the file, or its first `limit` rows.
  public init(_ path: String, limit: Int? = nil) throws(DataFileError) {
    guard let type = ElementType(path: path) else {
      throw .unknownExtension(file: path, expected: ElementType.allCases.map { ".\($0.rawValue)" })
    }
    if let limit, limit < 1 { throw .invalidLimit(file: path, limit: limit) }
    let reader = try ByteReader(path)
    let header = try BinaryHeader(
      reading: reader, elementBytes: type.byteCount, dimensionLimit: Self.dimensionLimit)
    rowsInFile = header.rows
    rows = min(limit ?? header.rows, header.rows)
    dimension = header.dimension
    elementType = type
    values = try readValues(
      reader, header, count: rows * dimension, elementBytes: type.byteCount,
      toTheEnd: rows == rowsInFile
    ) { source, out, count in
      type.widen(source, into: out, count: count)
    }
  }
}

/// Reads `count` values in chunks. Where the file's size is not known ahead, the array grows with
/// the bytes that really come: the header of a damaged archive cannot ask for all memory.
func readValues<Value: BitwiseCopyable>(
  _ reader: ByteReader, _ header: BinaryHeader, count: Int, elementBytes: Int, toTheEnd: Bool,
  convert: (UnsafeRawPointer, UnsafeMutablePointer<Value>, Int) -> Void
) throws(DataFileError) -> [Value] {
  let chunkValues = min(count, 1 << 18)
  let chunk = UnsafeMutableRawBufferPointer.allocate(
    byteCount: chunkValues * elementBytes, alignment: 64)
  defer { chunk.deallocate() }
  var values: [Value] = []
  if reader.byteCount == nil { values.reserveCapacity(min(count, 1 << 24)) }
  let batch = reader.byteCount == nil ? chunkValues : count
  while values.count < count {
    let wanted = min(batch, count - values.count)
    var failure: DataFileError?
    let read = [Value](unsafeUninitializedCapacity: wanted) { buffer, initialized in
      guard let out = buffer.baseAddress, let source = UnsafeRawPointer(chunk.baseAddress) else {
        return
      }
      do throws(DataFileError) {
        while initialized < wanted {
          let part = min(chunkValues, wanted - initialized)
          let bytes = UnsafeMutableRawBufferPointer(rebasing: chunk[..<(part * elementBytes)])
          let got = try reader.read(into: bytes)
          guard got == bytes.count else {
            try reader.checkArchive()
            throw DataFileError.truncated(
              file: reader.file, rows: header.rows, dimension: header.dimension,
              expectedBytes: header.fileBytes,
              foundBytes: BinaryHeader.byteCount + (values.count + initialized) * elementBytes
                + got)
          }
          convert(source, out + initialized, part)
          initialized += part
        }
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    if values.isEmpty { values = read } else { values.append(contentsOf: read) }
  }
  if toTheEnd { try checkEnd(reader, header) }
  return values
}

/// Nothing may follow the values.
private func checkEnd(_ reader: ByteReader, _ header: BinaryHeader) throws(DataFileError) {
  let rest = UnsafeMutableRawBufferPointer.allocate(byteCount: 1, alignment: 1)
  defer { rest.deallocate() }
  if try reader.read(into: rest) > 0 {
    throw .trailingBytes(
      file: reader.file, rows: header.rows, dimension: header.dimension,
      expectedBytes: header.fileBytes)
  }
  try reader.checkArchive()
}

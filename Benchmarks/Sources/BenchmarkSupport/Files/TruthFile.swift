import Foundation

/// Exact neighbours from an `.ibin` file, with the scores of the `.gtd.fbin` beside it if there.
public struct TruthFile: Sendable {
  /// In a filtered truth: there is no such neighbour.
  public static let none = UInt32.max

  /// `queries * k` row numbers, best first.
  public let neighbours: [UInt32]
  /// As many scores, if the file of scores is there.
  public let scores: [Float]?
  public let queries: Int
  public let k: Int

  public init(_ path: String) throws(DataFileError) {
    let plain = path.hasSuffix(".gz") ? String(path.dropLast(3)) : path
    guard plain.hasSuffix(".ibin") else {
      throw .unknownExtension(file: path, expected: [".ibin"])
    }
    let reader = try ByteReader(path)
    let header = try BinaryHeader(
      reading: reader, elementBytes: 4, dimensionLimit: VectorFile.dimensionLimit)
    queries = header.rows
    k = header.dimension
    neighbours = try readValues(
      reader, header, count: header.rows * header.dimension, elementBytes: 4, toTheEnd: true
    ) { source, out, count in
      for i in 0..<count {
        let bits = source.loadUnaligned(fromByteOffset: i &* 4, as: UInt32.self)
        out[i] = UInt32(littleEndian: bits)
      }
    }
    let scoresPath = plain.dropLast(".ibin".count) + ".gtd.fbin"
    guard FileManager.default.fileExists(atPath: String(scoresPath)) else {
      scores = nil
      return
    }
    let file = try VectorFile(String(scoresPath))
    guard file.rows == queries, file.dimension == k else {
      throw .shapeMismatch(
        file: String(scoresPath), expected: "\(queries) x \(k) scores as in \(path)",
        found: "\(file.rows) x \(file.dimension)")
    }
    scores = file.values
  }

  /// The neighbours of one query that exist.
  public func neighbours(of query: Int) -> ArraySlice<UInt32> {
    neighbours[(query * k)..<((query + 1) * k)].prefix { $0 != Self.none }
  }
}

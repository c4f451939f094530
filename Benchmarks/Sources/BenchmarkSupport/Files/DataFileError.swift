/// What is wrong with a file of data, with the file's name and what to do about it.
public enum DataFileError: Error, Equatable, Sendable {
  case unknownExtension(file: String, expected: [String])
  case cannotOpen(file: String, reason: String)
  case cannotRead(file: String, reason: String)
  case headerTruncated(file: String, foundBytes: Int)
  case emptyShape(file: String, rows: Int, dimension: Int)
  case dimensionTooLarge(file: String, dimension: Int, limit: Int)
  case sizeOverflow(file: String, rows: Int, dimension: Int)
  case truncated(file: String, rows: Int, dimension: Int, expectedBytes: Int, foundBytes: Int)
  case trailingBytes(file: String, rows: Int, dimension: Int, expectedBytes: Int)
  case shapeMismatch(file: String, expected: String, found: String)
  case invalidLimit(file: String, limit: Int)
  case gzipMissing(file: String)
  case gzipFailed(file: String, status: Int)
  case malformedLine(file: String, line: Int, reason: String)
  case missingFiles(folder: String, names: [String])
  case cannotWrite(file: String, reason: String)
}

extension DataFileError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unknownExtension(let file, let expected):
      return "\(file): the name must end in one of \(expected.joined(separator: ", ")), "
        + "each also with .gz; rename or convert the file."
    case .cannotOpen(let file, let reason):
      return "\(file): cannot be opened (\(reason)); check the path and its permissions."
    case .cannotRead(let file, let reason):
      return "\(file): cannot be read (\(reason)); check the disk and get the file again."
    case .headerTruncated(let file, let found):
      return "\(file): expected a header of 8 bytes (u32 rows, u32 dimension), found \(found) "
        + "bytes; get the file again."
    case .emptyShape(let file, let rows, let dimension):
      return "\(file): the header says \(rows) rows of \(dimension) values, both must be at "
        + "least 1; get the file again or check that it has this format."
    case .dimensionTooLarge(let file, let dimension, let limit):
      return "\(file): the header says \(dimension) dimensions, at most \(limit) are supported; "
        + "check that the file has the format that its name says."
    case .sizeOverflow(let file, let rows, let dimension):
      return "\(file): the header says \(rows) rows of \(dimension) values, more than a file "
        + "can hold; the header is damaged, get the file again."
    case .truncated(let file, let rows, let dimension, let expected, let found):
      return "\(file): \(rows) rows of \(dimension) values need \(expected) bytes, found "
        + "\(found); the file is cut off, get it again."
    case .trailingBytes(let file, let rows, let dimension, let expected):
      return "\(file): \(rows) rows of \(dimension) values need \(expected) bytes, the file is "
        + "longer; check that it has the format that its name says."
    case .shapeMismatch(let file, let expected, let found):
      return "\(file): expected \(expected), found \(found); the files do not belong together, "
        + "get the data set again."
    case .invalidLimit(let file, let limit):
      return "\(file): \(limit) rows were asked for, ask for at least 1."
    case .gzipMissing(let file):
      return "\(file): `gzip` was not found on PATH; install gzip or unpack the file."
    case .gzipFailed(let file, let status):
      return "\(file): `gzip -dc` ended with status \(status); the file is damaged, get it again."
    case .malformedLine(let file, let line, let reason):
      return "\(file), line \(line): \(reason); get the file again."
    case .missingFiles(let folder, let names):
      return "\(folder): missing \(names.joined(separator: ", ")); get the data set as "
        + "datasets/README.md says, or unset ENGRAM_DATASETS to run on generated data."
    case .cannotWrite(let file, let reason):
      return "\(file): cannot be written (\(reason)); choose another path."
    }
  }
}

import Foundation

/// Writes results where `--json` says: a file, or standard output for `-`.
public enum JSONOutput {
  /// Pretty, with sorted keys, so that two reports can be compared line by line.
  public static func encode(_ value: some Encodable) throws(DataFileError) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    do {
      return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
    } catch {
      throw .cannotWrite(file: "JSON", reason: "\(error)")
    }
  }

  public static func write(_ value: some Encodable, to path: String) throws(DataFileError) {
    let text = try encode(value)
    if path == "-" {
      do {
        try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
      } catch {
        throw .cannotWrite(file: "standard output", reason: "\(error)")
      }
      return
    }
    try ReportFile.write(text, to: path)
  }
}

/// Writes the files of a report.
public enum ReportFile {
  /// Whole or not at all; missing folders are made.
  public static func write(_ text: String, to path: String) throws(DataFileError) {
    let url = URL(fileURLWithPath: path)
    do {
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: url, options: .atomic)
    } catch {
      throw .cannotWrite(file: path, reason: error.localizedDescription)
    }
  }
}

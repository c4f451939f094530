/// The lines of a text file, plain or `.gz`.
public enum TextLines {
  public static func read(_ path: String) throws(DataFileError) -> [ArraySlice<UInt8>] {
    try ByteReader(path).readAll().split(separator: UInt8(ascii: "\n"))
  }
}

import Foundation

/// A small text file of the system, such as those under /proc; nil where there is none.
func textFile(_ path: String) -> String? {
  guard let data = FileManager.default.contents(atPath: path), !data.isEmpty else { return nil }
  return String(decoding: data, as: UTF8.self)
}

func trimmedTextFile(_ path: String) -> String? {
  guard let text = textFile(path)?.trimmingCharacters(in: .whitespacesAndNewlines), !text.isEmpty
  else { return nil }
  return text
}

/// The value of a `key : value` or `KEY=value` line.
func field(_ key: String, of text: String, separator: Character) -> String? {
  for line in text.split(separator: "\n") {
    guard let place = line.firstIndex(of: separator) else { continue }
    guard line[..<place].trimmingCharacters(in: .whitespaces) == key else { continue }
    let value = line[line.index(after: place)...].trimmingCharacters(in: .whitespaces)
    return value.trimmingCharacters(in: CharacterSet(charactersIn: "\""))
  }
  return nil
}

import Crypto
import EngramStore
import Foundation

/// Where the file of a memory lies in its directory. For people alone: what a file is says what is in it.
///
/// Names are of small letters, digits and `-`, so that no file system takes two of them for one, or
/// refuses one; those of files end with the memory's id.
enum MarkdownPath {
  static let current = "memories"
  static let ended = "ended"
  static let suffix = ".md"

  /// Bytes of the part of a name that is made of a text.
  private static let longest = 60

  static func path(of content: MarkdownContent, id: UUID, isEnded: Bool) -> String {
    var parts = [isEnded ? ended : current]
    let scope = content.scope
    for (kind, name) in [("user", scope.user), ("agent", scope.agent), ("run", scope.run)] {
      if let name { parts.append("\(kind)=\(folder(name))") }
    }
    let words = slug(content.text)
    parts.append((words.isEmpty ? "" : words + ".") + id.uuidString.lowercased() + suffix)
    return parts.joined(separator: "/")
  }

  /// The id that a name ends with.
  static func id(in path: String) -> UUID? {
    UUID(uuidString: String(path.dropLast(suffix.count).suffix(36)))
  }

  /// A name as a folder: as it is where that is a slug, else with a part of its SHA-256.
  private static func folder(_ name: String) -> String {
    let slug = slug(name)
    if slug.hasBytes(of: name) { return slug }
    let hash = Data(SHA256.hash(data: Data(name.utf8)).prefix(4)).hexadecimal
    return slug + "~" + hash
  }

  /// Letters and digits of a text in small letters without their marks, `-` for what is between.
  static func slug(_ text: String) -> String {
    let head = String(String.UnicodeScalarView(text.unicodeScalars.prefix(4 * longest)))
    var slug = String.UnicodeScalarView()
    var (bytes, isBetween) = (0, false)
    for scalar in head.lowercased().decomposedStringWithCanonicalMapping.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .lowercaseLetter, .otherLetter, .decimalNumber:
        let needed = UTF8.width(scalar) + (isBetween ? 1 : 0)
        guard bytes + needed <= longest else { return String(slug) }
        if isBetween { slug.append("-") }
        slug.append(scalar)
        bytes += needed
        isBetween = false
      case .nonspacingMark, .spacingMark, .enclosingMark: continue
      default: isBetween = bytes > 0
      }
    }
    return String(slug)
  }
}

import Foundation

/// `text` in lower-case letters, digits and single hyphens, safe as a folder's name everywhere.
public func slug(_ text: String) -> String {
  var out = ""
  for scalar in text.lowercased().unicodeScalars {
    let isPlain = ("a"..."z").contains(scalar) || ("0"..."9").contains(scalar)
    if isPlain {
      out.unicodeScalars.append(scalar)
    } else if !out.isEmpty, !out.hasSuffix("-") {
      out.append("-")
    }
  }
  while out.hasSuffix("-") { out.removeLast() }
  return out.isEmpty ? "unknown" : String(out.prefix(80))
}

/// The processor's name without marks and clock rates, which only make labels long.
func plainProcessorName(_ model: String) -> String {
  var text = model
  for mark in ["(R)", "(r)", "(TM)", "(tm)", "(C)"] {
    text = text.replacingOccurrences(of: mark, with: " ")
  }
  if let rate = text.firstIndex(of: "@") { text = String(text[..<rate]) }
  let noise: Set<Substring> = ["CPU", "Processor"]
  return text.split(separator: " ").filter { !noise.contains($0) }.joined(separator: " ")
}

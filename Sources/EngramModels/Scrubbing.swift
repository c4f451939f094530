extension String {
  /// The text with `***` in place of each occurrence of a secret, also of one that is percent-encoded or
  /// escaped as in JSON.
  func scrubbed(of secret: String) -> String {
    let (text, secret) = (Array(utf8), Array(secret.utf8))
    guard let first = secret.first else { return self }
    var scrubbed: [UInt8] = []
    var position = 0
    while position < text.count {
      let isStart = [first, UInt8(ascii: "%"), UInt8(ascii: "\\")].contains(text[position])
      if isStart, let end = text.end(of: secret, from: position) {
        scrubbed += "***".utf8
        position = end
      } else {
        scrubbed.append(text[position])
        position += 1
      }
    }
    return String(decoding: scrubbed, as: UTF8.self)
  }
}

extension [UInt8] {
  /// Behind the secret, if it is here in any writing.
  fileprivate func end(of secret: [UInt8], from start: Int) -> Int? {
    var position = start
    for byte in secret {
      guard position < count else { return nil }
      if self[position] == byte {
        position += 1
      } else if self[position] == UInt8(ascii: "\\"), position + 1 < count, self[position + 1] == byte {
        position += 2
      } else if self[position] == UInt8(ascii: "%"), position + 2 < count,
        UInt8(String(decoding: self[(position + 1)...(position + 2)], as: UTF8.self), radix: 16) == byte
      {
        position += 3
      } else {
        return nil
      }
    }
    return position
  }
}

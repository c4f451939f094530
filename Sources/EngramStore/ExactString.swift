/// A string that is what its code points are: `==` on `String` would also equate the composed and
/// the decomposed form of a letter, which SQLite and other engines tell apart.
struct ExactString: Hashable, Comparable {
  let text: String

  init(_ text: String) { self.text = text }

  static func == (left: Self, right: Self) -> Bool {
    left.text.utf8.elementsEqual(right.text.utf8)
  }

  static func < (left: Self, right: Self) -> Bool {
    left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
  }
}

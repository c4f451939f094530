/// The smallest number of a range that fulfils a condition which all larger ones fulfil, too;
/// nil where none does. Doubles the distance from the start until one does, then halves between.
public func smallest<Failure: Error>(
  in range: ClosedRange<Int>, where fulfils: (Int) throws(Failure) -> Bool
) throws(Failure) -> Int? {
  var low = range.lowerBound
  var high = low
  while try !fulfils(high) {
    guard high < range.upperBound else { return nil }
    low = high + 1
    high = min(range.upperBound, max(2 * high, low))
  }
  while low < high {
    let middle = low + (high - low) / 2
    if try fulfils(middle) { high = middle } else { low = middle + 1 }
  }
  return high
}

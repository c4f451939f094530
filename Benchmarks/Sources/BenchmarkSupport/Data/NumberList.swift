/// A list of numbers that an option does not take.
public struct NumberListError: Error, Equatable, CustomStringConvertible {
  public let option: String
  public let text: String
  public let range: ClosedRange<Int>

  public var description: String {
    "--\(option) takes whole numbers in \(range.lowerBound)...\(range.upperBound), separated by "
      + "commas, not \"\(text)\"."
  }
}

/// The numbers of an option such as 10,16,24: one at least, each in the range.
public func numberList(
  _ text: String, in range: ClosedRange<Int>, option: String
) throws(NumberListError) -> [Int] {
  var numbers: [Int] = []
  for part in text.split(separator: ",", omittingEmptySubsequences: false) {
    guard let number = Int(part), range.contains(number) else {
      throw NumberListError(option: option, text: String(part), range: range)
    }
    numbers.append(number)
  }
  return numbers
}

import Testing

@testable import BenchmarkSupport

@Suite struct NumberListTests {
  @Test func readsNumbers() throws {
    #expect(try numberList("7", in: 1...10, option: "ef") == [7])
    #expect(try numberList("10,1,5", in: 1...10, option: "ef") == [10, 1, 5])
  }

  @Test func namesWhatItRefuses() {
    for (text, part) in [("", ""), ("3,", ""), ("3,x", "x"), ("11", "11"), ("0,1", "0")] {
      #expect(throws: NumberListError(option: "ef", text: part, range: 1...10)) {
        try numberList(text, in: 1...10, option: "ef")
      }
    }
    let error = NumberListError(option: "ef", text: "x", range: 1...10)
    #expect("\(error)" == "--ef takes whole numbers in 1...10, separated by commas, not \"x\".")
  }
}

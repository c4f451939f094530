import Foundation
import Testing

@testable import EngramModels

@Suite struct JSONRepairTests {
  @Test(
    arguments: [
      // Around it.
      ("Here it is:\n```json\n{\"a\": 1}\n```\nAnything else?", #"{"a":1}"#),
      ("```\n[1, 2]\n```", "[1,2]"),
      ("<think>Maybe {\"a\": 0, \"b\": 2}?</think>\n{\"a\": 1}", #"{"a":1}"#),
      ("Maybe [0, 1, 2, 3]?\n</think>\n[1]", "[1]"),
      ("{\"a\": \"</think>\",}", #"{"a":"</think>"}"#),
      ("As in [1], it is {\"a\": [true, null]}. Bye [2].", #"{"a":[true,null]}"#),
      ("see [the list] {\"a\": 1}", #"{"a":1}"#),
      ("\u{feff}{\"a\":1}", #"{"a":1}"#),
      // Commas.
      (#"{"a": [1, 2,], "b": 3,}"#, #"{"a":[1,2],"b":3}"#),
      (#"[1,, 2 3]"#, "[1,2,3]"),
      ("{\"a\": \"x\"\n\"b\": \"y\"}", #"{"a":"x","b":"y"}"#),
      (#"[,1]"#, "[1]"),
      // Quotes and escapes.
      (#"{'a': 'it''s "so"', 'b': 'it\'s'}"#, #"{"a":"it''s \"so\"","b":"it's"}"#),
      (#"{a: 1, b_2: {}}"#, #"{"a":1,"b_2":{}}"#),
      (#"{"a": "he said "hi" twice"}"#, #"{"a":"he said \"hi\" twice"}"#),
      ("{\"a\": \"one\ntwo\tthree\0\"}", #"{"a":"one\ntwo\tthree\u0000"}"#),
      (#"["C:\dir", "\u12", "\ud800", "\udc00x", "\ud83d\ude00"]"#,
        #"["C:\\dir","\\u12","\ufffd","\ufffdx","\ud83d\ude00"]"#),
      // Python's.
      (#"{'a': True, 'b': None, 'c': False, 'd': NaN}"#,
        #"{"a":true,"b":null,"c":false,"d":null}"#),
      // Never closed, or wrongly.
      (#"{"a": {"b": [1, 2"#, #"{"a":{"b":[1]}}"#),
      (#"{"a": {"b": [1, 2 "#, #"{"a":{"b":[1,2]}}"#),
      (#"{"a": [1, {"b": 2}"#, #"{"a":[1,{"b":2}]}"#),
      (#"{"a": [1, 2}"#, #"{"a":[1,2]}"#),
      (#"{"facts": ["one", "two", "thr"#, #"{"facts":["one","two"]}"#),
      (#"{"facts": ["one"], "other"#, #"{"facts":["one"]}"#),
      (#"{"facts": ["one"], "other":"#, #"{"facts":["one"]}"#),
      (#"{"facts": ["one"], "other": tr"#, #"{"facts":["one"]}"#),
      ("{\"facts\": [\"one\", \n```\nDone.", #"{"facts":["one"]}"#),
      ("{\"facts\": [\"one\"], \n\nI hope this helps!", #"{"facts":["one"]}"#),
      (#"{"a": , "b": 1}"#, #"{"b":1}"#),
    ] as [(String, String)])
  func mendsWhatModelsWrite(text: String, expected: String) {
    #expect(JSONRepair.repair(text) == expected)
  }

  @Test(arguments: [
    "", " ", "no", "{", "[", "{\"a", "{\"a\":", "{\"a\": \"b", "[\"a", "]", "}", "```json\n```", "{]",
    "<think>{\"a\": 1}", "</think>", "tr", "12 apples", "\0", "{nothing to see}", "{'",
    String(repeating: "[", count: 100_000), String(repeating: "{\"a\":", count: 100_000),
  ])
  func nothingIsMadeOfNothing(text: String) {
    #expect(JSONRepair.repair(text) == nil)
  }

  /// What broke off may lack anything, so it is not whole; what was mended otherwise is.
  @Test(
    arguments: [
      (#"{"a": [1, 2]}"#, true), ("Here:\n```json\n{'a': [1, 2,],}\n```", true), (#"{"a": [1, 2}"#, true),
      (#"{"facts": ["one", "two", "thr"#, false), (#"{"facts": ["one", "two""#, false),
      (#"{"facts": ["one"]"#, false), (#"{"facts": ["one"], "other""#, false),
      (#"{"facts": [{"a": 1}, {"a""#, false), (#"{"facts": ["one", nothing]}"#, false), ("", false),
    ])
  func whatBrokeOffIsNotWhole(text: String, isWhole: Bool) {
    #expect((JSONRepair.repairWhole(text) != nil) == isWhole)
    if isWhole { #expect(JSONRepair.repairWhole(text) == JSONRepair.repair(text)) }
  }

  @Test func depthIsBounded() throws {
    let deep = String(repeating: "[", count: 100_000) + "1" + String(repeating: "]", count: 100_000)
    #expect(JSONRepair.repair(deep)?.count ?? 0 <= 513)
    let deepest = String(repeating: "[", count: 256) + "1" + String(repeating: "]", count: 256)
    #expect(JSONRepair.repair(deepest) == deepest)
  }

  /// Anything but linear time would not end within a day.
  @Test(arguments: [
    "[", "{", "]", "\"", "'", "\\", "`", " ", "a", "0", ",", "\n", "[1,", "{\"a\":\"", "{'a' ", "\"   ", "[]",
    "{\"a\":1}", "[\"a", "</think>", "<think>", "</", "{a:", "[1 ", "\\u", "[\"\\ud800",
  ])
  func longTextsAreReadInOnePass(piece: String) {
    for start in ["", "[", "{\"a\": \"", "{\"a\": [", "x", "<think>"] {
      let text = start + String(repeating: piece, count: 300_000)
      if let mended = JSONRepair.repair(text) { #expect(isRead(mended)) }
    }
  }

  @Test func validJSONComesBackEqual() {
    var random = SplitMix64(seed: 1)
    for _ in 0..<5_000 {
      let text = random.jsonText(depth: 4)
      #expect(JSONRepair.repair(text) == text)
      #expect(isRead(text))
    }
  }

  @Test func whatComesBackIsRead() {
    var random = SplitMix64(seed: 2)
    for _ in 0..<1_000 {
      let text = random.jsonText(depth: 3)
      let bytes = Array(text.utf8)
      // Every prefix, and some with a byte put in, taken out or changed.
      for end in bytes.indices { expectReadable(bytes[..<end]) }
      for _ in 0..<20 {
        var mutated = bytes
        for _ in 0..<Int.random(in: 1...3, using: &random) { random.mutate(&mutated) }
        expectReadable(mutated[...])
      }
    }
  }

  /// What prefixes keep is a part of the whole: nothing is made up.
  @Test func aPrefixGivesAPartOfTheWhole() throws {
    var random = SplitMix64(seed: 3)
    for _ in 0..<300 {
      let text = "{\"k\":" + random.jsonText(depth: 3) + "}"
      let whole = try value(text)
      for end in text.indices {
        guard let mended = JSONRepair.repair(String(text[..<end])) else { continue }
        #expect(isPart(try value(mended), of: whole), "\(text[..<end])")
      }
    }
  }

  @Test func decodingSaysWhatIsWrong() throws {
    struct Facts: Decodable, Equatable { let facts: [String] }
    let facts = try JSONRepair.decode(Facts.self, from: "Sure: {'facts': ['one',]}")
    #expect(facts == Facts(facts: ["one"]))
    #expect(throws: ModelError.badReply(reason: "the model wrote no JSON")) {
      try JSONRepair.decode(Facts.self, from: "I cannot.")
    }
    #expect(
      throws: ModelError.badReply(
        reason: "the model's JSON is of another form: facts.[0] is of another type")
    ) {
      try JSONRepair.decode(Facts.self, from: #"{"facts": [1]}"#)
    }
  }

  private func expectReadable(_ bytes: ArraySlice<UInt8>) {
    let text = String(decoding: bytes, as: UTF8.self)
    if let mended = JSONRepair.repair(text) { #expect(isRead(mended), "\(text)") }
  }

  private func isRead(_ text: String) -> Bool { (try? value(text)) != nil }

  private func value(_ text: String) throws -> Any {
    try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
  }

  private func isPart(_ part: Any, of whole: Any) -> Bool {
    switch (part, whole) {
    case (let part as [String: Any], let whole as [String: Any]):
      part.allSatisfy { key, value in whole[key].map { isPart(value, of: $0) } ?? false }
    case (let part as [Any], let whole as [Any]):
      part.count <= whole.count && zip(part, whole).allSatisfy(isPart)
    case (let part as NSObject, let whole as NSObject): part == whole
    default: false
    }
  }
}

/// Random numbers that a seed decides.
struct SplitMix64: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  private mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[Int.random(in: elements.indices, using: &self)]
  }

  /// A JSON document with white space here and there; keys differ within an object.
  mutating func jsonText(depth: Int) -> String {
    let space = pick(["", "", "", " ", "\n  ", "\t"])
    switch Int.random(in: 0..<(depth > 0 ? 8 : 5), using: &self) {
    case 0: return space + pick(["true", "false", "null"])
    case 1: return space + pick(["0", "-1", "12", "1.5", "-0.25e3", "1E-2", "123456789"]) + space
    case 2...4: return space + string() + space
    case 5:
      let count = Int.random(in: 0..<4, using: &self)
      return "[" + (0..<count).map { _ in jsonText(depth: depth - 1) }.joined(separator: ",") + space
        + "]" + space
    default:
      let count = Int.random(in: 0..<4, using: &self)
      return "{"
        + (0..<count).map { "\"\($0)" + string().dropFirst() + space + ":" + jsonText(depth: depth - 1) }
        .joined(separator: ",") + space + "}" + space
    }
  }

  private mutating func string() -> String {
    let pieces = [
      "a", "it's", " ", ",", ":", "}", "]", "{", "[", "\\\"", "\\\\", "\\n", "\\u00e9", "\\ud83d\\ude00",
      "\u{1f600}", "\u{e9}", "`", "<think>", "</think>", "0",
    ]
    let count = Int.random(in: 0..<5, using: &self)
    return "\"" + (0..<count).map { _ in pick(pieces) }.joined() + "\""
  }

  mutating func mutate(_ bytes: inout [UInt8]) {
    let place = Int.random(in: 0...bytes.count, using: &self)
    let byte = pick(Array("{}[]\",:'\\`0e.-+tu\n\0 \u{e9}".utf8))
    switch Int.random(in: 0..<3, using: &self) {
    case 0: bytes.insert(byte, at: place)
    case 1 where place < bytes.count: bytes[place] = byte
    default: if place < bytes.count { bytes.remove(at: place) }
    }
  }
}

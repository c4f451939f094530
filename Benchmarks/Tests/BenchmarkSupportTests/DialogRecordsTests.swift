import Foundation
import Testing

@testable import BenchmarkSupport

@Suite struct DialogRecordsTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func line(
    _ number: Int = 1, text: String = #""memory":"Tea, please.""#,
    metadata: String = #"{"turn": 1, "category":"coffee"}"#
  ) -> String {
    #"{"id":"a62dac37-8568-5ceb-9694-"# + padded(number, to: 12) + #"",\#(text),"user_id":"u","#
      + #""agent_id":"a","run_id":"r","role":"user","created_at":"2025-01-01T00:00:01.5Z","#
      + #""metadata":\#(metadata)}"#
  }

  @Test func readsLines() throws {
    let lines = (0..<1_500).map { line($0) }.joined(separator: "\n") + "\n"
    let path = try folder.write(lines, to: "base.jsonl")
    let rows = try DialogRecords(path)
    #expect(rows.count == 1_500)
    #expect(rows.texts[7] == "Tea, please." && rows.userIDs[7] == "u" && rows.runIDs[7] == "r")
    #expect(rows.createdAt[7] == 1_735_689_601_500_000)
    #expect(rows.metadata[7] == #"{"category":"coffee","turn":1}"#)
    #expect(rows.ids[12].uuidString == "A62DAC37-8568-5CEB-9694-000000000012")
    #expect(try DialogRecords(path, limit: 3).count == 3)
    #expect(try DialogRecords(try folder.pack(path)) == rows)
  }

  @Test func readsQueriesAndEscapes() throws {
    let text = #""query":"a \"b\" \u00e9 \ud83d\ude00 \\ \n é""#
    let rows = try DialogRecords(try folder.write(line(text: text), to: "q.jsonl"))
    #expect(rows.texts == ["a \"b\" é 😀 \\ \n é"])
  }

  @Test func sortsMetadataAtEveryDepth() throws {
    let metadata = #"{ "b" : [1, {"z":null,"y":-1.5e+3}], "a":{}, "c":[] , "d":"x\/y"}"#
    let rows = try DialogRecords(try folder.write(line(metadata: metadata), to: "b.jsonl"))
    #expect(rows.metadata == [#"{"a":{},"b":[1,{"y":-1.5e+3,"z":null}],"c":[],"d":"x\/y"}"#])
  }

  @Test func namesTheDamagedLine() throws {
    let path = try folder.write(line() + "\n" + line(metadata: "7") + "\n{", to: "b.jsonl")
    #expect(
      throws: DataFileError.malformedLine(
        file: path, line: 2, reason: "expected an object as \"metadata\"")
    ) { try DialogRecords(path) }
  }

  @Test func refusesEveryCutLine() throws {
    let whole = Array(line().utf8)
    #expect(throws: Never.self) { try DialogRecord(json: whole[...]) }
    for count in 0..<whole.count {
      #expect(throws: DialogRecord.Malformed.self) { try DialogRecord(json: whole[..<count]) }
    }
  }

  @Test func survivesEveryChangedByte() throws {
    let whole = Array(line(text: #""memory":"\u00e9\n""#).utf8)
    for place in whole.indices {
      for byte in [UInt8(0), 0x22, 0x5C, 0x7B, 0x7D, 0x80, 0xFF] {
        var changed = whole
        changed[place] = byte
        _ = try? DialogRecord(json: changed[...])
      }
    }
  }

  @Test func refusesMalformedValues() throws {
    let deep = String(repeating: "[", count: 100_000)
    for metadata in ["[1]", "{\"a\":\(deep)}", #"{"a":01}"#, #"{"a":tru}"#, #"{"a":1.}"#, "{,}"] {
      let bytes = Array(line(metadata: metadata).utf8)
      #expect(throws: DialogRecord.Malformed.self) { try DialogRecord(json: bytes[...]) }
    }
    for text in [#""memory":1"#, #""memory":"\ud83d""#, #""memory":"\x""#, #""other":"a""#] {
      let bytes = Array(line(text: text).utf8)
      #expect(throws: DialogRecord.Malformed.self) { try DialogRecord(json: bytes[...]) }
    }
    #expect(throws: DataFileError.self) {
      try DialogRecords(try folder.write("", to: "empty.jsonl"))
    }
    #expect(throws: DataFileError.self) { try DialogRecords(folder.path + "/a.json") }
  }

  @Test func parsesTimes() {
    #expect(Timestamp.parse("1970-01-01T00:00:00Z") == 0)
    #expect(Timestamp.parse("2024-02-29T23:59:59.000001Z") == 1_709_251_199_000_001)
    #expect(Timestamp.parse("2025-01-01T00:50:53.896Z") == 1_735_692_653_896_000)
    for bad in [
      "", "2025-01-01", "2025-13-01T00:00:00Z", "2025-01-01T00:00:00.Z", "2025-01-01T00:00:00",
    ] {
      #expect(Timestamp.parse(bad) == nil)
    }
  }
}

@Suite struct DatasetSourceTests {
  @Test func generatesWithoutDatasets() throws {
    #expect(try DatasetSource.locate(environment: [:]) == .generated)
    #expect(try DatasetSource.locate(environment: ["ENGRAM_DATASETS": ""]) == .generated)
  }

  @Test func saysWhatIsMissing() throws {
    let folder = try TemporaryFolder()
    let set = folder.path + "/dialog-100k"
    try FileManager.default.createDirectory(atPath: set, withIntermediateDirectories: true)
    try Data([1]).write(to: URL(fileURLWithPath: set + "/base.jsonl.gz"))
    try Data([1]).write(to: URL(fileURLWithPath: set + "/base.f16bin"))
    #expect(
      throws: DataFileError.missingFiles(
        folder: set,
        names: ["queries.public.fbin or queries.public.f16bin", "queries.public.jsonl"])
    ) { try DatasetSource.locate(environment: ["ENGRAM_DATASETS": folder.path]) }
  }

  @Test func readsTheRealSetIfThere() throws {
    guard case .dialog(let folder) = try DatasetSource.locate() else { return }
    let set = try DatasetSource.dialog(folder: folder).load(rows: 1_000)
    #expect(set.count == 1_000 && set.vectors.count == 1_000 * set.dimension)
    #expect(set.queries.count * set.dimension == set.queryVectors.count)
  }
}

import Foundation

@testable import EngramModels

/// What the tests have of the real model.
enum ModelFiles {
  struct Line: Decodable {
    var text: String
    var ids: [Int32]
    var vector: [Double]

    private enum CodingKeys: String, CodingKey { case text, ids, vector, embedding }

    init(from decoder: any Decoder) throws {
      let values = try decoder.container(keyedBy: CodingKeys.self)
      text = try values.decode(String.self, forKey: .text)
      ids = try values.decode([Int32].self, forKey: .ids)
      vector =
        try values.decodeIfPresent([Double].self, forKey: .vector)
        ?? values.decode([Double].self, forKey: .embedding)
    }
  }

  static let whyNot: String =
    "the model is not in \(MiniLM.defaultFolder); run `engram model fetch`"

  /// The model is there, or has to be.
  static let isWanted =
    ProcessInfo.processInfo.environment["ENGRAM_REQUIRE_MODEL"] == "1"
    || FileManager.default.fileExists(atPath: MiniLM.defaultFolder + "/model.safetensors")

  static let model = Result { () throws(ModelError) in try MiniLM.installed() }

  /// What `Reference/make-reference` has written.
  static func reference() throws -> [Line] {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Reference/reference.json")
    return try JSONDecoder().decode([Line].self, from: Data(contentsOf: file))
  }

  /// The folder `model` of the data sets, where it is there.
  static let datasets: String? = ProcessInfo.processInfo.environment["ENGRAM_DATASETS"].flatMap {
    FileManager.default.fileExists(atPath: $0 + "/model/reference.jsonl") ? $0 + "/model" : nil
  }

  /// Texts, their tokens and vectors, in the folder of data sets.
  static func datasetReference() throws -> [Line] {
    guard let datasets else { return [] }
    return try String(contentsOfFile: datasets + "/reference.jsonl", encoding: .utf8)
      .split(separator: "\n").map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
  }
}

import Foundation

/// What the tests have of the real model.
enum ModelFiles {
  struct Reference {
    var folder: String
    var texts: [(text: String, ids: [Int32])]
  }

  /// Texts, their tokens and vectors, in the folder of data sets; nil where that is not there.
  static let reference: Reference? = {
    guard let datasets = ProcessInfo.processInfo.environment["ENGRAM_DATASETS"] else { return nil }
    let folder = datasets + "/model"
    struct Line: Decodable {
      var text: String
      var ids: [Int32]
    }
    guard let lines = try? String(contentsOfFile: folder + "/reference.jsonl", encoding: .utf8)
    else { return nil }
    let texts = lines.split(separator: "\n").compactMap {
      try? JSONDecoder().decode(Line.self, from: Data($0.utf8))
    }
    return Reference(folder: folder, texts: texts.map { ($0.text, $0.ids) })
  }()
}

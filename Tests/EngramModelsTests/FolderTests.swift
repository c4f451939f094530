import Foundation
import Testing

@testable import EngramModels

@Suite struct FolderTests {
  private func folder(_ environment: [String: String]) -> String {
    MiniLM.defaultFolder(environment: environment, home: "/home/anna")
  }

  @Test func theEnvironmentNamesIt() {
    #expect(folder(["ENGRAM_MODEL_DIR": "/models/mini", "XDG_CACHE_HOME": "/caches"]) == "/models/mini")
    #if canImport(Darwin)
      let caches = "/home/anna/Library/Caches"
    #else
      let caches = "/home/anna/.cache"
      #expect(folder(["XDG_CACHE_HOME": "/caches"]) == "/caches/engram/models/all-MiniLM-L6-v2")
      #expect(folder(["XDG_CACHE_HOME": "caches"]) == caches + "/engram/models/all-MiniLM-L6-v2")
    #endif
    for environment in [[:], ["ENGRAM_MODEL_DIR": "", "XDG_CACHE_HOME": ""]] {
      #expect(folder(environment) == caches + "/engram/models/all-MiniLM-L6-v2")
    }
  }

  @Test func aMissingModelSaysHowToGetIt() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
    #expect(!MiniLM.isWhole(in: folder))
    #expect {
      try MiniLM.installed(in: folder)
    } throws: { error in
      "\(error)".contains("engram model fetch") && "\(error)".contains(folder)
    }
  }

  @Test func aModelThatIsThereIsRead() throws {
    let tiny = try TinyModel()
    #expect(try MiniLM.installed(in: tiny.folder).dimension == TinyModel.width)
    #expect(!MiniLM.isWhole(in: tiny.folder))
  }
}

// Feeds a parser with whatever libFuzzer finds.
//
//   engram-fuzz TARGET [libFuzzer's arguments]
//   engram-fuzz seeds DIRECTORY      writes a corpus for each target, from a real store
//   engram-fuzz list                 names the targets

import CLibFuzzer
import Foundation

let targets: [any Target.Type] = [
  JSONTarget.self, FilterTarget.self, DateTarget.self, HeadTarget.self, CursorTarget.self,
  LineTarget.self, ImportTarget.self, ManifestTarget.self, PagesTarget.self, SnapshotTarget.self,
]

func refuse(_ why: String) -> Never {
  FileHandle.standardError.write(Data("engram-fuzz: \(why)\n".utf8))
  exit(2)
}

nonisolated(unsafe) var chosen: any Target.Type = JSONTarget.self

let arguments = CommandLine.arguments
switch arguments.dropFirst().first {
case "list": print(targets.map { $0.name }.joined(separator: "\n"))
case "seeds" where arguments.count == 3:
  for target in targets {
    let folder = URL(fileURLWithPath: arguments[2]).appendingPathComponent(target.name)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for (number, seed) in target.seeds.enumerated() {
      try Data(seed).write(to: folder.appendingPathComponent("seed-\(number)"))
    }
  }
case let name?:
  guard let target = targets.first(where: { $0.name == name }) else {
    refuse("\(name) is none of \(targets.map { $0.name })")
  }
  chosen = target
  var words = ([arguments[0]] + arguments.dropFirst(2)).map { strdup($0) }
  var count = CInt(words.count)
  let status = words.withUnsafeMutableBufferPointer { words in
    var words = words.baseAddress
    return LLVMFuzzerRunDriver(&count, &words) { bytes, count in
      chosen.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
      return 0
    }
  }
  exit(status)
case nil: refuse("name a target")
}

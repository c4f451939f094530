import Foundation
import Testing

@testable import BenchmarkSupport

@Suite struct PageCacheTests {
  /// Whether or not the file system lets go of them.
  @Test func filesAreAsTheyWere() throws {
    let folder = try TemporaryFolder()
    let contents = Data((0..<100_000).map { UInt8(truncatingIfNeeded: $0) })
    try contents.write(to: URL(fileURLWithPath: folder.path + "/full"))
    try Data().write(to: URL(fileURLWithPath: folder.path + "/empty"))
    _ = try PageCache.drop(folder: folder.path)
    #expect(try Data(contentsOf: URL(fileURLWithPath: folder.path + "/full")) == contents)
    #expect(try Data(contentsOf: URL(fileURLWithPath: folder.path + "/empty")).isEmpty)
  }

  /// A file that a process has mapped and read stays.
  @Test func saysWhetherTheyAreOut() throws {
    let folder = try TemporaryFolder()
    let file = URL(fileURLWithPath: folder.path + "/mapped")
    try Data(repeating: 1, count: 100_000).write(to: file)
    // Others may keep what they like.
    if ["ext4", "xfs"].contains(Volume.holding(folder.path).fileSystem) {
      #expect(try PageCache.drop(folder: folder.path))
    }
    let mapped = try Data(contentsOf: file, options: .alwaysMapped)
    #expect(mapped.reduce(0) { $0 + Int($1) } == 100_000)
    let isOut = try withExtendedLifetime(mapped) { try PageCache.drop(folder: folder.path) }
    #expect(!isOut)
  }

  @Test func refusesAFolderThatIsNotThere() throws {
    let folder = try TemporaryFolder()
    #expect(throws: (any Error).self) { try PageCache.drop(folder: folder.path + "/none") }
  }
}

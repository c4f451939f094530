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

  @Test func refusesAFolderThatIsNotThere() throws {
    let folder = try TemporaryFolder()
    #expect(throws: (any Error).self) { try PageCache.drop(folder: folder.path + "/none") }
  }
}

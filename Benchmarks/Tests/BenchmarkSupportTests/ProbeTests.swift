import Foundation
import Testing

@testable import BenchmarkSupport

@Suite struct ProbeTests {
  @Test func takesSamplesUntilItIsStopped() throws {
    let folder = try TemporaryFolder()
    let file = folder.path + "/probe"
    let syncs = try Probe.syncs(of: file)
    let wakeUps = Probe.wakeUps()
    #expect(try wakeUps.stop().count >= 1)
    #expect(try syncs.stop().count >= 1)
    let attributes = try FileManager.default.attributesOfItem(atPath: file)
    #expect(attributes[.size] as? Int == 4_096)
  }

  @Test func saysWhatFailed() throws {
    let folder = try TemporaryFolder()
    let file = folder.path + "/none/probe"
    #expect(throws: DataFileError.cannotWrite(file: file, reason: "No such file or directory")) {
      try Probe.syncs(of: file)
    }
    let failure = DataFileError.cannotWrite(file: "disk", reason: "gone")
    let probe = Probe { () throws(DataFileError) in throw failure }
    #expect(throws: failure) { try probe.stop() }
  }
}

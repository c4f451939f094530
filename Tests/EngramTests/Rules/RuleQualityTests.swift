import Foundation
import Testing

@testable import Engram

/// How well a memory that lives by rules alone keeps, replaces and forgets.
@Suite struct RuleQualityTests {
  private func measure(_ name: String, _ cases: [RuleCase]) -> RuleFigures {
    var all = RuleFigures()
    var table = "\(name): cases | stale | lost | extra facts | nothings kept | cases at fault\n"
    for kind in RuleCase.Kind.allCases {
      var figures = RuleFigures()
      for test in cases where test.kind == kind {
        figures.add(test)
        all.add(test)
      }
      if figures.cases > 0 { table += "  \(kind.rawValue) | \(figures.row)\n" }
    }
    print(table + "  all | \(all.row)")
    if ProcessInfo.processInfo.environment["ENGRAM_RULE_FAULTS"] != nil {
      for fault in all.faults { print("  " + fault) }
    }
    return all
  }

  @Test func casesThatTheRulesWereMadeWith() {
    let figures = measure("made with", RuleCase.changes + RuleCase.nothings + RuleCase.lasting)
    #expect(figures.cases == 250)
  }

  @Test func casesThatWereHeldOut() {
    let figures = measure("held out", RuleCase.heldOut)
    #expect(figures.cases == 64)
  }
}

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

  // The bounds are what the rules reach.

  @Test func casesThatTheRulesWereMadeWith() {
    let figures = measure("made with", RuleCase.changes + RuleCase.nothings + RuleCase.lasting)
    #expect(figures.cases == 250)
    #expect(figures.stale == 0)
    #expect(figures.lost == 0)
    #expect(figures.extra == 0)
    #expect(figures.nothingsKept == 0)
  }

  @Test func casesThatWereHeldOut() {
    let figures = measure("held out", RuleCase.heldOut)
    #expect(figures.cases == 64)
    #expect(figures.stale <= 2)
    #expect(figures.lost == 0)
    #expect(figures.extra == 0)
    #expect(figures.nothingsKept == 0)
  }

  /// The gate in front of a model: it holds back chatter, and nothing that has a fact.
  @Test func chatterIsToldFromWhatHoldsFacts() {
    let all = RuleCase.changes + RuleCase.nothings + RuleCase.lasting + RuleCase.heldOut
    let extractor = RuleExtractor()
    var chatter = 0
    var heldBack = 0
    for test in all {
      for text in test.says where !extractor.facts(in: text).isEmpty {
        #expect(!extractor.isChatter(text), Comment(rawValue: text))
      }
      guard test.kind == .chatter, let text = test.says.first else { continue }
      chatter += 1
      heldBack += extractor.isChatter(text) ? 1 : 0
    }
    print("chatter held back: \(heldBack) of \(chatter)")
    #expect(heldBack >= 49)
    for text in ["ok", "Thanks!!", "lol", "👍", "", " \n"] {
      #expect(extractor.salience(of: text) == 0)
    }
  }
}

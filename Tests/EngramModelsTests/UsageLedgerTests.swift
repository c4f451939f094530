import Foundation
import Testing

@testable import EngramModels

@Suite struct UsageLedgerTests {
  private func note(_ ledger: UsageLedger, _ number: Int, model: String = "m") {
    ledger.note(
      time: Date(timeIntervalSince1970: Double(number)), model: model, kind: .chat,
      usage: TokenUsage(prompt: number, completion: 1), duration: .seconds(1),
      failure: number % 2 == 0 ? nil : .timedOut(after: .seconds(1)))
  }

  @Test(arguments: [0, 1, 7, 100])
  func theLatestRecordsAreKept(recordsMax: Int) {
    let ledger = UsageLedger(recordsMax: recordsMax)
    for number in 0..<50 {
      note(ledger, number)
      let kept = ledger.records.map { Int($0.time.timeIntervalSince1970) }
      #expect(kept == Array(max(0, number + 1 - recordsMax)..<(number + 1)))
    }
    let totals = ledger.totals["m"]
    #expect(totals?.calls == 50)
    #expect(totals?.failures == 25)
    #expect(totals?.promptTokens == 50 * 49 / 2)
    #expect(totals?.completionTokens == 50)
    #expect(totals?.duration == .seconds(50))
    #expect(totals?.cost == 0)
  }

  @Test func modelsAreBounded() {
    let ledger = UsageLedger()
    for number in 0..<1_000 { note(ledger, number, model: "m\(number)") }
    #expect(ledger.totals.count == UsageLedger.modelsMax + 1)
    #expect(ledger.totals[UsageLedger.otherModels]?.calls == 1_000 - UsageLedger.modelsMax)
    #expect(ledger.totals.values.map(\.calls).reduce(0, +) == 1_000)
  }

  @Test func manyMayNoteAtOnce() async {
    let ledger = UsageLedger(prices: ["m": ModelPrice(prompt: 1_000_000)], recordsMax: 10)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<32 { group.addTask { for _ in 0..<100 { note(ledger, 2) } } }
    }
    #expect(ledger.totals["m"]?.calls == 3_200)
    #expect(ledger.totals["m"]?.cost == 6_400)
    #expect(ledger.records.count == 10)
  }
}

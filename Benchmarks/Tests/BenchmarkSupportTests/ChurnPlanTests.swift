import Testing

@testable import BenchmarkSupport

@Suite struct ChurnPlanTests {
  @Test func exchangesWhatIsInForWhatIsOut() {
    let plan = ChurnPlan(rows: 1_000, start: 500, percent: 20, rounds: 12)
    var inside = Set(plan.start)
    #expect(inside == Set(0..<500) && plan.rounds.count == 12)
    for round in plan.rounds {
      #expect(round.leaving.count == 100 && round.arriving.count == 100)
      #expect(inside.isSuperset(of: round.leaving) && inside.isDisjoint(with: round.arriving))
      inside.subtract(round.leaving)
      inside.formUnion(round.arriving)
      #expect(inside.count == 500)
    }
  }

  /// Five rounds use up what was never in; then who left first comes back first.
  @Test func usesUpNewRowsBeforeOldOnes() {
    let rounds = ChurnPlan(rows: 1_000, start: 500, percent: 20, rounds: 7).rounds
    #expect(rounds[..<5].flatMap(\.arriving) == Array(500..<1_000))
    #expect(rounds[5].arriving == rounds[0].leaving && rounds[6].arriving == rounds[1].leaving)
  }

  @Test func dependsOnTheSeedOnly() {
    let plan = { ChurnPlan(rows: 100, start: 50, percent: 20, rounds: 3, seed: $0).rounds }
    #expect(plan(1) == plan(1) && plan(1) != plan(2))
  }

  @Test func neverTakesMoreThanThereIs() {
    let plan = ChurnPlan(rows: 10, start: 8, percent: 100, rounds: 2)
    #expect(plan.rounds.allSatisfy { $0.leaving.count == 2 && $0.arriving.count == 2 })
    let full = ChurnPlan(rows: 5, start: 9, percent: 50, rounds: 1)
    #expect(full.start == Array(0..<5) && full.rounds[0].leaving.isEmpty)
  }
}

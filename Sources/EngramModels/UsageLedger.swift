import Foundation
import Synchronization

/// What calls of models took and cost: the latest calls one by one, and the sum of all for each model.
/// Any number of embedders and chat models may share one.
public final class UsageLedger: Sendable {
  private struct State {
    /// A ring once it is full: `next` is then the oldest.
    var records: [UsageRecord] = []
    var next = 0
    var totals: [String: UsageTotals] = [:]
  }

  private let state = Mutex(State())
  private let prices: [String: ModelPrice]
  private let recordsMax: Int

  /// Where more models than this are called, ``otherModels`` has the sum of the rest.
  static let modelsMax = 256
  /// The name in ``totals`` of models beyond the first 256.
  public static let otherModels = "other models"

  /// - Parameters:
  ///   - prices: by the models' names.
  ///   - recordsMax: how many of the latest calls are kept.
  public init(prices: [String: ModelPrice] = [:], recordsMax: Int = 1_000) {
    self.prices = prices
    self.recordsMax = max(recordsMax, 0)
  }

  /// The latest calls, the oldest first.
  public var records: [UsageRecord] {
    state.withLock { Array($0.records[$0.next...] + $0.records[..<$0.next]) }
  }

  /// The sums since the ledger was made, by the models' names.
  public var totals: [String: UsageTotals] { state.withLock { $0.totals } }

  func note(
    time: Date, model: String, kind: UsageRecord.Kind, usage: TokenUsage?, duration: Duration,
    failure: ModelError?
  ) {
    var cost: Double?
    if let usage, let price = prices[model] { cost = price.cost(of: usage) }
    let record = UsageRecord(
      time: time, model: model, kind: kind, usage: usage, duration: duration, failure: failure,
      cost: cost)
    state.withLock { state in
      let isKnown = state.totals[model] != nil || state.totals.count < Self.modelsMax
      state.totals[isKnown ? model : Self.otherModels, default: UsageTotals()].add(record)
      if state.records.count < recordsMax {
        state.records.append(record)
      } else if recordsMax > 0 {
        state.records[state.next] = record
        state.next = (state.next + 1) % recordsMax
      }
    }
  }
}

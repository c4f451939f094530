import EngramModels
import EngramStore

/// What a command's calls of services took.
struct UsageReport {
  let ledger: UsageLedger
  private let prices: [String: ModelPrice]
  /// Whether people are to read it.
  private let isWanted: Bool

  init(prices: [String: ModelPrice], isWanted: Bool) {
    ledger = UsageLedger(prices: prices)
    self.prices = prices
    self.isWanted = isWanted
  }

  /// An answer with the report: programs get it where anything was called, people where they asked for it.
  func added(to output: Output) -> Output {
    let totals = ledger.totals.sorted { $0.key < $1.key }
    var output = output
    if !totals.isEmpty {
      let usage = JSONValue.object(
        Dictionary(uniqueKeysWithValues: totals.map { ($0.key, json($0.key, $0.value)) }))
      if case .object(var members)? = output.document {
        members["usage"] = usage
        output.document = .object(members)
      } else if output.document == nil {
        let text = output.text
        output.fields.append(("usage", usage))
        output.prose = output.prose ?? text
      }
    }
    guard isWanted else { return output }
    let rows = totals.map { model, total in
      [
        model, "\(total.calls) calls, \(total.failures) failed",
        "\(total.promptTokens) tokens sent, \(total.completionTokens) answered",
        prices[model] == nil ? "cost unknown" : "$\(total.cost.rounded(to: 6))",
      ]
    }
    let report = rows.isEmpty ? "No service was called." : Table(rows).text
    output.prose = output.text + "\n\n" + report
    return output
  }

  private func json(_ model: String, _ totals: UsageTotals) -> JSONValue {
    .object([
      "calls": .int(Int64(totals.calls)), "failures": .int(Int64(totals.failures)),
      "prompt_tokens": .int(Int64(totals.promptTokens)),
      "completion_tokens": .int(Int64(totals.completionTokens)),
      "cost": prices[model] == nil ? .null : .double(totals.cost),
    ])
  }
}

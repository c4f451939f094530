import ArgumentParser
import Engram
import EngramModels
import EngramStore
import Foundation

/// Which models, for the commands that need them, and what they cost.
struct ModelOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      What makes vectors of texts: minilm, on this machine; openai:MODEL or openai:MODEL@DIMENSION, a \
      service; hashing, which knows words and no meanings. (default: ENGRAM_EMBEDDER, or minilm)
      """, valueName: "name"))
  var embedder: EmbedderName?

  @Option(
    help: ArgumentHelp(
      """
      What a service's model costs, in dollars for a million tokens sent and answered; may be given many \
      times. (default: ENGRAM_PRICES, with commas between)
      """, valueName: "model=sent/answered"))
  var price: [PriceOption] = []

  @Flag(help: "Also say what services counted: calls, tokens, and cost where prices are given.")
  var usage = false

  /// What this command's calls of services took.
  func ledger() throws -> UsageReport {
    var prices = Dictionary(price.map { ($0.model, $0.price) }, uniquingKeysWith: { $1 })
    if price.isEmpty, let text = Self.setting("ENGRAM_PRICES") {
      for item in text.split(separator: ",") {
        guard let option = PriceOption(argument: item.trimmingCharacters(in: .whitespaces)) else {
          throw EngramError.invalid(
            field: "ENGRAM_PRICES", reason: "\(item) is no price; write MODEL=SENT/ANSWERED")
        }
        prices[option.model] = option.price
      }
    }
    return UsageReport(prices: prices, isWanted: usage)
  }

  /// The model that a store's vectors were made by, where that is the one that was named.
  func embedder(
    ofStoreAt path: String, makes: Bool, ledger: UsageLedger? = nil
  ) async throws -> any Embedder {
    let name = try embedder ?? Self.named("ENGRAM_EMBEDDER") ?? .miniLM
    let stored = try Self.stored(at: path, makes: makes)
    if let stored { try name.check(stored) }
    return try await name.make(dimension: stored?.dimension, ledger)
  }

  /// - Parameter makes: whether there need be no store.
  private static func stored(at path: String, makes: Bool) throws -> StoreConfiguration? {
    do { return try StoreConfiguration(storedAt: path) } catch StoreError.noStore where makes { return nil }
  }

  fileprivate static func setting(_ variable: String) -> String? {
    ProcessInfo.processInfo.environment[variable].flatMap { $0.isEmpty ? nil : $0 }
  }

  fileprivate static func named<Name: ModelName>(_ variable: String) throws -> Name? {
    guard let text = setting(variable) else { return nil }
    guard let name = Name(argument: text) else {
      throw EngramError.invalid(
        field: variable, reason: "\(text) is none; write \(Name.forms)")
    }
    return name
  }
}

/// Which model reads what is said, for the commands that make memories.
struct ChatOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      What finds facts and decides what they change: openai:MODEL, a service at OPENAI_BASE_URL with \
      OPENAI_API_KEY. (default: ENGRAM_CHAT, or rules on this machine)
      """, valueName: "name"))
  var chat: ChatName?

  /// nil where rules do it.
  func model(_ ledger: UsageLedger) throws -> OpenAIChat? {
    guard let name = try chat ?? ModelOptions.named("ENGRAM_CHAT") else { return nil }
    return try OpenAIChat(OpenAIEndpoint(), model: name.model, ledger: ledger)
  }
}

/// How a model is named on the command line and in the environment.
protocol ModelName: ExpressibleByArgument {
  /// What can be written.
  static var forms: String { get }
}

enum EmbedderName: ModelName, Equatable {
  case miniLM
  case hashing(dimension: Int)
  case openAI(model: String, dimension: Int?)

  static let forms = "minilm, hashing, openai:MODEL or openai:MODEL@DIMENSION"
  private static let hashingDimension = 384

  init?(argument: String) {
    let (name, dimension) = Self.split(argument)
    switch name {
    case "minilm" where dimension == nil: self = .miniLM
    case "hashing": self = .hashing(dimension: dimension ?? Self.hashingDimension)
    default:
      guard name.hasPrefix("openai:"), name != "openai:" else { return nil }
      self = .openAI(model: String(name.dropFirst("openai:".count)), dimension: dimension)
    }
  }

  /// What is before and behind the last `@`, where a number is behind it: models may have one in them.
  private static func split(_ text: String) -> (name: String, dimension: Int?) {
    guard let at = text.lastIndex(of: "@"), let dimension = Int(text[text.index(after: at)...]),
      dimension > 0
    else { return (text, nil) }
    return (String(text[..<at]), dimension)
  }

  private var model: String {
    switch self {
    case .miniLM: MiniLM.name
    case .hashing(let dimension): "hashing-\(dimension)"
    case .openAI(let model, _): model
    }
  }

  /// Refuses a store that another model has made, and says what to write.
  func check(_ stored: StoreConfiguration) throws {
    if stored.model == model {
      guard case .openAI(_, let dimension?) = self, dimension != stored.dimension else { return }
      throw EngramError.invalid(
        field: "embedder",
        reason: """
          the store's vectors have \(stored.dimension) components, not \(dimension); write \
          openai:\(model)@\(stored.dimension), or openai:\(model) where that is the model's own length
          """)
    }
    throw EngramError.invalid(
      field: "embedder",
      reason: """
        the store's memories were embedded by \(stored.model), not by \(model); write --embedder \
        \(Self.written(stored.model)), or set ENGRAM_EMBEDDER to it
        """)
  }

  /// What names a model that a store records.
  private static func written(_ model: String) -> String {
    if model == MiniLM.name { return "minilm" }
    if model == "hashing-\(hashingDimension)" { return "hashing" }
    if model.hasPrefix("hashing-") { return "hashing@" + model.dropFirst("hashing-".count) }
    return "openai:" + model
  }

  /// The model that a store records.
  init?(stored model: String) { self.init(argument: Self.written(model)) }

  /// - Parameter known: how long its vectors are in a store, where there is one.
  func make(dimension known: Int?, _ ledger: UsageLedger? = nil) async throws -> any Embedder {
    switch self {
    case .miniLM: return try MiniLM.installed()
    case .hashing(let dimension): return try HashingEmbedder(dimension: dimension)
    case .openAI(let model, let dimension):
      let endpoint = try OpenAIEndpoint()
      if let length = dimension ?? known {
        return try OpenAIEmbedder(
          endpoint, model: model, dimension: length, asksForDimension: dimension != nil, ledger: ledger)
      }
      return try await OpenAIEmbedder.connect(endpoint, model: model, ledger: ledger)
    }
  }
}

struct ChatName: ModelName {
  let model: String

  static let forms = "openai:MODEL"

  init?(argument: String) {
    guard argument.hasPrefix("openai:"), argument != "openai:" else { return nil }
    model = String(argument.dropFirst("openai:".count))
  }
}

/// A price on the command line: `MODEL=SENT` or `MODEL=SENT/ANSWERED`.
struct PriceOption: ExpressibleByArgument {
  let model: String
  let price: ModelPrice

  init?(argument: String) {
    guard let equals = argument.lastIndex(of: "="), equals != argument.startIndex else { return nil }
    let numbers = argument[argument.index(after: equals)...]
      .split(separator: "/", omittingEmptySubsequences: false).map { Double($0) }
    guard (1...2).contains(numbers.count), let prompt = numbers[0],
      let completion = numbers.count == 1 ? 0 : numbers[1],
      [prompt, completion].allSatisfy({ $0.isFinite && $0 >= 0 })
    else { return nil }
    model = String(argument[..<equals])
    price = ModelPrice(prompt: prompt, completion: completion)
  }
}

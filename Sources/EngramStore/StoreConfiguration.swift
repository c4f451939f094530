import CoreMetrics
import EngramIndex
import Foundation

/// What an acknowledged write survives.
public enum Durability: String, Sendable, CaseIterable {
  /// Power loss: vectors and catalogue are synced to disk before a write returns.
  case full
  /// The end of the process, however it ends. After power loss the latest groups may be missing, and
  /// where the disk kept their rows but not their vectors, opening says that vectors are damaged.
  case process
  /// The same while it runs, and writes are not checkpointed before `close`: for bulk loads.
  case none
}

/// How a store is made and opened.
public struct StoreConfiguration: Sendable {
  /// Components of each vector, 1...16,383. Fixed when the store is made, until `Store.reembed`.
  public var dimension: Int
  /// Fixed when the store is made.
  public var metric: Metric
  /// The name of the model that makes the vectors. Fixed when the store is made, until `Store.reembed`.
  public var model: String
  public var durability: Durability
  /// The graph's parameters; used when it is built.
  public var graph: HNSWParameters
  /// Threads that build the graph when much is to be linked at once.
  public var indexingThreads: Int
  /// The dimension `store` of this store's metrics; nil for none: stores without a name share their
  /// series. A backend keeps the series of every name, so where there are many stores give none.
  public var name: String?
  /// Who collects this store's metrics; nil for the factory of `MetricsSystem` when it is opened.
  public var metrics: (any MetricsFactory)?

  public init(
    dimension: Int, metric: Metric = .cosine, model: String = "unnamed",
    durability: Durability = .full, graph: HNSWParameters = HNSWParameters(),
    indexingThreads: Int = StoreConfiguration.processorCount, name: String? = nil,
    metrics: (any MetricsFactory)? = nil
  ) {
    self.dimension = dimension
    self.metric = metric
    self.model = model
    self.durability = durability
    self.graph = graph
    self.indexingThreads = indexingThreads
    self.name = name
    self.metrics = metrics
  }
}

/// The named limits of a store.
public enum StoreLimits {
  /// Bytes of a memory's text, and of its metadata as JSON.
  public static let textBytes = 1 << 20
  /// Bytes of a user, agent or run id, a role, an actor, a category, or a model's name.
  public static let nameBytes = 512
  public static let categories = 64
  /// Memories that one list returns.
  public static let page = 1...1_000
}

extension StoreConfiguration {
  /// Processors that this process may use.
  public static var processorCount: Int { ProcessInfo.processInfo.activeProcessorCount }
}

import EngramStore
import Foundation
import StoreClients
import Synchronization

/// Moves a store to the model that the environment names, while writers add memories: with the model of
/// before as long as it takes them, with the new one from then on.
func reembed(_ path: String, writers: Int, durability: Durability) async throws {
  let environment = ProcessInfo.processInfo.environment
  guard let name = environment["MODEL"], let dimension = Int(environment["DIMENSION"] ?? "") else {
    return report("! no model")
  }
  var configuration = try StoreConfiguration(storedAt: path)
  configuration.durability = durability
  let store = try Store(path: path, configuration: configuration)
  let (old, new) = (TextModel(store.model), TextModel(name, dimension))
  report("open")
  let isOver = Flag()
  try await withThrowingTaskGroup(of: Void.self) { group in
    for writer in 0..<writers {
      group.addTask {
        var model = old
        // Few enough that the move comes to its end now and then.
        for _ in 0..<200 where !isOver.isRaised {
          let text = "by \(writer) \(UUID())"
          let memory = model.memory(text, scope: Scope(user: "writer \(writer)"))
          do throws(StoreError) {
            let id = try await store.insert(memory, model: model.name)
            report("+ \(id) \(text)")
          } catch {
            guard case .mismatch = error, model == old else { return report("! \(error)") }
            model = new
          }
        }
      }
    }
    group.addTask {
      defer { isOver.raise() }
      try await store.reembed(
        model: new.name, dimension: new.dimension,
        progress: { if $0.phase == .embedding { report("embedding \($0.done)") } }
      ) { new.embed($0) }
      report("moved")
    }
    try await group.waitForAll()
  }
  try await store.close()
  report("closed")
}

/// Raised once, seen by all.
private final class Flag: Sendable {
  private let value = Atomic(false)
  var isRaised: Bool { value.load(ordering: .relaxed) }
  func raise() { value.store(true, ordering: .relaxed) }
}

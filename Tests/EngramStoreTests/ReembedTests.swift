import EngramIndex
import Foundation
import StoreClients
import Synchronization
import Testing

@testable import EngramStore

/// A store moves to another model while it is used, and back; searches are right throughout.
@Suite struct ReembedTests {
  private static let old = TextModel("old", 16)
  private let old = ReembedTests.old
  private let new = TextModel("new", 24)

  private func open(_ directory: URL, _ model: TextModel = ReembedTests.old) throws -> Store {
    try openStore(directory, dimension: model.dimension, durability: .process, model: model.name)
  }

  /// A store of memories, some of them changed or deleted since; the current texts by id.
  private func fill(_ store: Store, _ count: Int, _ model: TextModel) async throws -> [UUID: String] {
    var texts: [UUID: String] = [:]
    let memories = (0..<count).map { number in
      // Every tenth says what another one says.
      model.memory("memory \(number % 10 == 9 ? 9 : number)", scope: Scope(user: "u\(number % 3)"))
    }
    for (id, memory) in zip(try await store.insert(memories), memories) { texts[id] = memory.text }
    for (number, id) in texts.keys.sorted(by: { $0.uuidString < $1.uuidString }).enumerated() {
      switch number % 20 {
      case 3:
        try await store.delete(id)
        texts[id] = nil
      case 5:
        texts[id] = "changed \(number)"
        try await store.update(
          id, MemoryUpdate(text: "changed \(number)", vector: model.vector("changed \(number)")))
      case 7: try await store.update(id, MemoryUpdate(merging: try Metadata(["n": 1])))
      default: break
      }
    }
    return texts
  }

  private func move(_ store: Store, to model: TextModel) async throws {
    try await store.reembed(model: model.name, dimension: model.dimension) { model.embed($0) }
  }

  /// The store holds these texts, with the vectors that a model makes of them, and finds each.
  private func expect(
    _ store: Store, _ texts: [UUID: String], _ model: TextModel,
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let problems = try await store.verify().problems
    #expect(problems == [], sourceLocation: sourceLocation)
    #expect(try store.statistics().memories == texts.count, sourceLocation: sourceLocation)
    for (number, (id, text)) in texts.enumerated() {
      #expect(try store.vector(of: id) == model.vector(text), sourceLocation: sourceLocation)
      if number % 5 > 0 { continue }
      let found = try store.search(model.vector(text), k: 1, recall: 1, model: model.name)
      #expect(found.first?.memory.text == text, sourceLocation: sourceLocation)
      let asked = try store.ask(text, vector: model.vector(text), k: 1, model: model.name)
      #expect(asked.first?.memory.text == text, sourceLocation: sourceLocation)
    }
  }

  // MARK: There and back

  @Test(arguments: [TextModel("new", 24), TextModel("new", 16), TextModel("old", 24)])
  func thereAndBack(new: TextModel) async throws {
    try await withTemporaryDirectory { directory in
      var store = try open(directory)
      var texts = try await fill(store, 3_000, old)
      func add(_ text: String, _ model: TextModel) async throws {
        texts[try await store.insert(model.memory(text, scope: Scope(user: "u")))] = text
      }
      let report = try await store.reembed(model: new.name, dimension: new.dimension) {
        new.embed($0)
      }
      #expect(report.model == new.model && report.previous == old.model && store.model == new.model)
      // Ended versions, too; those with the same text are embedded once, near each other.
      #expect(report.vectors == 3_150 && report.texts < 2_900)
      try await expect(store, texts, new)
      let status = try store.reembedStatus()
      #expect(status.active == new.model && status.kept == old.model && status.making == nil)
      #expect(status.embedded == 3_150 && status.total == 3_150)
      // More than the file had room for.
      texts.merge(try await fill(store, 2_000, new)) { $1 }
      for number in 0..<40 { try await add("after \(number)", new) }
      #expect(try await store.reembed(model: new.name, dimension: new.dimension) { new.embed($0) }.texts == 0)
      try await store.close()
      // The index came with it.
      store = try open(directory, new)
      #expect(try store.statistics().indexOrigin == .snapshot)
      try await expect(store, texts, new)
      // Back: only what is new has to be embedded.
      let back = try await store.reembed(model: old.name, dimension: old.dimension) { old.embed($0) }
      #expect(back.vectors == 2_140 && back.texts < 2_140)
      try await expect(store, texts, old)
      try await add("once more", old)
      try await move(store, to: new)
      #expect(try await store.confirmReembed() == old.model)
      try await expect(store, texts, new)
      let names = try directory.sizes().keys.filter { $0.hasPrefix("vectors-") || $0.hasPrefix("index-") }
      #expect(names.allSatisfy { $0.contains("-2.") }, "\(names)")
      #expect(try store.reembedStatus().kept == nil)
      // A number is given once.
      try await move(store, to: old)
      #expect(try directory.sizes().keys.contains("vectors-3.pages"))
      try await expect(store, texts, old)
      try await store.close()
    }
  }

  // MARK: While others work

  /// Workers of one process, each with memories of its own, which it holds against a dictionary: what a
  /// search finds is exactly what is nearest by the model whose vectors it brought.
  @Test(arguments: [TextModel("new", 24), TextModel("new", 16)])
  func whileOthersWork(new: TextModel) async throws {
    try await withTemporaryDirectory { directory in
      let store = try open(directory)
      let texts = try await fill(store, 2_000, old)
      // From here on there is an index of the texts, and it comes along.
      _ = try store.ask("memory", vector: old.vector("memory"), k: 1)
      let isOver = Flag()
      let written = try await withThrowingTaskGroup(of: [UUID: String].self) { group in
        for worker in 0..<4 {
          group.addTask {
            var worker = Worker(store, number: worker, models: [old, new])
            while !isOver.isRaised { try await worker.step() }
            for _ in 0..<50 { try await worker.step() }
            #expect(worker.moves >= 2)
            return worker.texts
          }
        }
        group.addTask {
          defer { isOver.raise() }
          for model in [new, old, new] { try await move(store, to: model) }
          return texts
        }
        return try await group.reduce(into: [:]) { $0.merge($1) { $1 } }
      }
      #expect(store.core.index.live.text.index != nil)
      try await expect(store, written, new)
      try await store.close()
    }
  }

  private struct Worker {
    let store: Store
    let scope: Scope
    let models: [TextModel]
    var model: TextModel
    var moves = 0
    var texts: [UUID: String] = [:]
    var generator: Generator

    init(_ store: Store, number: Int, models: [TextModel]) {
      self.store = store
      self.models = models
      model = models[0]
      scope = Scope(user: "worker \(number)")
      generator = Generator(seed: UInt64(number))
    }

    mutating func step() async throws {
      while true {
        do {
          return try await attempt()
        } catch StoreError.mismatch {
          // Exactly one of both is taken.
          model = models.first { $0 != model } ?? model
          moves += 1
        } catch StoreError.index(.dimensionMismatch) {
          model = models.first { $0 != model } ?? model
          moves += 1
        }
      }
    }

    private mutating func attempt() async throws {
      let text = "worker text \(Int.random(in: 0..<200, using: &generator))"
      let id = texts.keys.min { $0.uuidString < $1.uuidString }
      switch Int.random(in: 0..<10, using: &generator) {
      case 0..<3:
        texts[try await store.insert(model.memory(text, scope: scope), model: model.name)] = text
      case 3:
        guard let id else { return }
        try await store.update(
          id, MemoryUpdate(text: text, vector: model.vector(text)), model: model.name)
        texts[id] = text
      case 4:
        guard let id else { return }
        try await store.update(id, MemoryUpdate(merging: try Metadata(["n": 1])))
      case 5:
        guard let id, texts.count > 20 else { return }
        try await store.delete(id)
        texts[id] = nil
      default:
        let query = model.vector(text)
        let found = try store.search(query, k: 10, scope: scope, recall: 1, model: model.name)
        let exact = texts.values.map { Metric.cosine.exactScore(query, model.vector($0)) }
          .sorted(by: >).prefix(10)
        #expect(found.count == exact.count)
        for (hit, score) in zip(found, exact) {
          #expect(abs(Double(hit.score) - score) < 1e-4 && texts[hit.memory.id] == hit.memory.text)
        }
      }
    }
  }

  /// Compaction and erasure, by another process, at every stage of a reembed.
  @Test func compactionAndErasureMeanwhile() async throws {
    try await withTemporaryDirectory { directory in
      let (store, other) = (try open(directory), try open(directory))
      var texts = try await fill(store, 1_500, old)
      let victims = texts.keys.sorted { $0.uuidString < $1.uuidString }.prefix(40)
      for id in victims { texts[id] = nil }
      let calls = Counter()
      let linking = Counter()
      try await store.reembed(model: new.name, dimension: new.dimension) { progress in
        // The graph is about to be built over what is erased and cut now.
        guard progress.phase == .index, linking.next() <= 2 else { return }
        let done = DispatchSemaphore(value: 0)
        let part = linking.value == 1 ? victims[20..<30] : victims[30..<40]
        Task {
          _ = try await other.delete(Array(part[..<(part.startIndex + 5)]))
          _ = try await other.erase(Array(part[(part.startIndex + 5)...]))
          _ = try await other.compact(before: Date())
          done.signal()
        }
        done.wait()
      } embed: { texts in
        let call = calls.next()
        if call == 2 { try await other.erase(Array(victims[..<10])) }
        if call == 4 {
          try await other.delete(Array(victims[10..<20]))
          try await other.compact(before: Date())
        }
        return new.embed(texts)
      }
      #expect(linking.value >= 2)
      try await expect(store, texts, new)
      // The other one is of the old model still.
      #expect(await refusal { _ = try other.search(old.vector("x"), k: 1) } == "mismatch model")
      #expect(try await other.verify().problems == [])
      try await other.close()
      try await store.close()
    }
  }

  // MARK: Another process

  @Test(arguments: [TextModel("new", 24), TextModel("new", 16)])
  func whoeverComesWithTheOldModelIsRefused(new: TextModel) async throws {
    try await withTemporaryDirectory { directory in
      let (store, other) = (try open(directory), try open(directory))
      var texts = try await fill(store, 200, old)
      // Taken with the old model, and not committed before the store has moved.
      let late = try PreparedMemory(old.memory("late", scope: .all), in: store.core.index.live)
      let lateElsewhere = try PreparedMemory(old.memory("late", scope: .all), in: other.core.index.live)
      try await move(store, to: new)
      #expect(await refusal { _ = try await store.submit(.insert([late])) } == "mismatch model")
      #expect(await refusal { _ = try await other.submit(.insert([lateElsewhere])) } == "mismatch model")

      let (id, vector) = (texts.keys.first ?? UUID(), old.vector("memory 1"))
      for store in [other, store] {
        let name: String? = store === other ? nil : old.name
        let calls: [() async throws -> Void] = [
          { _ = try store.search(vector, k: 1, model: name) },
          { _ = try store.explain(vector, k: 1, model: name) },
          { _ = try store.ask("memory", vector: vector, k: 1, model: name) },
          { try await store.insert(old.memory("x", scope: .all), model: name) },
          { try await store.update(id, MemoryUpdate(vector: vector), model: name) },
          {
            var batch = WriteBatch()
            batch.inserts = [old.memory("x", scope: .all)]
            batch.model = name
            try await store.write(batch)
          },
        ]
        for call in calls {
          await #expect { try await call() } throws: { error in
            guard case .mismatch("model", "new", "old") = error as? StoreError else { return false }
            return "\(error)".contains("new") && "\(error)".contains("old")
          }
        }
      }
      // What needs no vector goes on, and so does what names the new model.
      try await other.delete(id)
      texts[id] = nil
      let next = texts.keys.first ?? UUID()
      try await other.update(next, MemoryUpdate(merging: try Metadata(["n": 2])))
      #expect(try other.get(next).metadata["n"] == 2)
      let added = try await other.insert(new.memory("by name", scope: .all), model: new.name)
      texts[added] = "by name"
      #expect(try other.search(new.vector("by name"), k: 1, model: new.name)[0].memory.id == added)
      try await expect(store, texts, new)
      try await other.close()
      #expect(await refusal { _ = try open(directory) } == "mismatch model")
      let again = try open(directory, new)
      try await expect(again, texts, new)
      // Vectors of the same dimension and a name that the store does not know are none of its.
      let stranger = TextModel("stranger", new.dimension)
      #expect(
        await refusal { _ = try again.search(stranger.vector("x"), k: 1, model: "stranger") }
          == "mismatch model")
      try await again.close()
      try await store.close()
    }
  }

  @Test func refusals() async throws {
    try await withTemporaryDirectory { directory in
      let (store, other) = (try open(directory), try open(directory))
      let texts = try await fill(store, 400, old)
      func refused(
        _ model: TextModel, _ embed: @escaping Store.TextEmbedding
      ) async -> String? {
        await refusal { try await store.reembed(model: model.name, dimension: model.dimension, embed: embed) }
      }
      #expect(await refused(TextModel("x", 0)) { _ in [] } == "index dimensionOutOfRange")
      #expect(await refused(TextModel("", 4)) { _ in [] } == "invalid model")
      #expect(await refusal { try await store.confirmReembed() } == "reembed")
      #expect(await refusal { try await store.abandonReembed() } == "reembed")
      #expect(try store.reembedStatus().making == nil)
      // What a model does wrong is said, and nothing of it is written.
      #expect(await refused(new) { _ in throw CocoaError(.fileNoSuchFile) } == "invalid embed")
      #expect(await refused(new) { _ in [] } == "invalid embed")
      #expect(await refused(new) { old.embed($0) } == "index dimensionMismatch")
      #expect(await refused(new) { $0.map { _ in [Float](repeating: 0, count: 24) } } == "index zeroVector")
      #expect(await refused(new) { $0.map { _ in [Float](repeating: .nan, count: 24) } } == "index notFinite")
      var status = try store.reembedStatus()
      #expect(status.active == old.model && status.making == new.model && status.embedded == 0)
      // One at a time.
      #expect(await refused(TextModel("third", 8)) { _ in [] } == "reembed")
      #expect(await refusal { try await store.confirmReembed() } == "reembed")
      let seen = Counter()
      let kind = await refused(new) { texts in
        if seen.next() == 2 {
          #expect(await refusal { try await move(other, to: new) } == "reembed")
          #expect(await refusal { try await other.abandonReembed() } == "reembed")
          throw CancellationError()
        }
        return new.embed(texts)
      }
      #expect(kind == "cancelled")
      status = try store.reembedStatus()
      #expect(status.making == new.model && status.embedded == 128 && status.total == 420)
      try await expect(store, texts, old)
      // Another process goes on where it was.
      let report = try await other.reembed(model: new.name, dimension: new.dimension) { new.embed($0) }
      #expect(report.vectors == 292)
      #expect(await refusal { try await other.abandonReembed() } == "reembed")
      #expect(await refusal { try await move(other, to: TextModel("third", 8)) } == "reembed")
      try await expect(other, texts, new)
      try await other.confirmReembed()
      #expect(await refused(old) { _ in throw CancellationError() } == "cancelled")
      #expect(try await other.abandonReembed() == old.model)
      #expect(try other.reembedStatus().making == nil)
      #expect(try directory.sizes().keys.filter { $0.hasPrefix("vectors-") } == ["vectors-2.pages"])
      try await expect(other, texts, new)
      try await other.close()
      try await store.close()
    }
  }

  // MARK: Copies, proofs, compaction

  /// In each state the store is copied, compacted, repaired, and goes on from there.
  @Test(arguments: ["plain", "making", "kept"])
  func copiesInEachState(state: String) async throws {
    try await withTemporaryDirectory { directory in
      var store = try open(directory.file("store"))
      let texts = try await fill(store, 600, old)
      if state == "kept" { try await move(store, to: new) }
      if state == "making" {
        let calls = Counter()
        await #expect(throws: StoreError.self) {
          try await store.reembed(model: new.name, dimension: new.dimension) { texts in
            if calls.next() > 2 { throw CancellationError() }
            return new.embed(texts)
          }
        }
      }
      let model = state == "kept" ? new : old
      for round in 0..<2 {
        let status = try store.reembedStatus()
        #expect((status.making != nil) == (state == "making") && (status.kept != nil) == (state == "kept"))
        let (backup, restored) = (directory.file("backup \(round)"), directory.file("restored \(round)"))
        try await store.backup(to: backup.path)
        #expect(try await Store.restore(from: backup.path, to: restored.path).problems == [])
        let copy = try open(restored, model)
        #expect(try copy.reembedStatus() == status)
        try await expect(copy, texts, model)
        // The copy can do what the store can.
        let target = model == new ? old : new
        let report = try await copy.reembed(model: target.name, dimension: target.dimension) {
          target.embed($0)
        }
        #expect(report.vectors == (state == "plain" ? 630 : state == "kept" ? 0 : 630 - 256) || round > 0)
        try await expect(copy, texts, target)
        try await copy.close()

        let (lines, imported) = (directory.file("export \(round)"), directory.file("imported \(round)"))
        let counts = try await store.export(to: lines.path)
        #expect(counts.vectors == (round == 0 ? 630 : texts.count))
        #expect(try await Store.import(from: lines.path, to: imported.path).problems == [])
        let again = try open(imported, model)
        try await expect(again, texts, model)
        try await again.close()

        try await store.compact(before: Date())
        try await expect(store, texts, model)
        try await store.close()
        #expect(try await Store.repair(path: directory.file("store").path).isSound)
        store = try open(directory.file("store"), model)
      }
      try await move(store, to: model == new ? old : new)
      try await expect(store, texts, model == new ? old : new)
      try await store.close()
    }
  }

  /// Vectors of the space that is not active: verify finds them damaged, repair takes them out, the next
  /// reembed makes them anew.
  @Test func damageInAnotherSpace() async throws {
    try await withTemporaryDirectory { directory in
      var store = try open(directory)
      let texts = try await fill(store, 200, old)
      try await move(store, to: new)
      let file = try FileHandle(forWritingTo: directory.pages)
      try file.seek(toOffset: UInt64(4_096 + 3 * VectorPages.slotBytes(dimension: 16) + 80))
      try file.write(contentsOf: [7, 7, 7])
      try file.close()
      #expect(try await store.verify().problems.count == 1)
      try await store.close()
      let report = try await Store.repair(path: directory.path)
      #expect(report.isSound && report.restored.count == 1)
      store = try open(directory, new)
      #expect(try await store.reembed(model: old.name, dimension: 16) { old.embed($0) }.vectors == 1)
      try await expect(store, texts, old)
      try await store.close()
    }
  }

  // MARK: Erasure

  /// What is erased is in no file: of whichever model, and of versions that were cut before.
  @Test(arguments: [false, true]) func erasureLeavesNothingInAnySpace(isKept: Bool) async throws {
    try await withTemporaryDirectory { directory in
      var store = try open(directory)
      let texts = try await fill(store, 600, old)
      let victims = Array(texts.keys.sorted { $0.uuidString < $1.uuidString }.prefix(60))
      if isKept {
        // Of the old space; it knows nothing of what comes.
        try await store.snapshot()
        try await move(store, to: new)
        try await store.snapshot()
      } else {
        let calls = Counter()
        await #expect(throws: StoreError.self) {
          try await store.reembed(model: new.name, dimension: new.dimension) { texts in
            if calls.next() > 4 { throw CancellationError() }
            return new.embed(texts)
          }
        }
      }
      var traces: [[UInt8]] = []
      for id in victims {
        // Of texts that others have as well nothing may be said.
        guard let text = texts[id], text != "memory 9" else { continue }
        for model in [old, new] {
          traces.append(model.vector(text)[..<4].withUnsafeBytes { Array($0) })
        }
      }
      // Written by a reembed that was killed before its commit.
      let space = try #require(try store.core.catalogue.read(VectorSpace.others).first)
      let header = space.header(store: store.core.index.pages.header.store)
      let pages = try VectorPages.open(
        store.core.directory.appending(header.fileName), expecting: header)
      let slot = try store.core.catalogue.slotCount(space: space.id)
      let (model, id) = (isKept ? old : new, victims[0])
      var bytes: [UInt8] = []
      let vector = model.vector("never named")
      pages.encodeSlot(
        VectorPages.SlotHeader(
          slot: UInt64(slot), change: 1, group: 1, memory: id, vectorChecksum: 0), vector, into: &bytes)
      try pages.makeRoom(slots: slot + 1)
      try pages.writeSlots(bytes, from: slot)
      traces.append(vector[..<4].withUnsafeBytes { Array($0) })

      let before = try found(traces, directory)
      #expect(before.count > traces.count * 2 / 3)
      try await store.delete(Array(victims[..<30]))
      try await store.compact(before: Date())
      try await store.erase(victims)
      #expect(try found(traces, directory) == [])
      var left = texts
      for id in victims { left[id] = nil }
      try await expect(store, left, isKept ? new : old)
      try await move(store, to: isKept ? old : new)
      #expect(try found(traces, directory) == [])
      try await expect(store, left, isKept ? old : new)
      try await store.close()
      store = try open(directory, isKept ? old : new)
      #expect(try found(traces, directory) == [])
      try await expect(store, left, isKept ? old : new)
      try await store.close()
    }
  }

  /// Which of some byte strings, of eight bytes at least, are in any file.
  private func found(_ traces: [[UInt8]], _ directory: URL) throws -> Set<[UInt8]> {
    func head(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
      bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }
    let byHead = Dictionary(grouping: traces) { $0.withUnsafeBytes { head($0, 0) } }
    var found = Set<[UInt8]>()
    for name in try directory.sizes().keys {
      let data = try Data(contentsOf: directory.file(name))
      guard data.count >= 8 else { continue }
      data.withUnsafeBytes { bytes in
        for offset in 0...bytes.count - 8 {
          for trace in byHead[head(bytes, offset)] ?? []
          where bytes[offset...].starts(with: trace) { found.insert(trace) }
        }
      }
    }
    return found
  }

  // MARK: Format

  @Test func aStoreOfTheFormatBefore() async throws {
    try await withTemporaryDirectory { directory in
      var store = try open(directory)
      let texts = try await fill(store, 100, old)
      try await store.close()
      try RawCatalogue.execute(
        directory,
        """
        ALTER TABLE vector_space DROP COLUMN state;
        DELETE FROM grdb_migrations WHERE identifier = '5';
        PRAGMA user_version = 4;
        """)
      let stored = try StoreConfiguration(storedAt: directory.path)
      #expect(stored.model == old.name && stored.dimension == old.dimension)
      store = try open(directory)
      try await expect(store, texts, old)
      try await move(store, to: new)
      try await expect(store, texts, new)
      try await store.close()
    }
  }

  /// Whoever was killed while vectors were being deleted: the next opening goes on with it.
  @Test func aDeletionThatWasInterrupted() async throws {
    try await withTemporaryDirectory { directory in
      var store = try open(directory)
      let texts = try await fill(store, 100, old)
      try await move(store, to: new)
      try await store.close()
      try RawCatalogue.execute(
        directory,
        """
        UPDATE vector_space SET state = 'leaving' WHERE id = 1;
        DELETE FROM vector WHERE space = 1 AND slot < 50;
        """)
      store = try open(directory, new)
      try await expect(store, texts, new)
      let names = try directory.sizes().keys.filter { $0.hasPrefix("vectors-") || $0.hasPrefix("index-") }
      #expect(names.allSatisfy { $0.contains("-2.") }, "\(names)")
      #expect(try store.reembedStatus().kept == nil)
      try await store.close()
    }
  }
}

/// Counts calls.
private final class Counter: Sendable {
  private let count = Atomic(0)
  var value: Int { count.load(ordering: .relaxed) }
  func next() -> Int { count.add(1, ordering: .relaxed).newValue }
}

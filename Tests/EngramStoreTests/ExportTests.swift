import EngramIndex
import EngramStore
import Foundation
import Testing

/// An export holds all of a store, and becomes that store again or is refused.
@Suite struct ExportTests {
  private func open(_ directory: URL) throws -> Store {
    try Store(path: directory.path, configuration: StoreConfiguration(storedAt: directory.path))
  }

  private func lines(_ file: URL) throws -> [Data] {
    try Data(contentsOf: file).split(separator: 10, omittingEmptySubsequences: false)
  }

  /// A file that has the name of the draft is somebody's.
  @Test func aFileWithTheDraftsNameStays() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory.file("store"))
      let (file, other) = (directory.file("all.jsonl"), directory.file("all.jsonl-new"))
      try Data("mine".utf8).write(to: other)
      #expect(await refusal { try await store.export(to: file.path) } == "exists")
      #expect(try Data(contentsOf: other) == Data("mine".utf8))
      try other.remove()
      try await store.export(to: file.path)
      #expect(FileManager.default.fileExists(atPath: file.path))
      try await store.close()
    }
  }

  /// Random content: what is exported of the imported store is what was exported of the first, but
  /// for the first line, which names the store.
  @Test(arguments: Metric.allCases) func thereAndBack(metric: Metric) async throws {
    for seed: UInt64 in 31...32 {
      var generator = Generator(seed: seed)
      try await withTemporaryDirectory { parent in
        let (directory, copy) = (parent.file("store"), parent.file("copy"))
        var run = try ModelRun(directory, metric: metric, durability: .process, seed: seed)
        try await run.run(steps: 250)
        var stores = [try open(directory)]
        for number in 0..<20 {
          try await stores[0].insert(
            NewMemory(
              key: "key \(number % 15)", text: "text \(number % 15)", vector: generator.vector(6),
              scope: Scope(user: number < 10 ? "anna" : nil)))
        }
        for _ in 0..<5 { _ = try stores[0].search(generator.vector(6), k: 5) }
        try await stores[0].close()

        stores = [try open(directory)]
        let (one, other) = (parent.file("one.jsonl"), parent.file("other.jsonl"))
        let counts = try await stores[0].export(to: one.path)
        #expect(counts.keys > 0 && counts.accesses > 0 && counts.vectors > 0)
        let report = try await Store.import(from: one.path, to: copy.path)
        #expect(report.isSound && report.versions == counts.memories)
        #expect(report.changes == counts.history && report.vectors == counts.memories)
        stores.append(try open(copy))
        #expect(try await stores[1].export(to: other.path) == counts)
        #expect(try lines(one).dropFirst() == lines(other).dropFirst())
        #expect(try lines(one).count == lines(other).count)
        #expect(try lines(one)[0] != lines(other)[0])

        for _ in 0..<30 {
          let query = generator.vector(6)
          let scope = generator.oneIn(2) ? Scope(user: "anna") : .all
          let found = try stores.map { try $0.search(query, k: 1_000, scope: scope) }
          #expect(found[0].map(\.score) == found[1].map(\.score))
          #expect(Set(found[0]) == Set(found[1]))
        }
        // A key is known there as well.
        let again = NewMemory(
          key: "key 1", text: "text 1", vector: generator.vector(6), scope: Scope(user: "anna"))
        #expect(try await stores[0].insert(again) == stores[1].insert(again))
        for store in stores { try await store.close() }
      }
    }
  }

  private func makeExport(_ parent: URL) async throws -> URL {
    var generator = Generator(seed: 33)
    let store = try openStore(parent.file("store"))
    var ids: [UUID] = []
    for number in 0..<12 {
      ids.append(
        try await store.insert(
          NewMemory(
            key: "\(number)", text: "memory \(number)\n", vector: generator.vector(8),
            scope: Scope(user: "anna"))))
    }
    try await store.update(ids[0], MemoryUpdate(text: "changed"))
    try await store.update(ids[1], MemoryUpdate(vector: generator.vector(8)))
    try await store.delete(ids[2])
    _ = try store.search(generator.vector(8), k: 3)
    try await store.close()
    let again = try openStore(parent.file("store"))
    try await again.export(to: parent.file("export").path)
    try await again.close()
    return parent.file("export")
  }

  private func expectRefused(
    _ bytes: Data, line: Int?, _ what: String, _ parent: URL
  ) async throws {
    let file = parent.file("altered")
    try bytes.write(to: file)
    let kind = await refusal {
      try await Store.import(from: file.path, to: parent.file("new").path)
    }
    if let line { #expect(kind == "badExport \(line)", "\(what)") } else {
      #expect(kind?.hasPrefix("badExport") == true, "\(what): \(kind ?? "accepted")")
    }
    #expect(try names(in: parent) == ["altered", "export", "store"])
  }

  @Test func whatWasCutOffOrAltered() async throws {
    var generator = Generator(seed: 34)
    try await withTemporaryDirectory { parent in
      let export = try await makeExport(parent)
      let bytes = try Data(contentsOf: export)
      let lines = try lines(export).dropLast()
      func joined(_ lines: some Sequence<Data>) -> Data { Data(lines.flatMap { $0 + [10] }) }
      #expect(joined(lines) == bytes)
      for (number, line) in lines.enumerated() {
        var without = Array(lines)
        without.remove(at: number)
        try await expectRefused(joined(without), line: nil, "without line \(number + 1)", parent)
        var twice = Array(lines)
        twice.insert(line, at: number)
        try await expectRefused(joined(twice), line: nil, "line \(number + 1) twice", parent)
        var flipped = Array(lines)
        let place = line.startIndex + Int.random(in: 0..<line.count, using: &generator)
        flipped[number][place] ^= 1
        try await expectRefused(
          joined(flipped), line: number + 1, "a bit of line \(number + 1)", parent)
        try await expectRefused(
          joined(lines.prefix(number)), line: nil, "\(number) lines", parent)
      }
      for _ in 0..<20 {
        let length = Int.random(in: 0..<bytes.count, using: &generator)
        try await expectRefused(bytes.prefix(length), line: nil, "\(length) bytes", parent)
      }
      try await expectRefused(bytes + [10], line: nil, "an empty line more", parent)
      try await expectRefused(bytes + [65], line: nil, "a byte more", parent)
      try await expectRefused(joined([Data("{}".utf8)]), line: 1, "another file", parent)
      try Data().write(to: parent.file("altered"))
      try parent.file("altered").remove()
      #expect(
        await refusal {
          try await Store.import(from: parent.file("none").path, to: parent.file("new").path)
        } == "system")
    }
  }

  @Test func nothingIsWrittenOver() async throws {
    try await withTemporaryDirectory { parent in
      let export = try await makeExport(parent)
      let store = try openStore(parent.file("store"))
      #expect(await refusal { try await store.export(to: export.path) } == "exists")
      #expect(
        await refusal {
          try await Store.import(from: export.path, to: parent.file("store").path)
        } == "exists")
      #expect(
        await refusal { try await store.export(to: parent.file("a").file("b").path) } == "system")
      try await store.close()
      #expect(await refusal { try await store.export(to: parent.file("new").path) } == "closed")
      #expect(try names(in: parent) == ["export", "store"])
    }
  }

  @Test func cancellationLeavesNothing() async throws {
    try await withTemporaryDirectory { parent in
      let export = try await makeExport(parent)
      let store = try openStore(parent.file("store"))
      var cancelled = 0
      for report in 1...10 {
        let new = parent.file("new")
        for call in [0, 1] {
          let kind = await interrupted(at: report) { progress in
            if call == 0 {
              try await store.export(to: new.path, progress: progress)
            } else {
              try await Store.import(from: export.path, to: new.path, progress: progress)
            }
          }
          if kind == "cancelled" { cancelled += 1 } else {
            #expect(kind == nil)
            try new.remove()
          }
          #expect(try names(in: parent) == ["export", "store"])
        }
      }
      #expect(cancelled > 2)
      try await store.close()
    }
  }

  /// What is exported while writers write is of one moment.
  @Test(.timeLimit(.minutes(10))) func whileFourWritersWrite() async throws {
    try await withTemporaryDirectory { parent in
      let store = try openStore(parent.file("store"))
      let isDone = Flag()
      let count = Shared(0)
      let writers = (0..<4).map { writer in
        Task {
          var generator = Generator(seed: UInt64(writer))
          while !isDone.isRaised {
            let id = try await store.insert(
              NewMemory(text: "x", vector: generator.vector(8), scope: Scope(user: "\(writer)")))
            try await store.update(id, MemoryUpdate(vector: generator.vector(8)))
            count.change { $0 += 1 }
          }
        }
      }
      while count.value < 50 { await Task.yield() }
      let before = count.value
      try await store.export(to: parent.file("export").path)
      isDone.raise()
      for writer in writers { try await writer.value }
      let report = try await Store.import(
        from: parent.file("export").path, to: parent.file("copy").path)
      #expect(report.isSound && report.memories >= before)
      #expect(try await store.verify(since: report.head).isSound)
      try await store.close()
    }
  }
}

import EngramIndex
import Foundation
import Testing

@testable import EngramStore

/// Many tenants' stores behind one pool.
@Suite struct StorePoolTests {
  private func openPool(
    _ directory: URL, open: Int = 8, memoryBytes: Int = 1 << 40, patience: Duration = .seconds(90),
    dimension: Int = 8, metric: Metric = .cosine, model: String = "test"
  ) throws -> StorePool {
    try StorePool(
      directory: directory.path,
      configuration: StoreConfiguration(
        dimension: dimension, metric: metric, model: model, durability: .process, indexingThreads: 1),
      limits: StorePool.Limits(openStores: open, memoryBytes: memoryBytes, patience: patience))
  }

  @discardableResult
  private func insert(_ text: String, into tenant: String, of pool: StorePool) async throws -> UUID {
    try await pool.withStore(of: tenant) { store in
      try await store.insert(
        NewMemory(text: text, vector: [Float](repeating: 1, count: 8), scope: .all))
    }
  }

  private func texts(of tenant: String, in pool: StorePool) async throws -> [String] {
    try await pool.withStore(of: tenant) { try $0.list(limit: 1_000).memories.map(\.text) }
  }

  /// Somebody who has a tenant's store until told to give it back.
  private struct Lease {
    let task: Task<Void, any Error>
    let end: AsyncStream<Void>.Continuation

    func giveBack() async throws {
      end.finish()
      try await task.value
    }
  }

  private func lease(_ tenant: String, of pool: StorePool) async throws -> Lease {
    let (begun, begin) = AsyncStream<Void>.makeStream()
    let (ended, end) = AsyncStream<Void>.makeStream()
    let task = Task {
      defer { begin.finish() }
      try await pool.withStore(of: tenant) { store in
        begin.finish()
        for await _ in ended {}
        // Nobody has closed it meanwhile.
        _ = try store.statistics()
      }
    }
    for await _ in begun {}
    return Lease(task: task, end: end)
  }

  private func waiting(_ count: Int, for pool: StorePool) async {
    while pool.statistics().waiting != count { await Task.yield() }
  }

  /// Tenants below a directory whose catalogue this process has open, as the system sees it.
  private func openCatalogues(_ directory: URL) throws -> Int {
    #if os(Linux)
      let files = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap {
        try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")
      }
      return Set(files.filter { $0.hasPrefix(directory.path) && $0.hasSuffix("/engram.sqlite") }).count
    #else
      return 0
    #endif
  }

  // MARK: Sharing

  /// Random work of several tasks on more tenants than may be open: each tenant has what it was given,
  /// and nothing else; never are more open.
  @Test(.timeLimit(.minutes(10))) func tenantsAreApart() async throws {
    try await withTemporaryDirectory(inMemory: true) { directory in
      let pool = try openPool(directory)
      let given = Shared<[Int: Set<UUID>]>([:])
      try await withThrowingTaskGroup(of: Void.self) { group in
        for task in 0..<6 {
          group.addTask {
            var generator = Generator(seed: 110 + UInt64(task))
            for step in 0..<60 {
              let tenant = Int.random(in: 0..<60, using: &generator)
              let vectors = (0..<3).map { _ in generator.vector(8) }
              let known = given.value[tenant] ?? []
              let ids = try await pool.withStore(of: "Tenant \(tenant)") { store in
                let ids = try await store.insert(
                  vectors.map { NewMemory(text: "of \(tenant)", vector: $0, scope: .all) })
                let listed = try store.list(limit: 1_000).memories
                #expect(listed.allSatisfy { $0.text == "of \(tenant)" })
                #expect(Set(listed.map(\.id)).isSuperset(of: known.union(ids)))
                #expect(try store.search(vectors[0], k: 1).first?.memory.text == "of \(tenant)")
                return ids
              }
              given.change { $0[tenant, default: []].formUnion(ids) }
              #expect(pool.statistics().open <= 8)
              if step % 10 == 0 { #expect(try openCatalogues(directory) <= 8) }
            }
          }
        }
        try await group.waitForAll()
      }
      let statistics = pool.statistics()
      #expect(statistics.inUse == 0 && statistics.waiting == 0 && statistics.evicted > 40)
      for (tenant, ids) in given.value {
        let found = try await pool.withStore(of: "Tenant \(tenant)") { store in
          try store.list(limit: 1_000).memories.map(\.id)
        }
        #expect(Set(found) == ids && found.count == ids.count)
      }
      #expect(Set(try pool.tenants()) == Set(given.value.keys.map { "Tenant \($0)" }))
      try await pool.close()
      #expect(try openCatalogues(directory) == 0)
    }
  }

  @Test(.timeLimit(.minutes(10))) func callersShareOneOpening() async throws {
    try await withTemporaryDirectory { directory in
      let pool = try openPool(directory)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<50 {
          group.addTask { try await insert("\(number)", into: "anna", of: pool) }
        }
        try await group.waitForAll()
      }
      #expect(pool.statistics().opened == 1)
      #expect(try await texts(of: "anna", in: pool).count == 50)
      try await pool.close()
    }
  }

  /// The one that has not been used for longest is closed, against a plain list.
  @Test(.timeLimit(.minutes(10)), arguments: [1, 2, 7, 8, 20])
  func leastRecentlyUsed(limit: Int) async throws {
    try await withTemporaryDirectory(inMemory: true) { directory in
      let pool = try openPool(directory, open: limit)
      let capacity = limit - min(limit / 8, StoreConfiguration.processorCount)
      var generator = Generator(seed: 120)
      var recent: [Int] = []
      var opened = 0
      for _ in 0..<100 {
        let tenant = Int.random(in: 0..<24, using: &generator)
        if let index = recent.firstIndex(of: tenant) { recent.remove(at: index) } else { opened += 1 }
        recent.append(tenant)
        if recent.count > capacity { recent.removeFirst() }
        try await pool.withStore(of: "\(tenant)") { _ = try $0.statistics() }
        #expect(pool.statistics().opened == opened)
      }
      try await pool.close()
    }
  }

  /// Idle stores go where those that are open may take more memory than is allowed.
  @Test(.timeLimit(.minutes(10))) func memoryIsBounded() async throws {
    try await withTemporaryDirectory(inMemory: true) { directory in
      let pool = try openPool(directory, open: 20, memoryBytes: 8 << 20)
      for tenant in 0..<20 {
        try await insert("\(tenant)", into: "\(tenant)", of: pool)
        #expect(pool.statistics().memoryBytes <= 8 << 20)
      }
      let statistics = pool.statistics()
      #expect(statistics.evicted >= 12 && statistics.evicted < 20 && statistics.memoryBytes > 2 << 20)
      try await pool.close()
    }
  }

  // MARK: Waiting

  @Test(.timeLimit(.minutes(10))) func whereAllAreInUse() async throws {
    try await withTemporaryDirectory(inMemory: true) { directory in
      let pool = try openPool(directory, open: 2)
      let (first, second) = (try await lease("a", of: pool), try await lease("b", of: pool))
      let order = Shared<[String]>([])
      var tasks: [Task<Void, any Error>] = []
      for (number, tenant) in ["c", "d", "e"].enumerated() {
        tasks.append(
          Task { try await pool.withStore(of: tenant) { _ in order.change { $0.append(tenant) } } })
        await waiting(number + 1, for: pool)
      }
      // Who comes for a store that is open need not wait.
      try await insert("x", into: "a", of: pool)
      #expect(order.value == [] && pool.statistics().open == 2 && pool.statistics().opened == 2)
      try await first.giveBack()
      for task in tasks { try await task.value }
      #expect(order.value == ["c", "d", "e"] && pool.statistics().open <= 2)
      try await second.giveBack()
      #expect(try await texts(of: "a", in: pool) == ["x"])
      try await pool.close()
    }
  }

  @Test(.timeLimit(.minutes(10))) func cancelledWhileWaiting() async throws {
    try await withTemporaryDirectory(inMemory: true) { directory in
      let pool = try openPool(directory, open: 1)
      let first = try await lease("a", of: pool)
      let tasks = (0..<20).map { number in
        Task { await refusal { try await insert("\(number)", into: "\(number)", of: pool) } }
      }
      await waiting(20, for: pool)
      for task in tasks[..<15] { task.cancel() }
      for task in tasks[..<15] { #expect(await task.value == "cancelled") }
      #expect(pool.statistics().waiting == 5)
      try await first.giveBack()
      for task in tasks[15...] { #expect(await task.value == nil) }
      #expect(Set(try pool.tenants()) == Set(["a"] + (15..<20).map { "\($0)" }))
      // Cancelled before it asks, where it would have to wait and where it would not.
      let cancelled = Task {
        while !Task.isCancelled { await Task.yield() }
        return await refusal { try await insert("late", into: "0", of: pool) }
      }
      cancelled.cancel()
      #expect(await cancelled.value == "cancelled")
      try await pool.close()
    }
  }

  /// Whoever asks for another store while it has the last one would wait for itself.
  @Test(.timeLimit(.minutes(10))) func patienceEnds() async throws {
    try await withTemporaryDirectory { directory in
      let pool = try openPool(directory, open: 1, patience: .milliseconds(50))
      // Where that takes longer it is open the next time.
      while await refusal({ try await insert("x", into: "a", of: pool) }) == "busy" {}
      try await pool.withStore(of: "a") { _ in
        #expect(await refusal { try await insert("x", into: "b", of: pool) } == "busy")
        #expect(await refusal { try await pool.remove("a") } == "busy")
      }
      #expect(pool.statistics().waiting == 0)
      try await pool.close()
    }
  }

  /// Another process holds up the opening of one store, and of no other.
  @Test(.timeLimit(.minutes(10))) func anOpeningThatTakesLong() async throws {
    try await withTemporaryDirectory { directory in
      let pool = try openPool(directory, open: 2)
      let slow = try openStore(directory.file("slow"))
      try await slow.close()
      let lock = try File.open(slow.core.directory.appending("writer.lock"), .write)
      _ = try lock.lock(wait: true)
      let impatient = Task { await refusal { try await insert("x", into: "slow", of: pool) } }
      let patient = Task { try await insert("y", into: "slow", of: pool) }
      await waiting(2, for: pool)
      for tenant in ["a", "b", "c"] { try await insert("z", into: tenant, of: pool) }
      impatient.cancel()
      #expect(await impatient.value == "cancelled")
      try lock.unlock()
      _ = try await patient.value
      #expect(try await texts(of: "slow", in: pool) == ["y"])
      try await pool.close()
    }
  }

  // MARK: Failures

  @Test(.timeLimit(.minutes(10))) func aDamagedTenantIsAlone() async throws {
    try await withTemporaryDirectory(inMemory: true) { directory in
      let pool = try openPool(directory, open: 3)
      let damaged = directory.file("damaged")
      try FileManager.default.createDirectory(at: damaged, withIntermediateDirectories: false)
      try Data(repeating: 0x41, count: 10_000).write(to: damaged.catalogue)
      await withTaskGroup(of: Void.self) { group in
        for number in 0..<60 {
          group.addTask {
            let (tenant, expected) = number % 3 == 0 ? ("damaged", "database") : ("\(number % 7)", nil)
            let found = await refusal { try await insert("\(number)", into: tenant, of: pool) }
            #expect(found == expected)
          }
        }
      }
      #expect(pool.statistics().open <= 3)
      // What is put right is opened at its next use.
      try damaged.catalogue.remove()
      try await insert("x", into: "damaged", of: pool)
      #expect(try await texts(of: "damaged", in: pool) == ["x"])
      #expect(await refusal { try await insert("x", into: "", of: pool) } == "invalid tenant")
      struct Own: Error {}
      await #expect(throws: Own.self) { try await pool.withStore(of: "0") { _ in throw Own() } }
      #expect(pool.statistics().inUse == 0)
      try await pool.close()
    }
  }

  @Test func impossiblePools() async throws {
    try await withTemporaryDirectory { directory in
      #expect(await refusal { _ = try openPool(directory, open: 0) } == "invalid openStores")
      #expect(
        await refusal { _ = try openPool(directory, dimension: 0) } == "index dimensionOutOfRange")
      try Data().write(to: directory.file("file"))
      #expect(await refusal { _ = try openPool(directory.file("file")) } == "unusablePath")
      for dimension in [1, 384, 1_536, 16_383] {
        let open = StorePool.Limits.defaultOpenStores(StoreConfiguration(dimension: dimension))
        #expect((1...256).contains(open))
      }
    }
  }

  // MARK: Removing

  @Test(.timeLimit(.minutes(10))) func removedTenants() async throws {
    try await withTemporaryDirectory { directory in
      let pool = try openPool(directory)
      for tenant in ["anna", "Anna", "an/na", ".."] { try await insert(tenant, into: tenant, of: pool) }
      try await pool.remove("Anna")
      try await pool.remove("nobody")
      #expect(Set(try pool.tenants()) == ["anna", "an/na", ".."])
      #expect(try names(in: directory) == ["%2e%2e", "an%2fna", "anna"])
      for tenant in try pool.tenants() { #expect(try await texts(of: tenant, in: pool) == [tenant]) }
      // A new one has nothing of the old one.
      #expect(try await texts(of: "Anna", in: pool) == [])
      // Whoever uses it is waited for; whoever comes later finds a new one.
      let holder = try await lease("anna", of: pool)
      let removal = Task { try await pool.remove("anna") }
      await waiting(1, for: pool)
      let late = Task { try await texts(of: "anna", in: pool) }
      await waiting(2, for: pool)
      #expect(FileManager.default.fileExists(atPath: directory.file("anna").path))
      try await holder.giveBack()
      try await removal.value
      #expect(try await late.value == [])
      // Who waits behind a removal that is given up goes on.
      let again = try await lease("anna", of: pool)
      let cancelled = Task { await refusal { try await pool.remove("anna") } }
      await waiting(1, for: pool)
      let next = Task { try await insert("kept", into: "anna", of: pool) }
      await waiting(2, for: pool)
      cancelled.cancel()
      #expect(await cancelled.value == "cancelled")
      _ = try await next.value
      try await again.giveBack()
      #expect(try await texts(of: "anna", in: pool) == ["kept"])
      try await pool.close()
    }
  }

  /// Nobody loses a store that is in use elsewhere.
  @Test(.timeLimit(.minutes(10))) func openElsewhere() async throws {
    try await withTemporaryDirectory { directory in
      let (pool, other) = (try openPool(directory), try openPool(directory))
      try await insert("x", into: "a", of: other)
      #expect(await refusal { try await pool.remove("a") } == "inUse")
      #expect(try await texts(of: "a", in: pool) == ["x"])
      try await other.close()
      try await pool.remove("a")
      #expect(try names(in: directory) == [])
      try await pool.close()
    }
  }

  /// What is left where a process ended in the middle of removing is removed by the next.
  @Test(.timeLimit(.minutes(10))) func aRemovalIsFinished() async throws {
    try await withTemporaryDirectory { directory in
      var pool = try openPool(directory)
      for tenant in ["a", "b.removed"] { try await insert(tenant, into: tenant, of: pool) }
      try await pool.close()
      try FileManager.default.moveItem(
        at: directory.file("a"), to: directory.file("\(UUID().uuidString).removed"))
      try Data().write(to: directory.file("notes.removed"))
      pool = try openPool(directory)
      #expect(try names(in: directory) == ["b%2eremoved", "notes.removed"])
      #expect(try pool.tenants() == ["b.removed"])
      try await insert("a", into: "a", of: pool)
      try FileManager.default.createDirectory(
        at: directory.file("\(UUID().uuidString).removed"), withIntermediateDirectories: false)
      for _ in 1...2 { try await pool.remove("a") }
      #expect(try names(in: directory) == ["b%2eremoved", "notes.removed"])
      try await pool.close()
    }
  }

  /// Whoever opens a store that is removed and made anew meanwhile does not work on what is gone.
  @Test func removedWhileItIsBeingOpened() async throws {
    try await withTemporaryDirectory { directory in
      let store = try openStore(directory)
      try await store.close()
      let path = store.core.directory
      let locks = (try WriterLock(path), try WriterLock(path))
      try locks.0.lock()
      try locks.0.unlock()
      try locks.0.ensureInPlace()
      for isMadeAnew in [false, true] {
        try directory.file("writer.lock").remove()
        if isMadeAnew { _ = try WriterLock(path) }
        #expect(await refusal { try locks.0.ensureInPlace() } == "noStore")
        #expect(await refusal { try locks.1.lock() } == "noStore")
        try? locks.1.unlock()
      }
    }
  }

  /// One pool removes a tenant again and again, another uses it: opening may lose against that, but what
  /// has been opened stays, and the last is there.
  @Test(.timeLimit(.minutes(10))) func removedAndUsedAtOnce() async throws {
    try await withTemporaryDirectory(inMemory: true) { directory in
      let (pool, other) = (try openPool(directory, open: 1), try openPool(directory, open: 1))
      let isDone = Flag()
      let remover = Task {
        var removed = 0
        while !isDone.isRaised {
          let kind = await refusal { try await other.remove("a") }
          #expect(kind == nil || kind == "inUse")
          if kind == nil { removed += 1 }
          // The moment of the removal, whatever the other is at; any is right.
          try? await Task.sleep(for: .milliseconds(Int.random(in: 0...20)))
        }
        return removed
      }
      var used = 0
      while used < 40 {
        let kind = await refusal {
          let id = try await insert("x", into: "a", of: pool)
          try await pool.withStore(of: "a") { _ = try $0.get(id) }
          // Makes way, so that it is opened anew.
          try await insert("y", into: "b", of: pool)
        }
        let lost: [String?] = [nil, "noStore", "inUse", "system", "database", "unusablePath"]
        #expect(lost.contains(kind))
        if kind == nil { used += 1 }
      }
      isDone.raise()
      #expect(await remover.value > 0)
      let id = try await insert("last", into: "a", of: pool)
      let report = try await other.withStore(of: "a") { store in
        #expect(try store.get(id).text == "last")
        return try await store.verify()
      }
      #expect(report.problems == [])
      try await pool.close()
      try await other.close()
      #expect(try names(in: directory) == ["a", "b"])
    }
  }

  // MARK: Closing

  @Test(.timeLimit(.minutes(10))) func closing() async throws {
    try await withTemporaryDirectory { directory in
      let pool = try openPool(directory, open: 2)
      for tenant in ["a", "b", "c"] { try await insert(tenant, into: tenant, of: pool) }
      let holders = [try await lease("a", of: pool), try await lease("b", of: pool)]
      let waiter = Task { await refusal { try await insert("x", into: "c", of: pool) } }
      await waiting(1, for: pool)
      let closers = (0..<3).map { _ in Task { try await pool.close() } }
      // It waits for its place until the pool closes.
      #expect(await waiter.value == "closed")
      #expect(await refusal { try await insert("x", into: "a", of: pool) } == "closed")
      #expect(await refusal { try await pool.remove("a") } == "closed")
      #expect(pool.statistics().inUse == 2)
      for holder in holders { try await holder.giveBack() }
      for closer in closers { try await closer.value }
      try await pool.close()
      #expect(pool.statistics().open == 0 && pool.statistics().memoryBytes == 0)
      let again = try openPool(directory)
      for tenant in ["a", "b", "c"] { #expect(try await texts(of: tenant, in: again) == [tenant]) }
      try await again.close()
    }
  }

  /// Stores of a pool that is forgotten close by themselves.
  @Test(.timeLimit(.minutes(10))) func aPoolThatIsForgotten() async throws {
    try await withTemporaryDirectory { directory in
      do {
        let pool = try openPool(directory)
        for tenant in ["a", "b"] { try await insert(tenant, into: tenant, of: pool) }
      }
      let other = try openPool(directory)
      while await refusal({ try await other.remove("a") }) != nil { await Task.yield() }
      #expect(try await texts(of: "b", in: other) == ["b"])
      try await other.close()
    }
  }

  // MARK: Several pools

  @Test(.timeLimit(.minutes(10))) func twoPoolsOnOneDirectory() async throws {
    try await withTemporaryDirectory(inMemory: true) { directory in
      let pools = [try openPool(directory, open: 3), try openPool(directory, open: 3)]
      try await withThrowingTaskGroup(of: Void.self) { group in
        for task in 0..<4 {
          group.addTask {
            for step in 0..<20 {
              let tenant = (step * 7 + task) % 10
              let (own, other) = (pools[task % 2], pools[(task + 1) % 2])
              let id = try await insert("\(tenant)", into: "\(tenant)", of: own)
              let found = try await other.withStore(of: "\(tenant)") { try $0.get(id).text }
              #expect(found == "\(tenant)")
            }
          }
        }
        try await group.waitForAll()
      }
      var count = 0
      for tenant in try pools[0].tenants() { count += try await texts(of: tenant, in: pools[1]).count }
      #expect(count == 80)
      for pool in pools { try await pool.close() }
    }
  }

  /// Another process writes to a tenant's store, and is killed, while the pool opens and closes it.
  @Test(.timeLimit(.minutes(10))) func anotherProcess() async throws {
    try await withTemporaryDirectory { directory in
      let pool = try openPool(
        directory, open: 1, dimension: 16, metric: .squaredL2, model: "unnamed")
      // Once it has written long enough it has the store open until it is killed.
      let child = try Child(
        store: directory.file("a"), durability: .process, writers: 2, work: "share",
        environment: ["SECONDS": "3"])
      child.wait(for: "+")
      for round in 0..<20 {
        for tenant in ["a", "b"] {
          try await pool.withStore(of: tenant) { store in
            let id = try await store.insert(Ledger.newMemory())
            #expect(try store.get(id).id == id, "round \(round)")
          }
        }
      }
      #expect(await refusal { try await pool.remove("a") } == "inUse")
      var ledger = Ledger()
      let lines = child.kill()
      #expect(lines.filter { $0.hasPrefix("!") } == [])
      ledger.add(lines)
      let problems = try await pool.withStore(of: "a") { store in
        (try ledger.problems(with: store), try await store.verify().problems)
      }
      #expect(problems.0 == [] && problems.1 == [])
      try await pool.remove("a")
      #expect(try pool.tenants() == ["b"])
      try await pool.close()
    }
  }

  // MARK: Cost

  /// What a small store takes on disk, and in memory while it is open and idle. 10,000 of them with
  /// ENGRAM_TENANTS=10000.
  @Test(.timeLimit(.minutes(30))) func whatATenantTakes() async throws {
    let count = Int(ProcessInfo.processInfo.environment["ENGRAM_TENANTS"] ?? "") ?? 300
    try await withTemporaryDirectory { directory in
      let stores = directory.file("tenants")
      let child = try Child(
        store: stores, durability: .process, writers: count, work: "tenants")
      let lines = child.end()
      #expect(child.failure == nil)
      func numbers(_ key: String) throws -> [Int] {
        let line = try #require(lines.first { $0.hasPrefix(key) }, "\(lines)")
        return line.split(separator: " ").dropFirst().compactMap { Int($0) }
      }
      let (open, closed) = (try numbers("open"), try numbers("closed"))
      print(
        "tenants: \(count), the largest \(closed[0]) bytes of files, \(closed[1]) of blocks on disk; "
          + "\(open[0]) and \(open[1]) while open")
      #expect(lines.filter { $0.hasPrefix("!") } == [])
      #expect(try names(in: stores).count == count)
      #expect((open + closed).allSatisfy { $0 > 0 && $0 < 1 << 20 })
      #if os(Linux)
        let idle = try numbers("idle")
        print(
          "tenants: open and idle one takes \(idle[0]) anonymous bytes, \(idle[1] >> 30) GB of "
            + "addresses, \(idle[2]) descriptors, \(idle[3]) threads, \(idle[4]) maps")
        #expect(idle[0] > 0 && idle[0] < 2 << 20)
        // What the default limit of open stores counts with.
        #expect(idle[2] <= 12 && idle[3] <= 2 && idle[4] <= 64)
      #endif
    }
  }
}

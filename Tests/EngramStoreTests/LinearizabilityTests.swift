import EngramStore
import Foundation
import StoreClients
import Testing

/// Random calls of several clients at once, and whether one order of them explains every answer.
///
/// `ENGRAM_LINEARIZABILITY_SECONDS` sets for how long each test makes histories.
@Suite(.serialized) struct LinearizabilityTests {
  private static let seconds =
    Double(ProcessInfo.processInfo.environment["ENGRAM_LINEARIZABILITY_SECONDS"] ?? "") ?? 0.5

  private func open(_ directory: URL, _ durability: Durability) throws -> Store {
    var configuration = Client.configuration
    configuration.durability = durability
    return try Store(path: directory.file("store").path, configuration: configuration)
  }

  /// Clients of one process.
  @Test func threads() async throws {
    var generator = Generator(seed: 71)
    let end = ContinuousClock.now + .seconds(Self.seconds)
    var (histories, calls, altered, refused) = (0, 0, 0, 0)
    repeat {
      let (seed, durability) = (generator.next(), [Durability.full, .process, .none][histories % 3])
      let history = try await withTemporaryDirectory(inMemory: true) { directory in
        let store = try open(directory, durability)
        let history = await withTaskGroup(of: [Call].self) { group in
          for number in 0..<6 {
            group.addTask {
              var calls: [Call] = []
              var client = Client(number, of: store, seed: seed)
              await client.run(while: { $0 < 150 }, ended: { calls.append($0) })
              return calls
            }
          }
          return await group.reduce(into: []) { $0 += $1 }
        }
        let last = try await all(of: store)
        try await store.close()
        return history + last
      }
      expectOrder(of: history, "seed \(seed)")
      histories += 1
      calls += history.count
      for _ in 0..<4 {
        guard let wrong = alteration(of: history, &generator) else { continue }
        altered += 1
        refused += ClientHistory.problem(of: wrong) == nil ? 0 : 1
      }
    } while ContinuousClock.now < end
    // Reads at about the same time may have seen either.
    #expect(refused > altered / 2)
    print(
      "linearizability, threads: \(histories) histories, \(calls) calls; with one read altered, "
        + "\(refused) of \(altered) are refused")
  }

  /// The history with what one read was answered at another time.
  private func alteration(of history: [Call], _ generator: inout Generator) -> [Call]? {
    let reads = history.indices.filter { number in
      if case .get = history[number].request { true } else { false }
    }
    guard let read = reads.randomElement(using: &generator),
      let other = reads.filter({
        history[$0].request == history[read].request && history[$0].answer != history[read].answer
      }).randomElement(using: &generator)
    else { return nil }
    var altered = history
    altered[read].answer = history[other].answer
    return altered
  }

  /// Clients of two processes.
  @Test func processes() async throws {
    var (histories, calls) = (0, 0)
    let end = ContinuousClock.now + .seconds(Self.seconds)
    repeat {
      try await withTemporaryDirectory(inMemory: true) { directory in
        let children = try (0..<2).map {
          try child(directory, first: 10 * $0, seed: histories, seconds: 0.5)
        }
        var history = try children.flatMap { child in
          let lines = child.end()
          #expect(child.failure == nil)
          return try Self.calls(in: lines, ended: Call.now)
        }
        let store = try open(directory, .full)
        history += try await all(of: store)
        try await store.close()
        expectOrder(of: history, "two processes")
        calls += history.count
      }
      histories += 1
    } while ContinuousClock.now < end
    print("linearizability, two processes: \(histories) histories, \(calls) calls")
  }

  /// Processes are killed and others take their place; at times none is left. What a process had
  /// asked and not been answered took place before its end, or did not.
  @Test func kills() async throws {
    var generator = Generator(seed: 72)
    let end = ContinuousClock.now + .seconds(Self.seconds)
    var (histories, calls, kills, open) = (0, 0, 0, 0)
    repeat {
      try await withTemporaryDirectory(inMemory: true) { directory in
        var history: [Call] = []
        var children: [Child] = []
        for round in 0..<8 {
          while children.count < 2 {
            let next = try child(
              directory, first: 100 * round + 10 * children.count, seed: histories, seconds: 60)
            next.wait(for: "<")
            children.append(next)
          }
          // The moment of the kill, whatever the process is at; any is right.
          usleep(UInt32.random(in: 1_000...60_000, using: &generator))
          for _ in 0..<(generator.oneIn(3) ? 2 : 1) {
            let victim = Int.random(in: children.indices, using: &generator)
            let lines = children.remove(at: victim).kill()
            history += try Self.calls(in: lines, ended: Call.now)
            kills += 1
          }
        }
        for child in children {
          let lines = child.kill()
          history += try Self.calls(in: lines, ended: Call.now)
        }
        let store = try self.open(directory, .full)
        history += try await all(of: store)
        #expect(try await store.verify().problems == [])
        try await store.close()
        expectOrder(of: history, "kills")
        calls += history.count
        open += history.count { $0.answer == nil }
      }
      histories += 1
    } while ContinuousClock.now < end
    print(
      "linearizability, kills: \(histories) histories, \(calls) calls, \(open) of them without an "
        + "answer, \(kills) kills")
  }

  private func expectOrder(of history: [Call], _ comment: Comment) {
    let problem = ClientHistory.problem(of: history)
    #expect(problem == nil, comment)
  }

  /// - Parameter first: the number of its first client.
  private func child(
    _ directory: URL, first: Int, seed: Int, seconds: Double
  ) throws -> Child {
    try Child(
      store: directory.file("store"), writers: 3, work: "calls",
      environment: ["FIRST": "\(first)", "SEED": "\(seed)", "SECONDS": "\(seconds)"])
  }

  /// What clients of a process reported.
  ///
  /// - Parameter end: when the process was gone.
  private static func calls(in lines: [Substring], ended end: UInt64) throws -> [Call] {
    let decoder = JSONDecoder()
    var calls: [Call] = []
    var open: [Int: Call] = [:]
    for line in lines where line.hasPrefix("> ") || line.hasPrefix("< ") {
      let call = try decoder.decode(Call.self, from: Data(line.dropFirst(2).utf8))
      open[call.client] = line.hasPrefix("> ") ? call : nil
      if line.hasPrefix("< ") { calls.append(call) }
    }
    for var call in open.values {
      call.end = end
      calls.append(call)
    }
    let wrong = lines.filter { $0.hasPrefix("!") }
    #expect(wrong == [])
    return calls
  }

  /// All memories at the end, read in every way.
  private func all(of store: Store) async throws -> [Call] {
    var calls: [Call] = []
    for request in [Call.Request.list(user: nil), .search(user: nil, even: false)]
      + (0..<Client.memories).flatMap({ [.get($0), .vector($0)] })
    {
      let begin = Call.now
      calls.append(
        Call(request, from: begin, to: Call.now, await Client.answer(to: request, store)))
    }
    return calls
  }
}

/// What the checker accepts, and that it refuses.
@Suite struct LinearizabilityCheckerTests {
  private func problem(_ calls: [Call]) -> String? { ClientHistory.problem(of: calls) }

  /// A call for each part of a drawing: its moments are the columns where it begins and ends.
  private func call(
    _ moments: ClosedRange<UInt64>, _ request: Call.Request, _ answer: Call.Answer?
  ) -> Call {
    Call(request, from: moments.lowerBound, to: moments.upperBound, answer)
  }

  private let insert = Call.Request.insert([Call.Written(0, 10)])
  private let both = Call.Request.insert([Call.Written(0, 10), Call.Written(1, 10)])
  private let update = Call.Request.update(Call.Written(0, 11), vector: true)
  private let old = Call.Answer.memory(Call.Read(0, 10))
  private let new = Call.Answer.memory(Call.Read(0, 11))
  private let all = Call.Request.list(user: nil)
  private let search = Call.Request.search(user: nil, even: false)

  @Test func refusesWhatNoOrderExplains() {
    let refused: [(String, [Call])] = [
      (
        "an acknowledged insert is lost",
        [call(0...1, insert, .done), call(2...3, .get(0), .memory(nil))]
      ),
      ("a version that nobody wrote", [call(0...1, insert, .done), call(2...3, .get(0), new)]),
      (
        "an old version after an acknowledged update",
        [call(0...1, insert, .done), call(2...3, update, .done), call(4...5, .get(0), old)]
      ),
      (
        "a new version, then the old one, while the update runs",
        [
          call(0...1, insert, .done), call(2...9, update, .done), call(3...4, .get(0), new),
          call(5...6, .get(0), old),
        ]
      ),
      (
        "an old vector after a new text",
        [
          call(0...1, insert, .done), call(2...9, update, .done), call(3...4, .get(0), new),
          call(5...6, .vector(0), .vector(10)),
        ]
      ),
      (
        "a deleted memory comes back",
        [
          call(0...1, insert, .done), call(2...3, .delete([0]), .done), call(4...5, .get(0), old),
        ]
      ),
      (
        "two inserts of one id are both acknowledged",
        [call(0...9, insert, .done), call(0...9, .insert([Call.Written(0, 12)]), .done)]
      ),
      (
        "an insert is refused for what is not there",
        [call(0...1, insert, .duplicateID)]
      ),
      (
        "a key makes two memories",
        [
          call(0...1, .insertOnce(Call.Written(0, 1)), .done),
          call(2...3, .insertOnce(Call.Written(0, 2)), .done),
        ]
      ),
      (
        "a key is forgotten with its memory",
        [
          call(0...1, .insertOnce(Call.Written(0, 1)), .done), call(2...3, .delete([0]), .done),
          call(4...5, .insertOnce(Call.Written(0, 1)), .done),
          call(6...7, .get(0), .memory(Call.Read(0, 1))),
        ]
      ),
      (
        "half of an insert is seen",
        [
          call(0...9, both, .done), call(2...3, .get(0), old), call(4...5, .get(1), .memory(nil)),
        ]
      ),
      (
        "half of an insert is listed",
        [call(0...9, both, .done), call(2...3, all, .memories([Call.Read(0, 10)]))]
      ),
      (
        "two readers see two writes in different orders",
        [
          call(0...20, insert, .done),
          call(0...20, .insert([Call.Written(1, 10)]), .done),
          call(1...2, .get(0), old), call(3...4, .get(1), .memory(nil)),
          call(1...2, .get(1), .memory(Call.Read(1, 10))), call(3...4, .get(0), .memory(nil)),
        ]
      ),
      (
        "a search misses what was acknowledged",
        [call(0...1, insert, .done), call(2...3, search, .memories([]))]
      ),
      (
        "a search finds what was deleted",
        [
          call(0...1, insert, .done), call(2...3, .delete([0]), .done),
          call(4...5, search, .memories([Call.Read(0, 10)])),
        ]
      ),
      (
        "a search finds what was never there together",
        [
          call(0...1, insert, .done), call(2...9, .delete([0]), .done),
          call(4...5, .get(0), .memory(nil)),
          call(6...20, .insert([Call.Written(1, 10)]), .done),
          call(7...8, search, .memories([Call.Read(0, 10), Call.Read(1, 10)])),
        ]
      ),
      (
        "a cancelled write took place",
        [call(0...1, insert, .cancelled), call(2...3, .get(0), old)]
      ),
      (
        "a write without an answer takes place after the end of its process",
        [
          call(0...1, insert, nil), call(2...3, .get(0), .memory(nil)), call(4...5, .get(0), old),
        ]
      ),
      (
        "half of a write without an answer",
        [call(0...1, both, nil), call(2...3, all, .memories([Call.Read(1, 10)]))]
      ),
      ("an error", [call(0...1, insert, .wrong("database is locked"))]),
    ]
    for (what, calls) in refused {
      let verdict = problem(calls)
      #expect(verdict != nil, "\(what)")
    }
  }

  @Test func acceptsWhatAnOrderExplains() {
    let accepted: [(String, [Call])] = [
      ("nothing", []),
      ("one after the other", [call(0...1, insert, .done), call(2...3, .get(0), old)]),
      (
        "seen before it is acknowledged",
        [call(0...9, insert, .done), call(1...2, .get(0), .memory(nil)), call(3...4, .get(0), old)]
      ),
      (
        "of two writes at once the one that began first is the last",
        [
          call(0...1, insert, .done), call(2...9, update, .done),
          call(3...8, .update(Call.Written(0, 12), vector: true), .done),
          call(10...11, .get(0), new),
        ]
      ),
      (
        "a text of one version, the vector of another",
        [
          call(0...1, insert, .done),
          call(2...3, .update(Call.Written(0, 11), vector: false), .done),
          call(4...5, .get(0), .memory(Call.Read(0, 11, vector: 10))),
          call(4...5, .vector(0), .vector(10)),
        ]
      ),
      (
        "a write without an answer took place",
        [
          call(0...1, both, nil), call(2...3, .get(0), old),
          call(4...5, .get(1), .memory(Call.Read(1, 10))),
        ]
      ),
      ("it did not", [call(0...1, both, nil), call(2...3, all, .memories([]))]),
      (
        "a search misses what is being written, though a read has seen it",
        [
          call(0...9, insert, .done), call(1...2, .get(0), old), call(3...4, search, .memories([])),
        ]
      ),
    ]
    for (what, calls) in accepted {
      let verdict = problem(calls)
      #expect(verdict == nil, "\(what)")
    }
  }

  /// Short random histories, right and wrong, against every order of their calls.
  @Test func agreesWithTryingEveryOrder() {
    var generator = Generator(seed: 73)
    var (right, wrong) = (0, 0)
    for _ in 0..<4_000 {
      let calls = (0..<Int.random(in: 2...5, using: &generator)).map { number in
        let begin = UInt64.random(in: 0...12, using: &generator)
        let (request, answer) = randomCall(10 + number, &generator)
        return call(begin...begin + UInt64.random(in: 0...8, using: &generator), request, answer)
      }
      let isRight = problem(calls) == nil
      #expect(isRight == hasOrder(calls), "\(calls)")
      if isRight { right += 1 } else { wrong += 1 }
    }
    #expect(right > 300 && wrong > 300)
  }

  private func randomCall(
    _ version: Int, _ generator: inout Generator
  ) -> (Call.Request, Call.Answer?) {
    let memory = Int.random(in: 0...1, using: &generator)
    let isUnknown = generator.oneIn(6)
    let seen = Int.random(in: 9...13, using: &generator)
    switch Int.random(in: 0..<6, using: &generator) {
    case 0: return (.insert([Call.Written(memory, version)]), isUnknown ? nil : .done)
    case 1: return (both, isUnknown ? nil : generator.oneIn(3) ? .duplicateID : .done)
    case 2: return (.delete([memory]), generator.oneIn(2) ? .unknownMemory : .done)
    case 3:
      return (
        .update(Call.Written(memory, version), vector: true),
        isUnknown ? nil : generator.oneIn(2) ? .unknownMemory : .done
      )
    default: return (.get(memory), .memory(seen == 9 ? nil : Call.Read(memory, seen)))
    }
  }

  /// Whether some order of the calls that keeps to their moments gives every answer.
  private func hasOrder(_ calls: [Call]) -> Bool {
    func goesOn(_ left: [Call], _ state: ClientHistory.State) -> Bool {
      if left.isEmpty { return true }
      let end = left.map(\.end).min() ?? 0
      return left.indices.contains { next in
        guard left[next].begin <= end else { return false }
        var others = left
        let call = others.remove(at: next)
        return ClientHistory.states(after: ClientHistory.Call(call: call), in: state)
          .contains { goesOn(others, $0) }
      }
    }
    return goesOn(calls, ClientHistory.empty)
  }
}

import Testing

@testable import EngramIndex

/// The buffer against a list that is sorted again after each insertion.
@Suite struct CandidateBufferTests {
  struct Model {
    struct Entry {
      let candidate: Candidate
      var isExpanded = false
    }

    let capacity: Int
    private(set) var entries: [Entry] = []

    init(capacity: Int) { self.capacity = capacity }

    var candidates: [Candidate] { entries.map(\.candidate) }

    mutating func insert(_ found: [Candidate]) {
      entries += found.map { Entry(candidate: $0) }
      entries.sort {
        ($0.candidate.distance, $0.candidate.row) < ($1.candidate.distance, $1.candidate.row)
      }
      entries = Array(entries.prefix(capacity))
    }

    mutating func nextToExpand(within window: Int) -> Candidate? {
      guard let index = entries.prefix(window).firstIndex(where: { !$0.isExpanded })
      else { return nil }
      entries[index].isExpanded = true
      return entries[index].candidate
    }

    func toExpand(atMost limit: Int, within window: Int) -> [UInt32] {
      entries.prefix(window).filter { !$0.isExpanded }.prefix(limit).map(\.candidate.row)
    }

    mutating func removeAll(where isUnwanted: (Candidate) -> Bool) {
      entries.removeAll { isUnwanted($0.candidate) }
    }

    /// What is wrong with a buffer that should hold the same.
    func fault(in buffer: CandidateBuffer, limit: Int, window: Int) -> String? {
      if buffer.count != entries.count { return "\(buffer.count) of \(entries.count)" }
      for (index, entry) in entries.enumerated() {
        let own = buffer[index]
        if own.unmarked != entry.candidate || own.isExpanded != entry.isExpanded {
          return "\(own) at \(index) for \(entry)"
        }
      }
      let bar = entries.count < capacity ? .farthest : entries.last?.candidate
      if buffer.bar.unmarked != bar?.unmarked { return "bar \(buffer.bar)" }
      var rows: [UInt32] = []
      buffer.forEachToExpand(atMost: limit, within: window) { rows.append($0) }
      if rows != toExpand(atMost: limit, within: window) { return "to expand: \(rows)" }
      return nil
    }
  }

  /// Distances that are often equal, of rows that come once.
  struct Source {
    private var rows: [UInt32]
    private let distances: Int

    init(_ random: inout Generator) {
      rows = (0..<20_000).map { $0 * 100_003 }.shuffled(using: &random)
      distances = [1, 10, 100_000][random.below(3)]
    }

    mutating func next(_ random: inout Generator) -> Candidate {
      let distance = Float(random.below(2 * distances) - distances) / 7
      return Candidate(distance: distance, row: rows.removeLast())
    }
  }

  @Test(arguments: [1, 2, 7, 8, 9, 16, 64, 200, 255, 256, 257, 600])
  func isASortedList(capacity: Int) {
    var random = Generator(110 + UInt64(capacity))
    for round in 0..<20 {
      let memory = UnsafeMutablePointer<Candidate>.allocate(
        capacity: CandidateBuffer.room(capacity: capacity))
      defer { memory.deallocate() }
      var buffer = CandidateBuffer(memory, capacity: capacity)
      var model = Model(capacity: capacity)
      var source = Source(&random)
      let window = random.below(2) == 0 ? capacity : random.below(capacity) + 1
      for step in 0..<60 {
        switch random.below(4) {
        case 0:
          let candidate = source.next(&random)
          buffer.insert(candidate)
          model.insert([candidate])
        case 1:
          let most = [0, 1, 8, 40, CandidateBuffer.mostAtOnce][random.below(5)]
          let found = (0..<min(most, random.below(most + 1) + most / 2)).map { _ in
            source.next(&random)
          }
          buffer.insert(found, count: found.count)
          model.insert(found)
        default:
          for _ in 0..<random.below(6) {
            let (own, wanted) = (
              buffer.nextToExpand(within: window), model.nextToExpand(within: window)
            )
            #expect(own?.unmarked == wanted, note("capacity \(capacity), round \(round)"))
          }
        }
        if let fault = model.fault(in: buffer, limit: random.below(6), window: window) {
          Issue.record(note("\(fault); capacity \(capacity), round \(round), step \(step)"))
          return
        }
      }
      // The end of a walk: some taken out, others put in.
      let share = UInt32(1 + random.below(4))
      buffer.removeAll { $0.row % share == 0 }
      model.removeAll { $0.row % share == 0 }
      #expect(Array(buffer.candidates) == model.candidates)
      for _ in 0..<random.below(50) {
        let candidate = source.next(&random)
        buffer.insert(candidate)
        model.insert([candidate])
      }
      #expect(Array(buffer.candidates) == model.candidates)
    }
  }

  @Test func candidatesKeepWhatTheyAreMadeOf() {
    var random = Generator(111)
    let rows: [UInt32] = [0, 1, 1 << 25, 1 << 31 - 1]
    for distance in [0, -0.0, 1, -1, .infinity, -.infinity] + random.normals(500) {
      for row in rows {
        let candidate = Candidate(distance: distance, row: row)
        #expect(candidate.distance == distance && candidate.row == row && !candidate.isExpanded)
        let marked = Candidate(bits: candidate.bits | 1)
        #expect(marked.distance == distance && marked.row == row && marked.isExpanded)
        #expect(marked.unmarked == candidate && candidate < .farthest)
      }
    }
  }
}

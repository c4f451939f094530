import EngramIndex

extension TextIndex {
  /// Makes segments of full tails, and larger segments of small ones, as far as it is time; those that
  /// have lost many texts are made anew. Takes about 50 ms where it makes a large one, and does not hold
  /// up writers meanwhile. After inserts and removals; searches are slower without it, but right.
  ///
  /// - Returns: whether there was anything to do.
  @discardableResult
  func sealIfDue() throws(IndexError) -> Bool {
    try builder.withLock { _ throws(IndexError) in
      var isDone = false
      while let slots = due() {
        try rewrite(slots)
        isDone = true
      }
      return isDone
    }
  }

  /// Whether `sealIfDue` would do anything.
  var isSealDue: Bool { due() != nil }

  /// The same, and makes a segment of the tail, full or not.
  func seal() throws(IndexError) {
    writer.withLock { $0.tail = nil }
    try sealIfDue()
  }

  /// Parts to be made into one segment.
  private func due() -> [Int]? {
    writer.withLock { writer in
      var tails: [Int] = []
      var segments: [(slot: Int, live: Int, words: Int)] = []
      for (slot, part) in writer.parts.enumerated() {
        switch part {
        case .tail(let tail): if tail !== writer.tail?.tail { tails.append(slot) }
        case .segment(let segment):
          let live = segment.live.load(ordering: .relaxed)
          if 4 * live < 3 * segment.count { return [slot] }
          segments.append((slot, live, segment.layout.words))
        case nil: break
        }
      }
      let full = fitting(
        tails.compactMap { slot in
          writer.parts[slot].map { (slot, $0.live, $0.wordCount) }
        })
      if !full.isEmpty { return full }
      segments.sort { $0.live < $1.live }
      // Two that are larger than half of the largest do not fit into one.
      segments.removeAll { 2 * $0.live > limits.segmentDocuments }
      for tier in Set(segments.map { tier($0.live) }).sorted() {
        let alike = segments.filter { self.tier($0.live) == tier }
        guard alike.count >= limits.fanOut else { continue }
        let chosen = fitting(Array(alike.prefix(limits.fanOut)))
        if chosen.count > 1 { return chosen }
      }
      return nil
    }
  }

  /// As many of the parts, from the first on, as one segment may hold; one at least.
  private func fitting(_ parts: [(slot: Int, live: Int, words: Int)]) -> [Int] {
    var chosen: [Int] = []
    var (live, words) = (0, 0)
    for part in parts {
      live += part.live
      words += part.words
      let fits = live <= limits.segmentDocuments && words <= limits.segmentWords
      if !fits, !chosen.isEmpty { break }
      chosen.append(part.slot)
    }
    return chosen
  }

  /// Segments of one tier differ in size by less than the fan-out.
  private func tier(_ live: Int) -> Int {
    var tier = 0
    var size = limits.tailDocuments
    while size * limits.fanOut <= live {
      size *= limits.fanOut
      tier += 1
    }
    return tier
  }

  /// Makes one segment of parts, none of which takes new texts, and puts it in their place.
  private func rewrite(_ slots: [Int]) throws(IndexError) {
    let (parts, terms) = writer.withLock { writer in
      (slots.compactMap { writer.parts[$0] }, writer.terms.capacity)
    }
    let texts = TextSegmentBuilder(
      parts.map { TextSegmentBuilder.Source($0.documents, count: $0.count) })
    let segment = texts.origins.isEmpty ? nil : try texts.build(terms: terms)
    try writer.withLock { writer throws(IndexError) in
      if let segment { try move(texts.origins, of: parts, to: segment, &writer) }
      for slot in slots { writer.parts[slot] = nil }
      state.write { [all = writer.parts] state in
        state.show(all)
        state.tails.removeAll { tail in
          parts.contains { if case .tail(let own) = $0 { own === tail } else { false } }
        }
        state.segments.removeAll { old in
          parts.contains { if case .segment(let own) = $0 { own === old } else { false } }
        }
        if let segment { state.segments.append(segment) }
        state.segments.sort { $0.count > $1.count }
      }
    }
  }

  /// Leads rows to their texts in a new segment, which searches know from then on, though they still
  /// look for texts in the old parts.
  private func move(
    _ origins: [TextSegmentBuilder.Origin], of parts: [Part], to segment: TextSegment,
    _ writer: inout Writer
  ) throws(IndexError) {
    guard let slot = place(.segment(segment), &writer) else { throw .full(rows: IndexLimits.rows) }
    state.write { [all = writer.parts] in $0.show(all) }
    let documents = parts.map(\.documents)
    for (document, origin) in origins.enumerated() {
      let row = documents[Int(origin.source)].row(Int(origin.document))
      if row == TextDocuments.noRow {
        // It has gone meanwhile.
        Part.segment(segment).bury(document)
      } else {
        let code = TextAddress(slot: slot, document: document).code
        addresses.base[Int(row)].store(code, ordering: .releasing)
      }
    }
  }
}

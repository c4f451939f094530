/// What an object answers if its calls come one after the other.
protocol SequentialObject {
  associatedtype Call
  associatedtype State: Hashable

  /// The states in which a call may leave the object if it answered as it did; none where, in this
  /// state, it cannot have. Several where the answer is not known.
  static func states(after call: Call, in state: State) -> [State]
}

/// Checks whether calls that overlapped might have come one after the other: each at one moment
/// between its begin and its end, answered as the object answers (Herlihy & Wing, 1990).
///
/// Follows every order that is still possible through the history, and lets a call take effect only
/// when some call, itself or a later one, is about to end (just-in-time linearization; Lowe, Testing
/// for linearizability, 2017). Memory does not grow with the history, time grows with the number of
/// calls that overlap.
struct LinearizabilityChecker<Object: SequentialObject> {
  private struct Configuration: Hashable {
    var state: Object.State
    /// Open calls that have taken effect, a bit for each place.
    var done: UInt64 = 0
  }

  private var configurations: Set<Configuration>
  /// Calls that have begun and not ended, at most 64.
  private var open: [Object.Call?] = []

  init(_ state: Object.State) { configurations = [Configuration(state: state)] }

  /// The states that the object may be in between two calls.
  var states: Set<Object.State> { Set(configurations.map(\.state)) }

  /// - Returns: the place by which `end` knows the call.
  mutating func begin(_ call: Object.Call) -> Int {
    if let place = open.firstIndex(where: { $0 == nil }) {
      open[place] = call
      return place
    }
    open.append(call)
    return open.count - 1
  }

  /// Whether an order is left in which the call, and all that had ended before, answered as it did.
  mutating func end(_ place: Int) -> Bool {
    let bit: UInt64 = 1 << place
    var left = Set<Configuration>()
    var seen = configurations
    var waiting = Array(configurations)
    while var configuration = waiting.popLast() {
      if configuration.done & bit != 0 {
        configuration.done &= ~bit
        left.insert(configuration)
        continue
      }
      for (other, call) in open.enumerated() where configuration.done & 1 << other == 0 {
        guard let call else { continue }
        for state in Object.states(after: call, in: configuration.state) {
          let next = Configuration(state: state, done: configuration.done | 1 << other)
          if seen.insert(next).inserted { waiting.append(next) }
        }
      }
    }
    configurations = left
    open[place] = nil
    return !left.isEmpty
  }

  /// Checks a whole history.
  ///
  /// - Parameter calls: with the moments of their begin and end; those that share one overlap.
  /// - Returns: the number of the first call up to whose end no order is possible; nil where there
  ///   is one for all.
  mutating func check(_ calls: [(begin: UInt64, end: UInt64, call: Object.Call)]) -> Int? {
    let begins = calls.indices.sorted { calls[$0].begin < calls[$1].begin }
    let ends = calls.indices.sorted { calls[$0].end < calls[$1].end }
    var places = [Int](repeating: 0, count: calls.count)
    var begun = 0
    for number in ends {
      while begun < begins.count, calls[begins[begun]].begin <= calls[number].end {
        places[begins[begun]] = begin(calls[begins[begun]].call)
        begun += 1
      }
      guard end(places[number]) else { return number }
    }
    return nil
  }
}

/// Who says what when, for one epoch of 100,000 memories: the dialogues of all users, their
/// utterances merged by time. Whole epochs are planned, so the first rows never depend on how many
/// are asked for.
struct DialoguePlan: Sendable {
  struct Dialogue: Sendable {
    var user: Int
    var topic: Int
    var turns: Int
    /// Microseconds since 1970.
    var start: Int64
    var hash: UInt64
  }

  struct Utterance: Sendable {
    var time: Int64
    var dialogue: Int32
    var turn: Int32
  }

  static let rowsPerEpoch = UserSizes.total
  /// 180 days.
  static let microsecondsPerEpoch: Int64 = 180 * 86_400 * 1_000_000
  /// 2025-01-01.
  static let firstMoment: Int64 = 1_735_689_600_000_000

  let epoch: Int
  let dialogues: [Dialogue]
  let utterances: [Utterance]

  init(epoch: Int) {
    self.epoch = epoch
    var random = SplitMix(seed: 0x706C_616E &+ UInt64(epoch))
    let dialogues = Self.makeDialogues(epoch: epoch, random: &random)
    self.dialogues = dialogues
    utterances = Self.mergedByTime(dialogues)
  }

  private static func makeDialogues(epoch: Int, random: inout SplitMix) -> [Dialogue] {
    let epochStart = firstMoment + Int64(epoch) * microsecondsPerEpoch
    // The last hour stays free, so that every dialogue ends within its epoch.
    let startSpan = microsecondsPerEpoch - 3_600_000_000
    var dialogues: [Dialogue] = []
    for (user, size) in UserSizes.make().enumerated() {
      var left = size
      while left > 0 {
        let u = random.unit()
        let v = random.unit()
        let long = v * v * v * v * v
        let turns = min(left, 3 + Int(9 * u + 20 * long))
        left -= turns
        dialogues.append(
          Dialogue(
            user: user, topic: Topic.pick(random.below(Topic.totalWeight)), turns: turns,
            start: epochStart + Int64(random.unit() * Double(startSpan)), hash: random.next()))
      }
    }
    return dialogues
  }

  private static func mergedByTime(_ dialogues: [Dialogue]) -> [Utterance] {
    var utterances: [Utterance] = []
    utterances.reserveCapacity(rowsPerEpoch)
    for (number, dialogue) in dialogues.enumerated() {
      var time = dialogue.start
      for turn in 0..<dialogue.turns {
        utterances.append(Utterance(time: time, dialogue: Int32(number), turn: Int32(turn)))
        time += 5_000_000 + Int64(Hash.mix(dialogue.hash, UInt64(turn)) % 55_000_000)
      }
    }
    utterances.sort { left, right in
      (left.time, left.dialogue, left.turn) < (right.time, right.dialogue, right.turn)
    }
    var last = Int64.min
    for i in utterances.indices {
      utterances[i].time = max(utterances[i].time, last + 1)
      last = utterances[i].time
    }
    return utterances
  }
}

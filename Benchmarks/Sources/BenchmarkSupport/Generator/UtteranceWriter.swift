import Foundation

/// Makes one memory or query: its vector and all its fields.
struct UtteranceWriter: Sendable {
  private let vectors = VectorGenerator(dimension: GeneratedDataset.dimension)

  func write(
    _ utterance: DialoguePlan.Utterance, of plan: DialoguePlan, hash: UInt64,
    to vector: UnsafeMutablePointer<Float>
  ) -> DialogRecord {
    let dialogue = plan.dialogues[Int(utterance.dialogue)]
    let topic = Topic.all[dialogue.topic]
    let path = TopicTree.path(topic: dialogue.topic, dialogue: dialogue.hash, utterance: hash)
    vectors.write(path: path, utterance: hash, to: vector)
    let isUser = utterance.turn % 2 == 0
    return DialogRecord(
      id: Self.uuid(hash),
      text: Sentence.make(topic: topic, path: path, hash: hash, isUser: isUser),
      userID: "user_" + padded(Self.userNumber(rank: dialogue.user), to: 4),
      agentID: "assistant-\(topic.name)",
      runID: "dialogue-\(plan.epoch)-" + padded(Int(utterance.dialogue), to: 5),
      role: isUser ? "user" : "assistant",
      createdAt: utterance.time,
      metadata: "{\"category\":\"\(topic.name)\",\"source\":\"generated\","
        + "\"turn\":\(utterance.turn),\"turns\":\(dialogue.turns)}")
  }

  /// Spreads the ranks over the numbers (387 has no factor in common with 1,000): a user's number
  /// must not tell how many memories the user has.
  private static func userNumber(rank: Int) -> Int { (rank * 387 + 239) % 1_000 }

  /// Version 8: all bits but the marks are the maker's own.
  private static func uuid(_ hash: UInt64) -> UUID {
    var bytes: [UInt8] = []
    for half in [Hash.mix(hash, 1), Hash.mix(hash, 2)] {
      for shift in stride(from: 56, through: 0, by: -8) {
        bytes.append(UInt8(truncatingIfNeeded: half >> UInt64(shift)))
      }
    }
    bytes[6] = bytes[6] & 0x0F | 0x80
    bytes[8] = bytes[8] & 0x3F | 0x80
    return bytes.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
  }
}

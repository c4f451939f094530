/// How utterances hang together: topic, subtopic, and on down to the single wording. Each level is
/// a random choice of a child and adds that child's vector, so that neighbours at every distance
/// share as much as they do among real embeddings. The numbers were fitted to dialog-100k
/// (datasets/README.md has both sides).
struct TopicTree: Sendable {
  struct Level: Sendable {
    /// Children of a node.
    let children: Double
    /// 0 chooses children evenly, 1 prefers the first ones strongly (the square of a uniform).
    let skew: Double
    /// Variance that the level adds.
    let variance: Double
    /// Power of the spectrum, in eighths.
    let eighths: Int
    /// The utterances of a dialogue mostly share the choice.
    let followsDialogue: Bool
  }

  static let levels: [Level] = [
    Level(children: 0, skew: 0, variance: 0.165, eighths: 4, followsDialogue: true),
    Level(children: 4, skew: 0.5, variance: 0.145, eighths: 5, followsDialogue: true),
    Level(children: 4, skew: 0.5, variance: 0.145, eighths: 6, followsDialogue: true),
    Level(children: 4, skew: 0.5, variance: 0.125, eighths: 6, followsDialogue: true),
    Level(children: 4, skew: 0.5, variance: 0.115, eighths: 7, followsDialogue: true),
    Level(children: 4, skew: 0.8, variance: 0.08, eighths: 7, followsDialogue: false),
    Level(children: 4, skew: 0.8, variance: 0.065, eighths: 7, followsDialogue: false),
    Level(children: 4, skew: 0.8, variance: 0.06, eighths: 7, followsDialogue: false),
    Level(children: 4, skew: 0.8, variance: 0.06, eighths: 7, followsDialogue: false),
  ]
  /// What only one utterance has.
  static let ownVariance = 0.235
  /// What all have in common.
  static let commonVariance = 0.085
  /// From this level on, plain utterances have less of their own and odd ones more.
  static let firstScaledLevel = 5
  static let scale = (least: 0.3, most: 1.8, bend: 0.3)
  /// Of 100 choices, so many follow the dialogue's.
  static let followShare = 0.6

  /// The nodes that one utterance passes, from the topic down.
  static func path(topic: Int, dialogue: UInt64, utterance: UInt64) -> [UInt64] {
    var node = Hash.mix(0x7069_6374, UInt64(topic))
    var nodes = [node]
    for (number, level) in levels.enumerated().dropFirst() {
      let salt = UInt64(number)
      var choice = Hash.unit(Hash.mix(utterance, salt))
      if level.followsDialogue, Hash.unit(Hash.mix(utterance, salt + 64)) < followShare {
        choice = Hash.unit(Hash.mix(dialogue, salt))
      }
      let skewed = choice * (1 - level.skew + level.skew * choice)
      node = Hash.mix(node, UInt64(level.children * skewed) + salt * 256)
      nodes.append(node)
    }
    return nodes
  }

  /// How much of the fine levels an utterance has.
  static func ownScale(utterance: UInt64) -> Double {
    let choice = Hash.unit(Hash.mix(utterance, 128))
    let bent = choice * (1 - scale.bend + scale.bend * choice)
    return scale.least + (scale.most - scale.least) * bent
  }
}

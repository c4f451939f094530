/// What recall the walks of one index have, and what they cost, by the width of the candidate list.
/// Made by `HNSWIndex.calibrate`.
public struct Calibration: Sendable, Hashable, Codable {
  /// A width, and what came of it.
  public struct Setting: Sendable, Hashable, Codable {
    /// Of the candidate list, for 10 results.
    public var width: Int
    /// Recall@10, the mean over the sample.
    public var recall: Double
    /// Rows scored, the mean over the sample.
    public var distances: Double

    public init(width: Int, recall: Double, distances: Double) {
      self.width = width
      self.recall = recall
      self.distances = distances
    }
  }

  /// Live rows when it was calibrated.
  public var rows: Int
  /// Ascending in width.
  public var settings: [Setting]

  public init(rows: Int, settings: [Setting]) {
    self.rows = rows
    self.settings = settings
  }

  func width(recall: Double) -> Int? { setting(recall: recall)?.width }

  /// The least width that has a recall, or the greatest there is. A tenth of what may be missing is held
  /// back, for a sample is only a sample.
  ///
  /// Between two widths that were measured recall is taken to rise evenly. It rises ever more slowly, so
  /// that it is a little better than that.
  package func setting(recall: Double) -> Setting? {
    let wanted = recall + (1 - recall) / 10
    guard let enough = settings.firstIndex(where: { $0.recall >= wanted }) else { return settings.last }
    guard enough > 0 else { return settings[0] }
    let (below, above) = (settings[enough - 1], settings[enough])
    let part = (wanted - below.recall) / (above.recall - below.recall)
    return Setting(
      width: below.width + Int((part * Double(above.width - below.width)).rounded(.up)), recall: wanted,
      distances: below.distances + part * (above.distances - below.distances))
  }

  /// Whether so many rows have come, or so few are left, that it may no longer hold.
  func isStale(live: Int, arrived: Int) -> Bool { arrived > rows / 2 || live < rows / 2 }
}

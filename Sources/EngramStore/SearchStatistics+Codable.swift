import EngramIndex

/// As a part of a `SearchExplanation`.
extension SearchStatistics: Codable {
  private enum CodingKeys: CodingKey {
    case distances, hops, reranked, bytes, plan
  }

  public init(from decoder: any Decoder) throws {
    self.init()
    let values = try decoder.container(keyedBy: CodingKeys.self)
    distances = try values.decode(Int.self, forKey: .distances)
    hops = try values.decode(Int.self, forKey: .hops)
    reranked = try values.decode(Int.self, forKey: .reranked)
    bytes = try values.decode(Int.self, forKey: .bytes)
    plan = try values.decodeIfPresent(SearchPlan.self, forKey: .plan)
  }

  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(distances, forKey: .distances)
    try values.encode(hops, forKey: .hops)
    try values.encode(reranked, forKey: .reranked)
    try values.encode(bytes, forKey: .bytes)
    try values.encodeIfPresent(plan, forKey: .plan)
  }
}

/// How many of 100,000 memories each of 1,000 users has, the largest first: Zipf like, 5,642 for
/// the first and 55 in the middle, as in dialog-100k.
enum UserSizes {
  static let total = 100_000
  private static let points: [(rank: Int, size: Int)] = [
    (0, 5_642), (1, 2_867), (2, 2_026), (3, 1_968), (4, 1_560), (5, 1_328), (6, 1_253),
    (7, 1_049), (8, 954), (9, 852), (20, 508), (50, 281), (100, 168), (200, 106), (300, 83),
    (500, 55), (700, 37), (900, 17), (999, 1),
  ]

  static func make() -> [Int] {
    var sizes: [Int] = []
    for (left, right) in zip(points, points.dropFirst()) {
      for rank in left.rank..<right.rank {
        let drop = (left.size - right.size) * (rank - left.rank) / (right.rank - left.rank)
        sizes.append(left.size - drop)
      }
    }
    sizes.append(points[points.count - 1].size)
    // Straight lines between the points miss the total by a little: the users of rank 10 to 299
    // make it up in turn, so that the largest and the middle stay as they are.
    var rest = total - sizes.reduce(0, +)
    var rank = 10
    while rest != 0 {
      let step = rest > 0 ? 1 : -1
      sizes[rank] += step
      rest -= step
      rank = rank == 299 ? 10 : rank + 1
    }
    // Making up may leave rank 299 below rank 300.
    return sizes.sorted(by: >)
  }
}

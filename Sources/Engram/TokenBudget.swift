/// How much of what was found a prompt has room for.
struct TokenBudget {
  let tokens: Int

  /// The memories, best first, each that fits into what those before it have left. A long one that does
  /// not is passed over, and shorter ones behind it may still come.
  func fitting(_ found: [FoundMemory]) -> [FoundMemory] {
    var left = tokens
    return found.filter { found in
      let size = TokenEstimate.tokens(in: found.memory.text)
      guard size <= left else { return false }
      left -= size
      return true
    }
  }
}

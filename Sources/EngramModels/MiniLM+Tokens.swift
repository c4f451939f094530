extension MiniLM {
  /// How many tokens a text has for this model, however long it is; those at the two ends do not count.
  public func tokenCount(of text: String) -> Int { tokenizer.tokens(of: text, limit: .max).count - 2 }
}

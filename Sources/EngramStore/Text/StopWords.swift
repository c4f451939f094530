/// English words that stand in most texts and tell nothing of what a question asks for.
enum StopWords {
  private static let words = """
    a an the and or but if of to in on at by for with from as is are was were be been being am do does \
    did done have has had having will would shall should can could may might must i me my mine myself \
    we us our ours you your yours he him his she her hers it its they them their theirs this that these \
    those there here what which who whom whose when where why how not no nor so than too very just about \
    into s t d ll m re ve don didn doesn isn wasn
    """

  /// Their terms.
  static let terms: Set<[UInt8]> = {
    var terms = Set<[UInt8]>()
    TextTokenizer().forEachTerm(of: words) { terms.insert(Array($0)) }
    return terms
  }()
}

/// The verbs that the rules know, and their forms.
enum RuleVerbs {
  enum Form: Sendable { case base, third, past, participle, ing }

  struct Verb: Sendable {
    var lemma: String
    /// One spelling may be several forms: "moved" is past and participle.
    var forms: Set<Form>
  }

  private static let regular = """
    live move work use switch migrate like love prefer enjoy hate dislike detest adore reside settle
    relocate join start stop study learn play smoke own adopt turn call rename change collect
    return weigh measure practise practice volunteer follow support cycle commute walk cook
    bake travel celebrate retire want plan hope divorce marry graduate enrol enroll attend
    believe need try ask agree appreciate wonder guess suppose wish visit climb dance paint
    knit garden train listen watch manage raise serve suffer share code program date identify sign
    convert consider finish land accept update replace lean struggle specialise specialize major
    wait exercise hike jog vote worship pray help look click check imagine doubt expect
    fix debug upload copy notice realise realize disagree confirm remember test apologise apologize
    inherit survive increase decrease save emigrate immigrate enlist publish invest earn lack
    snore tolerate crash fail
    rent reach diagnose pass happen decide prepare
    """

  /// base, third, past, participle, ing
  private static let irregular = """
    be is was been being, have has had had having, do does did done doing, go goes went gone going,
    get gets got got getting, buy buys bought bought buying, sell sells sold sold selling,
    leave leaves left left leaving, quit quits quit quit quitting, eat eats ate eaten eating,
    drink drinks drank drunk drinking, drive drives drove driven driving,
    speak speaks spoke spoken speaking, teach teaches taught taught teaching,
    become becomes became become becoming, begin begins began begun beginning,
    grow grows grew grown growing, come comes came come coming, take takes took taken taking,
    give gives gave given giving, make makes made made making, run runs ran run running,
    write writes wrote written writing, sleep sleeps slept slept sleeping,
    wake wakes woke woken waking, wear wears wore worn wearing, keep keeps kept kept keeping,
    find finds found found finding, know knows knew known knowing, think thinks thought thought
    thinking, mean means meant meant meaning, say says said said saying, tell tells told told
    telling, see sees saw seen seeing, feel feels felt felt feeling, stand stands stood stood
    standing, break breaks broke broken breaking, win wins won won winning, lose loses lost lost
    losing, build builds built built building, read reads read read reading, swim swims swam swum
    swimming, ride rides rode ridden riding, sing sings sang sung singing, hear hears heard heard
    hearing, bear bears bore born bearing, understand understands understood understood
    understanding, forget forgets forgot forgotten forgetting, hurt hurts hurt hurt hurting,
    cut cuts cut cut cutting, spend spends spent spent spending, meet meets met met meeting,
    let lets let let letting, plan plans planned planned planning, jog jogs jogged jogged jogging,
    program programs programmed programmed programming, date dates dated dated dating,
    send sends sent sent sending, pay pays paid paid paying, put puts put put putting,
    fall falls fell fallen falling, swear swears swore sworn swearing, name _ named named _,
    knit knits knitted knitted knitting, bet bets bet bet betting,
    stop stops stopped stopped stopping, drop drops dropped dropped dropping, rise rises rose risen rising,
    sit sits sat sat sitting, die dies died died dying, lie lies lay lain lying
    """

  private static let table: [String: Verb] = {
    var table: [String: Verb] = [:]
    func add(_ word: String, _ lemma: String, _ form: Form) {
      guard word != "_" else { return }
      table[word, default: Verb(lemma: lemma, forms: [])].forms.insert(form)
    }
    for row in irregular.split(separator: ",") {
      let forms = row.split(whereSeparator: \.isWhitespace).map(String.init)
      for (word, form) in zip(forms, [Form.base, .third, .past, .participle, .ing]) {
        add(word, forms[0], form)
      }
    }
    for (word, form) in [("am", Form.base), ("are", .base), ("'s", .third), ("were", .past)] {
      add(word, "be", form)
    }
    for verb in regular.split(whereSeparator: \.isWhitespace).map(String.init)
    where table[verb] == nil {
      let stem = verb.hasSuffix("e") ? String(verb.dropLast()) : verb
      let isConsonantY = verb.hasSuffix("y") && !"aeo".contains(verb.dropLast().last ?? "a")
      let past = isConsonantY ? verb.dropLast() + "ied" : stem + "ed"
      let hisses = ["s", "x", "ch", "sh", "z"].contains { verb.hasSuffix($0) }
      add(verb, verb, .base)
      add(isConsonantY ? verb.dropLast() + "ies" : verb + (hisses ? "es" : "s"), verb, .third)
      add(past, verb, .past)
      add(past, verb, .participle)
      add(stem + "ing", verb, .ing)
    }
    return table
  }()

  static func known(_ word: String) -> Verb? { table[word] }

  /// A verb that stands after a subject, by its ending where it is not known.
  static func verb(_ word: String) -> Verb {
    if let known = table[word] { return known }
    if word.hasSuffix("ing"), word.utf8.count > 4 {
      return Verb(lemma: String(word.dropLast(3)), forms: [.ing])
    }
    if word.hasSuffix("ed"), !word.hasSuffix("eed") {
      return Verb(lemma: String(word.dropLast(2)), forms: [.past, .participle])
    }
    return Verb(lemma: word, forms: [.base])
  }
}

/// The words of English that the rules know, by what they do in a sentence.
enum RuleLexicon {
  private static func words(_ list: String) -> Set<String> {
    Set(list.split(whereSeparator: \.isWhitespace).map(String.init))
  }

  private static func phrases(_ list: String) -> [String: [[String]]] {
    let phrases = list.split(separator: ",").map { $0.split(whereSeparator: \.isWhitespace) }
    return Dictionary(grouping: phrases.map { $0.map(String.init) }, by: \.[0])
      .mapValues { $0.sorted { $0.count > $1.count } }
  }

  // MARK: Words and sentences

  static let abbreviations = words("mr mrs ms dr st prof vs etc jr sr no approx inc ltd")

  private static let contractions: [String: (String, String, tail: Int)] = [
    "im": ("i", "am", 1), "ive": ("i", "have", 2), "dont": ("do", "not", 2),
    "doesnt": ("does", "not", 2), "didnt": ("did", "not", 2), "isnt": ("is", "not", 2),
    "arent": ("are", "not", 2), "wasnt": ("was", "not", 2), "havent": ("have", "not", 2),
    "hasnt": ("has", "not", 2), "cant": ("can", "not", 1), "can't": ("can", "not", 2),
    "cannot": ("can", "not", 3), "won't": ("will", "not", 3), "wont": ("will", "not", 2),
    "gonna": ("going", "to", 2), "wanna": ("want", "to", 2), "gotta": ("got", "to", 2),
  ]

  private static let endings: [(ending: String, word: String)] = [
    ("n't", "not"), ("'m", "am"), ("'re", "are"), ("'ve", "have"), ("'ll", "will"),
    ("'d", "would"), ("'s", "'s"),
  ]

  /// The one or two words that a written word stands for, and how many of its letters belong to
  /// the second. "'s" stays as it is: what stands around it tells "is" from a possessive.
  static func expanded(_ word: String) -> (first: String, second: String?, tail: Int) {
    if let (first, second, tail) = contractions[word] { return (first, second, tail) }
    guard word.utf8.contains(UInt8(ascii: "'")) else { return (word, nil, 0) }
    for (ending, second) in endings where word.hasSuffix(ending) && word != ending {
      return (String(word.dropLast(ending.count)), second, ending.count)
    }
    return (word, nil, 0)
  }

  // MARK: What stands in front of a statement

  /// Said in front of a statement without changing it.
  static let fillers = phrases(
    """
    actually, well, so, oh, hey, hi, hello, hi there, yes, yeah, yep, ok, okay, and, but, also, then,
    btw, by the way, fyi, anyway, plus, because, since, although, though, while, whereas, yet, or,
    honestly, to be honest, tbh, in fact, as i said, as i told you, as i mentioned, as mentioned,
    just so you know, so you know, for the record, for your information, for context,
    please remember that, please remember, remember that, remember, note that, please note that,
    please note, keep in mind that, keep in mind, don't forget that, do not forget that, please,
    you should know that, you should know, i should mention that, i should mention, i told you,
    i said, i said that, let me tell you that, one more thing, it turns out that, it turns out,
    unfortunately, luckily, sadly, fortunately, finally, good news, great news, update, thanks,
    thank you, dear, fact, the thing is, the truth is, i must admit, i admit that, i admit,
    you can, you may, people, everyone, everybody, friends, my friends, just, good morning
    """)

  /// Says that what was understood is wrong; what follows is right.
  static let corrections = phrases(
    """
    no, nope, sorry, wait, correction, oops, typo, actually, scratch that, i meant, i mean,
    that's wrong, that is wrong, that's not right, that is not right, that's incorrect,
    that is incorrect, that's not correct, you got that wrong, you got it wrong, wrong, not quite,
    my mistake, my bad, make that, make it, i misspoke, rather
    """.replacing("that's", with: "that 's"))

  /// Takes back the statement that follows.
  static let withdrawals = phrases(
    """
    forget that, please forget that, forget, it's not true that, it is not true that,
    it's no longer true that, it is no longer true that, it isn't true that
    """.replacing("it's", with: "it 's").replacing("isn't", with: "is not"))

  /// Makes the sentence a supposition or a guess.
  static let suppositions = phrases(
    """
    if, unless, whether, suppose, supposing, imagine, pretend, assume, assuming, what if, let's say,
    say, act as if, as if, maybe, perhaps, possibly, probably, apparently, presumably, when,
    whenever, once, until, hypothetically, in theory, even if, in case, lest
    """.replacing("let's", with: "let 's"))

  /// A phrase with one of these before the subject places the sentence in a made-up world.
  static let fictions = words(
    """
    story stories game novel dream movie film example scenario fiction play roleplay universe poem
    song theory
    """)

  static let questionWords = words("what where which who whom whose how why when")
  static let auxiliaries = words(
    """
    do does did am is are was were have has had can could will would shall should may might must
    """)
  static let subjects = words("i we he she they it you my our his her their")
  static let conjunctions = words(
    "and but so because although though while whereas yet plus then or")

  // MARK: The predicate

  static let adverbs = words(
    """
    also just now currently still always recently actually only even mostly often usually
    sometimes rarely nowadays already finally totally quite very too so ever again then pretty both
    all kind sort of much once
    """)
  /// Words in -ly that are no adverbs.
  static let notAdverbs = words("family italy july early supply reply rely apply fly daily only")
  static let hedges = words(
    "almost nearly barely hardly probably possibly maybe perhaps supposedly")
  static let modals = words("will would could may might shall should")
  /// Verbs of thinking, wishing and supposing: what follows is not said to be so.
  static let doubtVerbs = words(
    "think guess suppose wonder doubt hope wish believe consider imagine bet hear feel assume")
  /// Verbs of the conversation itself and of what is done this minute.
  static let passingVerbs = words(
    """
    need try see ask understand agree appreciate apologize apologise forget mean want know look
    click check let say tell thank come go get wait expect call send test fix debug upload paste
    copy attach follow notice realize realise disagree accept confirm remember find
    """)
  /// Verbs whose past is a date in a life rather than of a day.
  static let lifeVerbs = words(
    """
    graduate study grow serve marry divorce retire win publish found lose break inherit survive
    build write live work bear raise adopt emigrate immigrate enlist join quit stop diagnose
    """)

  // MARK: What passes

  static let passingTimes = words(
    """
    today tonight tomorrow yesterday later soon moment minute minutes hour hours morning afternoon
    evening weekend
    """)
  static let lastingTimes = words(
    """
    every since always never daily weekly each usually often annually regularly twice mondays
    tuesdays wednesdays thursdays fridays saturdays sundays weekends mornings evenings
    """)
  /// What people have for a while.
  static let passingThings = words(
    """
    question questions meeting meetings appointment problem problems issue issues idea error bug
    doubt doubts request headache cold time minute second feeling look plan plans day lunch dinner
    breakfast fun call deadline exam interview moment break favor favour suggestion thought
    thoughts concern point reason clue guess chance hangover flight night weekend morning trouble
    """)
  /// What people work on with a machine, which breaks and is mended.
  static let taskThings = words(
    """
    code script function program app build test tests query error bug file loop array exception
    internet wifi connection order package flight battery screen server deployment pipeline
    commit branch output input log logs prompt answer page link request website download
    """)
  static let passingStates = words(
    """
    broken slow late tired busy hungry down dead ready fine delayed missing wrong stuck bad weird
    happy sad angry killing hurting cold wet lost full empty here there done gone okay ok back
    sick good great working not so
    """)
  /// Points at the conversation: without it the sentence says nothing.
  static let pointers = words("you your yours this these those it that them")

  static let chatter = words(
    """
    ok okay k kk thanks thank you thx ty lol haha hahaha hehe hi hello hey there good morning night
    evening afternoon bye goodbye see later yes yeah yep no nope sure great cool nice perfect
    awesome wow oh ah hmm hm uh um please sorry welcome cheers right exactly indeed alright fine
    got it that this is all so very much really well done sounds to me makes sense love too same
    here brilliant excellent amazing interesting true agreed noted understood
    """)

  // MARK: People, things and their qualities

  /// Whom people speak of as theirs, by the word that all names of the relation share.
  static let relations: [String: String] = {
    var relations: [String: String] = [:]
    for word in words(
      """
      sister brother mother father wife husband partner girlfriend boyfriend son daughter child kids
      children parents friend boss manager colleague coworker cousin aunt uncle niece nephew
      grandmother grandfather grandparents dog cat pet roommate flatmate neighbour fiance fiancee
      ex teacher doctor dentist therapist twin company team puppy kitten horse rabbit parrot
      hamster family stepmother stepfather stepson stepdaughter grandson granddaughter sons
      daughters sisters brothers friends dogs cats neighbours landlord mentor spouse
      """)
    { relations[word] = word }
    for (alias, word) in [
      ("mom", "mother"), ("mum", "mother"), ("mommy", "mother"), ("mama", "mother"),
      ("dad", "father"), ("daddy", "father"), ("papa", "father"), ("hubby", "husband"),
      ("kid", "child"), ("grandma", "grandmother"), ("granny", "grandmother"),
      ("grandpa", "grandfather"), ("neighbor", "neighbour"), ("neighbors", "neighbours"),
      ("bro", "brother"), ("sis", "sister"), ("co-worker", "coworker"),
    ] { relations[alias] = word }
    return relations
  }()

  static let maleRelations = words(
    """
    brother father husband boyfriend son uncle nephew grandfather fiance stepfather stepson grandson
    """)
  static let femaleRelations = words(
    """
    sister mother wife girlfriend daughter aunt niece grandmother fiancee stepmother stepdaughter
    granddaughter
    """)

  /// Said of the one who has the relation now, not of a second one.
  static let currentWords = words("new current present")

  static let numbers: [String: Int] = Dictionary(
    uniqueKeysWithValues: zip(
      """
      zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
      sixteen seventeen eighteen nineteen twenty
      """.split(whereSeparator: \.isWhitespace).map(String.init), 0...))

  static let months: [String: String] = {
    var months: [String: String] = [:]
    for month in words(
      """
      january february march april may june july august september october november december
      """)
    {
      months[month] = month
      months[String(month.prefix(3))] = month
    }
    months["sept"] = "september"
    return months
  }()

  static let determiners = words("a an the my our your his her their some any no")
  /// Where a value ends, whatever it is.
  static let valueStops = words(
    """
    because since when if while although though whereas unless until who which whose but so after
    before during than now again anymore nowadays today yesterday tomorrow tonight recently
    currently last next these ago
    """)
  static let pairs: Set<[String]> = [
    ["mac", "cheese"], ["fish", "chips"], ["gin", "tonic"], ["rock", "roll"], ["salt", "pepper"],
    ["salt", "vinegar"], ["bed", "breakfast"], ["r", "b"], ["bread", "butter"], ["ham", "eggs"],
    ["ham", "cheese"], ["peanut butter", "jelly"], ["dungeons", "dragons"], ["drum", "bass"],
  ]

  static let occupations = words(
    """
    nurse chef pilot vet surgeon coach architect lawyer judge analyst clerk student intern ceo cto
    cfo journalist barista midwife guard cook priest pharmacist mechanic electrician freelancer
    entrepreneur founder model soldier scientist consultant accountant assistant engineer dev
    professor director sales rep housewife tailor smith postman monk nun
    """)
  static let occupationEndings = [
    "er", "or", "ist", "ian", "eer", "man", "woman", "tant", "grapher",
  ]
  static let notOccupations = words(
    """
    mother father sister brother daughter member lover beginner believer person fan owl number
    sufferer vegetarian owner supporter reader speaker runner hiker swimmer drinker smoker sleeper
    eater gamer cancer monster hater thinker learner virgo newcomer foreigner teenager pescatarian
    man woman stranger survivor early learner collector human minor diabetic
    """)

  static let possessions = words(
    """
    dog cat puppy kitten pet car house apartment flat bike bicycle motorbike motorcycle boat piano
    guitar horse rabbit parrot hamster degree tattoo van truck camper farm cottage garden drone
    visa citizenship passport daughter son baby twins
    """)
  static let conditions = words(
    """
    diabetes asthma adhd autism epilepsy celiac arthritis migraine migraines syndrome disease
    disorder anxiety depression hypertension allergy allergies intolerance dyslexia cancer insomnia
    psoriasis eczema tinnitus scoliosis anemia anaemia
    """)
  static let titles = words("phd master masters bachelor bachelors degree diploma mba license")

  // MARK: Other languages

  static let english = words(
    """
    the i you my is are with and of to this that it for have what your not be we they does will can
    at please thanks from by but just how there if or was am an all more
    """)
  static let foreign = words(
    """
    ich und der das ist nicht mein meine wir auf mit fur von je le les mon ma mes est et une un des
    pas nous el los las mi yo es soy una y que con para il che io sono mio mia non di het een ik en
    van mijn jag och ar inte eu meu minha nao com em jestem i na nie mam moj olen ve bir ben
    """)

  static func isAdverb(_ word: String) -> Bool {
    adverbs.contains(word)
      || word.hasSuffix("ly") && word.utf8.count > 4 && !notAdverbs.contains(word)
  }
}

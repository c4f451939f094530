/// What facts can be about, and what a new one does to others.
struct RuleAttribute: Sendable {
  var name: String
  var isSingleValued: Bool
  var importance: Double
  /// The attribute of the same verb with "not" in front; without one, "not" takes a fact back.
  var negative: String?
  /// A fact of this attribute ends those of these attributes that have the same value.
  var endsSame: [String]
  /// And those of these attributes whatever their value.
  var endsAll: [String]

  private static func one(
    _ name: String, _ importance: Double, endsSame: [String] = [], endsAll: [String] = []
  ) -> RuleAttribute {
    RuleAttribute(
      name: name, isSingleValued: true, importance: importance, negative: nil, endsSame: endsSame,
      endsAll: endsAll)
  }

  private static func many(
    _ name: String, _ importance: Double, negative: String? = nil, endsSame: [String] = []
  ) -> RuleAttribute {
    RuleAttribute(
      name: name, isSingleValued: false, importance: importance, negative: negative,
      endsSame: endsSame, endsAll: [])
  }

  private static let table: [String: RuleAttribute] = {
    let all = [
      one("name", 0.9), one("preferred name", 0.9), one("age", 0.6), one("birthday", 0.8),
      one("birth year", 0.6), one("birthplace", 0.6), one("childhood home", 0.5),
      one("home city", 0.9, endsSame: ["former place"]), one("workplace", 0.5),
      one("employer", 0.8, endsSame: ["former place"], endsAll: ["employment"]),
      one("occupation", 0.8), one("employment", 0.7, endsAll: ["employer"]),
      one("field of work", 0.5), one("field of study", 0.6), one("school", 0.6),
      one("origin", 0.7), one("nationality", 0.7), one("religion", 0.6),
      one("marital status", 0.7), one("diet", 0.9), one("weight", 0.5), one("height", 0.5),
      one("handedness", 0.5), one("drives", 0.5),
      many("allergy", 1), many("condition", 0.9),
      many("likes", 0.6, negative: "dislikes", endsSame: ["dislikes"]),
      many("dislikes", 0.6, endsSame: ["likes"]),
      many("tolerates", 0.3, negative: "dislikes", endsSame: ["dislikes"]),
      many("prefers", 0.6),
      many("eats", 0.6, negative: "does not eat", endsSame: ["does not eat", "gave up"]),
      many("does not eat", 0.8, endsSame: ["eats"]),
      many("drinks", 0.5, negative: "does not drink", endsSame: ["does not drink", "gave up"]),
      many("does not drink", 0.7, endsSame: ["drinks"]),
      many("smokes", 0.6, negative: "does not smoke", endsSame: ["does not smoke", "gave up"]),
      many("does not smoke", 0.6, endsSame: ["smokes"]),
      many("uses", 0.5, negative: "does not use", endsSame: ["does not use"]),
      many("does not use", 0.5, endsSame: ["uses"]),
      many("plays", 0.5, negative: "does not play", endsSame: ["does not play", "gave up"]),
      many("does not play", 0.4, endsSame: ["plays"]),
      many("speaks", 0.6, negative: "does not speak", endsSame: ["does not speak", "learns"]),
      many("does not speak", 0.5, endsSame: ["speaks"]),
      many("has", 0.6, negative: "does not have", endsSame: ["does not have", "sold"]),
      many("does not have", 0.5, endsSame: ["has"]),
      many("sold", 0.4, endsSame: ["has", "drives"]),
      many("gave up", 0.6, endsSame: ["eats", "drinks", "smokes", "plays", "likes", "learns"]),
      many("former place", 0.4, endsSame: ["employer", "home city", "school"]),
      many("learns", 0.5), many("fears", 0.6), many("skill", 0.5), many("weakness", 0.4),
      many("goal", 0.6), many("identity", 0.5), many("supports", 0.5), many("interest", 0.6),
    ]
    return Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })
  }()

  /// An attribute that is not in the table is a noun of the speaker's own ("shoe size", "dentist"),
  /// and has one value.
  static func named(_ name: String) -> RuleAttribute { table[name] ?? one(name, 0.6) }

  /// The nouns of "my job is ..." that are attributes under another name.
  private static let nouns: [String: String] = [
    "job": "occupation", "profession": "occupation", "position": "occupation",
    "job title": "occupation", "company": "employer", "workplace": "employer",
    "city": "home city", "hometown": "origin", "home town": "origin", "first name": "name",
    "full name": "name", "nickname": "preferred name", "birth date": "birthday",
    "birthdate": "birthday", "date of birth": "birthday", "e-mail": "email",
    "email address": "email", "mail": "email", "phone": "phone number",
    "mobile": "phone number", "mobile number": "phone number", "cell": "phone number",
    "telephone number": "phone number", "number": "phone number", "last name": "last name",
    "surname": "last name", "family name": "last name", "timezone": "time zone",
    "mother tongue": "native language", "first language": "native language",
    "major": "field of study", "faith": "religion", "university": "school", "college": "school",
    "home address": "address", "country of origin": "origin",
  ]
  private static let spellings = [
    "favorite": "favourite", "color": "colour", "fav": "favourite",
    "flavor": "flavour", "neighborhood": "neighbourhood", "theater": "theatre",
  ]

  static func ofNoun(_ words: [String]) -> String {
    let kept = words.filter { !RuleLexicon.currentWords.contains($0) }
    let noun = (kept.isEmpty ? words : kept).map { spellings[$0] ?? $0 }.joined(separator: " ")
    return nouns[noun] ?? noun
  }
}

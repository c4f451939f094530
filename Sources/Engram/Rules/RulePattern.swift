/// A way to say something of which a ``RuleAttribute`` is known.
///
/// A head is a verb in its base form and the words that follow it: `|` parts words of which any
/// will do, `~` stands for up to twelve words, `_` for an article or "my" where there is one.
/// Adverbs may stand anywhere between. The value is read behind the head.
struct RulePattern: Sendable {
  /// When what is said holds.
  enum Aspect {
    /// "I live": in the present only.
    case state
    /// "I moved": once it has happened.
    case event
    /// "I'm learning": in the present, going on as well.
    case progress
    /// "I'm moving to Rome": going on only.
    case plan
  }

  enum Element: Sendable, Equatable {
    case word(Set<String>)
    case gap
    case determiner
  }

  var attribute: String
  var head: [Element]
  var value: RuleValue
  var aspect: Aspect

  private init(_ attribute: String, head: String, _ value: RuleValue, _ aspect: Aspect) {
    self.attribute = attribute
    self.value = value
    self.aspect = aspect
    self.head = head.split(separator: " ").map { element in
      switch element {
      case "~": .gap
      case "_": .determiner
      default: .word(Set(element.split(separator: "|").map(String.init)))
      }
    }
  }

  /// The patterns that begin with a verb, in the order of the table.
  static func patterns(of verb: String) -> [RulePattern] { byVerb[verb] ?? [] }

  private static let byVerb: [String: [RulePattern]] = {
    var byVerb: [String: [RulePattern]] = [:]
    for (attribute, heads, value, aspect) in table {
      for head in heads {
        let pattern = RulePattern(attribute, head: head, value, aspect)
        guard case .word(let verbs)? = pattern.head.first else { continue }
        for verb in verbs { byVerb[verb, default: []].append(pattern) }
      }
    }
    return byVerb
  }()

  private static let table: [(String, [String], RuleValue, Aspect)] = [
    ("home city", ["live|reside ~ in|at|near", "be based|located ~ in|near"], .place, .state),
    ("uses", ["move on from ~ to"], .thing, .event),
    ("home city", ["move|relocate|emigrate|return ~ to", "settle ~ in"], .place, .event),
    ("origin", ["be ~ from", "come from", "hail from"], .place, .state),
    ("origin", ["be ~ native of"], .place, .state),
    ("birthday", ["be born ~ on", "be born in|the"], .date, .event),
    ("birth year", ["be born ~ in"], .year, .event),
    ("birthplace", ["be born ~ in"], .proper, .event),
    ("childhood home", ["grow up ~ in|on|near", "be raised ~ in|on|near"], .place, .event),

    ("employer", ["work ~ at|for", "be employed ~ at|by|with"], .thing, .state),
    ("employer", ["work ~ with"], .proper, .state),
    ("employer", ["be a|an|the ~ at|with|for", "intern ~ at"], .proper, .state),
    ("employer", ["join"], .proper, .event),
    (
      "employer",
      [
        "start|begin ~ at|with", "get|have|find|land|accept|take ~ job ~ at|with|for",
        "start|begin ~ job ~ for", "be hired by",
      ], .proper, .event
    ),
    ("occupation", ["work ~ as"], .thing, .state),
    (
      "occupation", ["become", "be promoted to", "get promoted to"],
      .occupation(needsArticle: false), .event
    ),
    ("occupation", ["start ~ as"], .occupation(needsArticle: false), .event),
    ("occupation", ["be"], .occupation(needsArticle: true), .state),
    ("field of work", ["work ~ in"], .field, .state),
    ("workplace", ["work ~ in"], .proper, .state),
    ("employment", ["be"], .oneOf(["unemployed", "retired", "self-employed", "jobless"]), .state),
    ("employment", ["retire"], .fixed("retired"), .event),
    (
      "employment",
      [
        "quit|leave|lose my|our|his|her|their job", "be laid off", "get laid off", "get fired",
        "be fired", "be made redundant", "resign",
      ], .fixed("left job"), .event
    ),
    ("former place", ["leave"], .proper, .event),
    ("field of study", ["study|major _ ~ in", "study", "major in"], .study, .state),
    ("school", ["study ~ at", "attend", "go to university|college|school at|in"], .proper, .state),

    ("age", ["be ~ years old", "be"], .age, .state),
    ("age", ["turn"], .age, .event),
    ("height", ["be"], .measure(["cm", "m", "tall", "feet", "ft"]), .state),
    ("weight", ["weigh"], .thing, .state),
    ("marital status", ["be"], .oneOf(maritalStates), .state),
    ("marital status", ["get|become"], .oneOf(maritalStates), .event),
    ("marital status", ["divorce"], .fixed("divorced"), .event),
    ("marital status", ["marry"], .fixed("married"), .event),
    ("diet", ["be"], .oneOf(diets), .state),
    ("diet", ["become|go|turn"], .oneOf(diets), .event),
    ("nationality", ["be"], .oneOf(nationalities), .state),
    ("religion", ["be"], .oneOf(religions), .state),
    ("handedness", ["be"], .oneOf(["left-handed", "right-handed", "ambidextrous"]), .state),
    (
      "condition",
      ["be"],
      .oneOf([
        "diabetic", "asthmatic", "dyslexic", "autistic", "epileptic", "pregnant", "deaf", "blind",
        "colour-blind", "color-blind", "colorblind", "anaemic", "celiac", "coeliac",
      ]), .state
    ),
    ("condition", ["be ~ diagnosed with", "get diagnosed with"], .thing, .event),
    ("condition", ["suffer from"], .thing, .state),
    ("condition", ["have"], .condition, .state),
    ("allergy", ["be ~ allergic to", "be intolerant to"], .list, .state),
    ("allergy", ["have _ ~ allergy|intolerance to"], .list, .state),

    ("name", ["be called|named", "go by", "be known as"], .name, .state),
    ("name", ["be"], .personalName, .state),
    ("preferred name", ["go by"], .name, .state),
    ("preferred name", ["call me"], .name, .state),

    ("dislikes", ["hate|dislike|detest|loathe|despise"], .list, .state),
    ("tolerates", ["stand|bear"], .list, .state),
    (
      "likes", ["like|love|enjoy|adore|fancy", "be fond of", "be into", "be crazy about"], .list,
      .state
    ),
    ("likes", ["be ~ fan of", "be obsessed with"], .list, .state),
    ("interest", ["be ~ interested in", "be passionate about"], .list, .state),
    ("prefers", ["prefer"], .preference, .state),
    ("fears", ["be ~ afraid|scared|terrified of"], .thing, .state),
    ("skill", ["be ~ good|great at", "be ~ fluent in"], .thing, .state),
    ("weakness", ["be ~ bad|terrible at"], .thing, .state),
    ("supports", ["support"], .proper, .state),

    ("eats", ["eat|tolerate"], .list, .state),
    ("drinks", ["drink"], .list, .state),
    ("drinks", ["drink"], .bare("alcohol"), .state),
    ("smokes", ["smoke"], .bare("smoking"), .state),
    ("gave up", ["give up"], .thing, .event),
    ("uses", ["use"], .thing, .state),
    ("uses", ["code|program|develop ~ in"], .proper, .state),
    (
      "uses", ["switch|migrate|convert|change|move ~ from ~ to", "switch|convert|migrate ~ to"],
      .thing, .event
    ),
    ("uses", ["replace ~ with|by"], .thing, .event),
    ("drives", ["drive"], .owned, .state),
    ("plays", ["play"], .thing, .state),
    ("speaks", ["speak"], .list, .state),
    ("learns", ["learn", "teach myself"], .thing, .progress),
    ("has", ["have|own"], .owned, .state),
    ("has", ["get|buy|adopt|purchase"], .possession, .event),
    ("sold", ["sell"], .owned, .event),
    ("goal", ["want|plan|hope|aim|intend|dream to|of"], .goal, .state),
    ("goal", ["save for", "save up for"], .thing, .plan),
    (
      "goal", ["move|relocate ~ to", "get married|divorced", "start|begin _ ~ job"], .phrase, .plan
    ),
    ("identity", ["be a|an"], .identity, .state),
  ]

  private static let maritalStates = [
    "single", "married", "divorced", "engaged", "widowed", "separated",
  ]
  private static let diets = [
    "vegan", "vegetarian", "pescatarian", "pescetarian", "kosher", "halal", "keto", "paleo",
    "gluten-free", "lactose-intolerant", "teetotal",
  ]
  private static let religions = [
    "catholic", "protestant", "muslim", "jewish", "buddhist", "hindu", "christian", "atheist",
    "agnostic", "orthodox", "sikh", "mormon", "quaker",
  ]
  private static let nationalities = """
    german french english british american canadian australian italian spanish portuguese dutch
    belgian swiss austrian swedish norwegian danish finnish icelandic polish czech slovak hungarian
    romanian bulgarian greek turkish russian ukrainian irish scottish welsh chinese japanese korean
    indian pakistani vietnamese thai indonesian filipino brazilian argentinian chilean mexican
    colombian peruvian cuban egyptian moroccan algerian tunisian nigerian kenyan ghanaian ethiopian
    iranian iraqi israeli syrian lebanese croatian serbian slovenian estonian latvian lithuanian
    """.split(whereSeparator: \.isWhitespace).map(String.init)
}

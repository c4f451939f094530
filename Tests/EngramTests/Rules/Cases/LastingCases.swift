extension RuleCase {
  /// What must not be lost, and whom it is about.
  static let lasting: [RuleCase] = [
    // Other people.
    .init(
      .thirdParty, ["My sister's birthday is 4 May."], current: ["4 may"],
      slots: ["user's sister | birthday | 4 may"], atMost: 1),
    .init(
      .thirdParty, ["I live in Oslo.", "My friend moved to Berlin."], current: ["oslo"],
      slots: ["user | home city | oslo", "user's friend | home city | berlin"], atMost: 2),
    .init(
      .thirdParty, ["My brother Tom lives in Rome.", "My brother Jim lives in Oslo."],
      current: ["rome", "oslo"], atMost: 2),
    .init(
      .thirdParty, ["My sister lives in Oslo. She works as a nurse."],
      current: ["oslo", "nurse"],
      slots: ["user's sister | home city | oslo", "user's sister | occupation | nurse"],
      atMost: 2),
    .init(
      .thirdParty, ["My mum is allergic to shellfish."],
      slots: ["user's mother | allergy | shellfish"], atMost: 1),
    .init(
      .thirdParty, ["My wife's name is Ana."], slots: ["user's wife | name | ana"], atMost: 1),
    .init(.thirdParty, ["My boss is called Petra."], current: ["petra"], atMost: 1),
    .init(
      .thirdParty, ["I'm vegan.", "My husband eats meat."], current: ["vegan", "eats meat"],
      atMost: 2),
    .init(
      .thirdParty, ["My daughter is 7 years old."], slots: ["user's daughter | age | 7"],
      atMost: 1),
    .init(.thirdParty, ["Ann is my sister."], current: ["ann"], atMost: 1),
    .init(
      .thirdParty, ["My name is Bo.", "My dog's name is Rex."],
      slots: ["user | name | bo", "user's dog | name | rex"], atMost: 2),
    .init(
      .thirdParty, ["My son plays the violin and loves chess."], current: ["violin", "chess"],
      atMost: 2),
    .init(
      .thirdParty, ["I like tea.", "My wife doesn't like tea."],
      current: ["i like tea", "doesn't like tea"], atMost: 2),
    .init(
      .thirdParty, ["My best friend works at Google."],
      slots: ["user's best friend | employer | google"], atMost: 1),
    .init(.thirdParty, ["The president lives in Washington."], atMost: 0),
    .init(.thirdParty, ["Tom moved to Berlin."], stale: ["i moved"], atMost: 0),
    .init(
      .thirdParty, ["My parents are from Greece."], slots: ["user's parents | origin | greece"],
      atMost: 1),
    .init(
      .thirdParty, ["My sister's husband works at BMW."], current: ["bmw"], atMost: 1),
    .init(
      .thirdParty, ["My cat is 12.", "I'm 40."],
      slots: ["user's cat | age | 12", "user | age | 40"], atMost: 2),

    // More than one fact in a message.
    .init(
      .several, ["I work at Siemens as a welder."], current: ["siemens", "welder"],
      slots: ["user | employer | siemens", "user | occupation | welder"], atMost: 2),
    .init(
      .several, ["I have two dogs, Rex and Milo."], current: ["rex", "milo", "two dogs"],
      atMost: 2),
    .init(
      .several, ["Hi, I'm Ann, I live in Oslo and I work at Equinor."],
      current: ["ann", "oslo", "equinor"],
      slots: ["user | name | ann", "user | home city | oslo", "user | employer | equinor"],
      atMost: 3),
    .init(
      .several, ["My name is Bo. I'm 30 years old. I love climbing and hate running."],
      current: ["bo", "30", "climbing", "hate running"], atMost: 4),
    .init(
      .several, ["I speak English, German and a little French."],
      current: ["english", "german", "french"], atMost: 3),
    .init(
      .several, ["I'm vegan, what can I eat in Berlin?"], current: ["vegan"], stale: ["berlin"],
      atMost: 1),
    .init(
      .several, ["Thanks! By the way, I moved to Berlin."], current: ["berlin"],
      stale: ["thanks"], atMost: 1),
    .init(
      .several, ["I moved to Berlin because my wife works at Zalando."],
      current: ["berlin", "zalando"],
      slots: ["user | home city | berlin", "user's wife | employer | zalando"], atMost: 2),
    .init(
      .several, ["I'm allergic to nuts and shellfish."], current: ["nuts", "shellfish"],
      atMost: 2),
    .init(
      .several, ["I live in Berlin but I work in Potsdam."], current: ["berlin", "potsdam"],
      slots: ["user | home city | berlin"], atMost: 2),
    .init(
      .several, ["I'm tired today, but I finally got a dog!"], current: ["dog"],
      stale: ["tired"], atMost: 1),
    .init(
      .several, ["I'm a teacher from Ghent and I have three kids."],
      current: ["teacher", "ghent", "three kids"], atMost: 3),
    .init(
      .several, ["- I live in Rome\n- I like opera\n- my shoe size is 42"],
      current: ["rome", "opera", "42"], atMost: 3),
    .init(
      .several, ["my name's Lee and my birthday is on June 3"], current: ["lee", "june 3"],
      atMost: 2),
    .init(
      .several, ["I was born in Lima and grew up in Quito."], current: ["lima", "quito"],
      atMost: 2),
    .init(
      .several, ["I like mac and cheese."], current: ["mac and cheese"], atMost: 1),
    .init(
      .several, ["I don't drink coffee but I love green tea."],
      current: ["coffee", "green tea"], atMost: 2),
    .init(
      .several, ["I use a Mac at home and Linux at work."], current: ["mac", "linux"],
      atMost: 2),

    // Lasting facts, with and without a slot.
    .init(.keep, ["I'm allergic to nuts."], slots: ["user | allergy | nuts"], atMost: 1),
    .init(.keep, ["Call me Bo."], current: ["bo"], atMost: 1),
    .init(.keep, ["I prefer tea to coffee."], current: ["tea"], atMost: 1),
    .init(
      .keep, ["My bike has a flat frame since the accident."], current: ["flat frame"],
      atMost: 1),
    .init(.keep, ["I've been collecting stamps since 1990."], current: ["stamps"], atMost: 1),
    .init(.keep, ["I wake up at 5 every morning."], current: ["wake up at 5"], atMost: 1),
    .init(.keep, ["I have type 1 diabetes."], current: ["diabetes"], atMost: 1),
    .init(.keep, ["I'm left-handed."], current: ["left-handed"], atMost: 1),
    .init(.keep, ["I broke my leg in 2015."], current: ["broke my leg"], atMost: 1),
    .init(.keep, ["I studied law in Vienna."], current: ["law"], atMost: 1),
    .init(.keep, ["I want to learn Japanese."], current: ["japanese"], atMost: 1),
    .init(.keep, ["I'm afraid of spiders."], current: ["spiders"], atMost: 1),
    .init(.keep, ["I'm a big fan of Radiohead."], current: ["radiohead"], atMost: 1),
    .init(.keep, ["I always sleep with the window open."], current: ["window open"], atMost: 1),
    .init(.keep, ["I grew up on a farm."], current: ["farm"], atMost: 1),
    .init(.keep, ["I have a PhD in chemistry."], current: ["chemistry"], atMost: 1),
    .init(.keep, ["My pronouns are they/them."], current: ["they/them"], atMost: 1),
    .init(.keep, ["I run a small bakery in Porto."], current: ["bakery"], atMost: 1),
    .init(.keep, ["I take metformin twice a day."], current: ["metformin"], atMost: 1),
    .init(.keep, ["I got married in 2012."], current: ["married"], atMost: 1),
    .init(.keep, ["I've lived in Japan for ten years."], current: ["japan"], atMost: 1),
    .init(.keep, ["I can play the cello."], current: ["cello"], atMost: 1),
    .init(.keep, ["My favourite book is \"Dune\"."], current: ["dune"], atMost: 1),
    .init(.keep, ["Please remember that I hate cilantro."], current: ["cilantro"], atMost: 1),
    .init(.keep, ["I'm planning to move to Lisbon next year."], current: ["lisbon"], atMost: 1),
    .init(.keep, ["My wedding anniversary is on 12 June."], current: ["12 june"], atMost: 1),
    .init(.keep, ["I don't like it when people shout."], current: ["people shout"], atMost: 1),
    .init(.keep, ["I wear glasses."], current: ["glasses"], atMost: 1),
    .init(.keep, ["i work remotely"], current: ["remotely"], atMost: 1),
    .init(.keep, ["I am 180 cm tall."], current: ["180"], atMost: 1),
    .init(.keep, ["I'm Catholic."], current: ["catholic"], atMost: 1),
    .init(.keep, ["I quit my job yesterday."], current: ["quit my job"], atMost: 1),
    .init(.keep, ["Ich wohne seit 2010 in Hamburg."], current: ["hamburg"], atMost: 1),
    .init(.keep, ["J'habite à Marseille avec ma femme."], current: ["marseille"], atMost: 1),
    .init(
      .keep, ["私は東京に住んでいます。"], current: ["私は東京に住んでいます"], atMost: 1),
    .init(
      .keep, ["Our company uses Kubernetes in production."], current: ["kubernetes"], atMost: 1),
    .init(.keep, ["I get migraines when I drink red wine."], current: ["migraines"], atMost: 1),
    .init(.keep, ["I'm a night owl."], current: ["night owl"], atMost: 1),
    .init(.keep, ["I own a sailing boat."], current: ["sailing boat"], atMost: 1),
    .init(.keep, ["I have lived with my partner since 2018."], current: ["partner"], atMost: 1),
  ]
}

extension RuleCase {
  /// Something changes, stops or was said wrongly.
  static let changes: [RuleCase] = [
    // A newer value takes the place of the old one.
    .init(
      .update, ["I live in Paris.", "I moved to Berlin."], current: ["berlin"], stale: ["paris"],
      slots: ["user | home city | berlin"], atMost: 1),
    .init(
      .update, ["I use Python at work.", "I switched from Python to TypeScript."],
      current: ["typescript"], stale: ["python"], atMost: 1),
    .init(
      .update, ["I work at Siemens.", "I now work at Bosch."], current: ["bosch"],
      stale: ["siemens"], slots: ["user | employer | bosch"], atMost: 1),
    .init(
      .update, ["I work for Acme Corp", "I just started a new job at Globex!"],
      current: ["globex"], stale: ["acme"], atMost: 1),
    .init(
      .update, ["My favourite colour is blue.", "My favorite color is green now."],
      current: ["green"], stale: ["blue"], atMost: 1),
    .init(
      .update, ["I'm 29 years old.", "I turned 30 last week."], current: ["30"], stale: ["29"],
      atMost: 1),
    .init(
      .update, ["I drive a Golf.", "I bought a Tesla."], current: ["tesla"]),
    .init(
      .update, ["I'm single.", "I got married last weekend!"], current: ["married"],
      stale: ["single"], atMost: 1),
    .init(
      .update, ["I am married.", "We got divorced in March."], current: ["divorced"],
      stale: ["i am married"], atMost: 1),
    .init(
      .update, ["My phone number is 555-1234.", "My new phone number is 555-9876."],
      current: ["555-9876"], stale: ["555-1234"], atMost: 1),
    .init(
      .update, ["My email is ann@example.com", "I changed my email to ann@example.org"],
      current: ["ann@example.org"], stale: ["ann@example.com"], atMost: 1),
    .init(
      .update, ["I prefer tea to coffee.", "These days I prefer coffee to tea."],
      current: ["prefer coffee to tea"], stale: ["prefer tea"], atMost: 1),
    .init(
      .update, ["I prefer dark mode.", "I prefer light mode now."], current: ["light mode"],
      stale: ["dark mode"], atMost: 1),
    .init(
      .update, ["I live in Oslo", "I've relocated to Bergen for work"], current: ["bergen"],
      stale: ["oslo"], atMost: 1),
    .init(
      .update, ["I'm based in Madrid.", "We have moved from Madrid to Lisbon."],
      current: ["lisbon"], stale: ["madrid"], atMost: 1),
    .init(
      .update, ["I work as a nurse.", "I became a midwife last year."], current: ["midwife"],
      stale: ["nurse"], atMost: 1),
    .init(
      .update, ["I'm a junior developer.", "I got promoted to senior developer."],
      current: ["senior developer"], stale: ["junior"], atMost: 1),
    .init(
      .update, ["I am vegetarian.", "I'm vegan now."], current: ["vegan"], stale: ["vegetarian"],
      atMost: 1),
    .init(
      .update, ["I study physics.", "I switched my major from physics to maths."],
      current: ["maths"], stale: ["physics"], atMost: 1),
    .init(
      .update, ["My dog is called Rex.", "We renamed our dog to Max."], current: ["max"],
      stale: ["rex"], atMost: 1),
    .init(
      .update, ["My address is 5 Elm Street.", "My address has changed to 9 Oak Avenue."],
      current: ["9 oak avenue"], stale: ["elm"], atMost: 1),
    .init(
      .update, ["My manager is Carol.", "My new manager is Dave."], current: ["dave"],
      stale: ["carol"], atMost: 1),
    .init(
      .update, ["I weigh 82 kg.", "I weigh 78 kg now."], current: ["78"], stale: ["82"],
      atMost: 1),
    .init(
      .update, ["My sister lives in Oslo.", "My sister moved to Rome."], current: ["rome"],
      stale: ["oslo"], slots: ["user's sister | home city | rome"], atMost: 1),
    .init(
      .update, ["I live in Paris", "I moved to Rome", "I moved to Vienna", "I moved to Prague"],
      current: ["prague"], stale: ["paris", "rome", "vienna"], atMost: 1),
    .init(
      .update, ["I live in Paris", "I moved to Rome", "I moved back to Paris"],
      current: ["paris"], stale: ["rome"], atMost: 1),
    .init(
      .update, ["We use MySQL.", "We migrated from MySQL to Postgres last month."],
      current: ["postgres"], stale: ["mysql"], atMost: 1),
    .init(
      .update, ["I use vim.", "I've switched to Emacs from vim."], current: ["emacs"],
      stale: ["vim"], atMost: 1),
    .init(
      .update, ["My birthday is 4 May.", "My birthday is May 5th."], current: ["5 may"],
      stale: ["4 may"], atMost: 1),
    .init(
      .update, ["I go to the gym on Mondays.", "My timezone is CET", "My timezone is PST now"],
      current: ["pst", "gym"], stale: ["cet"], atMost: 2),
    .init(
      .update, ["My husband works at Shell.", "My husband left Shell and joined BP."],
      current: ["bp"], stale: ["works at shell"]),
    .init(
      .update, ["I'm engaged to Tom.", "Tom and I broke up, I'm single again."],
      current: ["single"], stale: ["engaged"]),
    .init(
      .update, ["Call me Bo.", "Please call me Robert from now on."], current: ["robert"],
      stale: ["bo"], atMost: 1),
    .init(
      .update, ["I'm learning Spanish.", "I've moved on from Spanish to Italian."],
      current: ["italian"]),
    .init(
      .update, ["My favourite band is Blur", "Actually, Oasis is my favourite band now"],
      current: ["oasis"], stale: ["blur"], atMost: 1),

    // Something stops.
    .init(
      .negate, ["I eat meat.", "I no longer eat meat."], current: ["no longer eat meat"],
      stale: ["i eat meat"], atMost: 1),
    .init(
      .negate, ["I like tea.", "I don't like tea."], current: ["don't like tea"],
      stale: ["i like tea"], atMost: 1),
    .init(
      .negate, ["I don't like tea.", "I like tea now."], current: ["i like tea"],
      stale: ["don't like tea"], atMost: 1),
    .init(
      .negate, ["I live in Berlin.", "I don't live in Berlin any more."],
      stale: ["i live in berlin"],
      atMost: 0),
    .init(
      .negate, ["I work at Siemens.", "I quit my job."], stale: ["siemens"]),
    .init(
      .negate, ["I work at Siemens.", "I left Siemens."], stale: ["i work at siemens"]),
    .init(
      .negate, ["I smoke.", "I quit smoking two years ago."], current: ["quit smoking"],
      stale: ["i smoke"], atMost: 1),
    .init(
      .negate, ["I smoke.", "I don't smoke anymore."], current: ["don't smoke"],
      stale: ["i smoke"], atMost: 1),
    .init(
      .negate, ["I drink coffee every day.", "I gave up coffee."], current: ["gave up coffee"],
      stale: ["i drink coffee"], atMost: 1),
    .init(
      .negate, ["I have a car.", "I sold my car."], current: ["sold my car"],
      stale: ["i have a car"], atMost: 1),
    .init(
      .negate, ["I have a cat.", "I don't have a cat any more."], stale: ["i have a cat"],
      atMost: 1),
    .init(
      .negate, ["I'm allergic to nuts.", "I'm no longer allergic to nuts."],
      stale: ["i'm allergic to nuts"]),
    .init(
      .negate, ["I'm vegan.", "I'm not vegan any more."], stale: ["i'm vegan"]),
    .init(
      .negate, ["I play the piano.", "I stopped playing the piano."],
      stale: ["i play the piano"], atMost: 1),
    .init(
      .negate, ["I collect old stamps.", "I no longer collect old stamps."],
      stale: ["i collect old stamps"], atMost: 1),
    .init(
      .negate, ["I love hiking.", "I don't enjoy hiking anymore."], stale: ["i love hiking"],
      atMost: 1),
    .init(
      .negate, ["I speak French.", "I like jazz.", "I hate jazz."],
      current: ["french", "hate jazz"], stale: ["i like jazz"], atMost: 2),
    .init(
      .negate, ["My sister lives in Oslo.", "My sister doesn't live in Oslo anymore."],
      stale: ["my sister lives in oslo"], atMost: 0),
    .init(
      .negate, ["I'm learning Japanese.", "I stopped learning Japanese."],
      stale: ["i'm learning japanese"], atMost: 1),
    .init(
      .negate, ["I eat meat.", "I never eat meat."], current: ["never eat meat"],
      stale: ["i eat meat"], atMost: 1),
    .init(
      .negate, ["I use Windows.", "I don't use Windows."], current: ["don't use windows"],
      stale: ["i use windows"], atMost: 1),
    .init(
      .negate, ["I used to live in Rome."], current: ["used to live in rome"], atMost: 1),
    .init(
      .negate, ["I live in Rome.", "I used to live in Rome, but now I live in Milan."],
      current: ["milan"], stale: ["i live in rome"]),
    .init(
      .negate, ["I like tea and coffee.", "I don't like coffee."], current: ["tea"],
      stale: ["i like coffee"], atMost: 2),
    .init(.negate, ["I don't have any pets."], current: ["don't have any pets"], atMost: 1),
    .init(.negate, ["I can't eat gluten."], current: ["gluten"], atMost: 1),
    .init(.negate, ["I don't drink alcohol."], current: ["alcohol"], atMost: 1),
    .init(.negate, ["I am not married."], current: ["not married"], atMost: 1),
    .init(
      .negate, ["I'm married.", "Forget that I'm married."], stale: ["i'm married"], atMost: 0),

    // Something was said wrongly.
    .init(
      .correct, ["My name is Anna.", "Actually my name is Ann, not Anna."], current: ["ann"],
      stale: ["anna"], slots: ["user | name | ann"], atMost: 1),
    .init(
      .correct, ["I live in Lille.", "No, I meant Lyon."], current: ["lyon"], stale: ["lille"],
      slots: ["user | home city | lyon"], atMost: 1),
    .init(
      .correct, ["My birthday is 4 May.", "That's wrong, my birthday is 14 May."],
      current: ["14 may"], stale: ["4 may"], slots: ["user | birthday | 14 may"], atMost: 1),
    .init(
      .correct, ["I work at Bosch.", "Sorry, I meant Siemens, not Bosch."], current: ["siemens"],
      stale: ["bosch"], atMost: 1),
    .init(
      .correct, ["My dog's name is Rex.", "No, it's Max, not Rex."], current: ["max"],
      stale: ["rex"], atMost: 1),
    .init(
      .correct, ["I'm 34.", "Correction: I'm 35."], current: ["35"], stale: ["34"], atMost: 1),
    .init(
      .correct, ["I have two brothers.", "Wait, I have three brothers, not two."],
      current: ["three brothers"], stale: ["two brothers"], atMost: 1),
    .init(
      .correct, ["My sister is called Mia.", "Sorry, typo. My sister is called Maya."],
      current: ["maya"], stale: ["mia"], atMost: 1),
    .init(
      .correct, ["I don't live in Munich, I live in Berlin."], current: ["i live in berlin"],
      slots: ["user | home city | berlin"]),
    .init(
      .correct, ["I live in Munich.", "I don't live in Munich, I live in Berlin."],
      current: ["berlin"], stale: ["i live in munich"], atMost: 1),
    .init(
      .correct, ["I'm a nurse.", "I'm not a nurse, I'm a doctor."], current: ["doctor"],
      stale: ["i'm a nurse"], atMost: 1),
    .init(
      .correct, ["My name is Jon.", "My name isn't Jon, it's John."], current: ["john"],
      stale: ["jon"], atMost: 1),
    .init(
      .correct, ["I moved to Austin.", "I mean Houston."], current: ["houston"],
      stale: ["austin"], atMost: 1),
    .init(
      .correct, ["My favourite food is pizza.", "Scratch that, my favourite food is sushi."],
      current: ["sushi"], stale: ["pizza"], atMost: 1),
    .init(
      .correct, ["My name is Kathryn", "you got that wrong, my name is Catherine"],
      current: ["catherine"], stale: ["kathryn"], atMost: 1),
    .init(
      .correct, ["I was born in 1989.", "I was born in 1990, not 1989."], current: ["1990"],
      stale: ["1989"], atMost: 1),
  ]
}

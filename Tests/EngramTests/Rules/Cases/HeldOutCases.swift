extension RuleCase {
  /// Written after the rules, and measured once before anything was mended for them: stale 4 of
  /// 25, lost 4 of 47, no fact too many, nothing kept of 17 nothings; 58 of 64 cases right.
  static let heldOut: [RuleCase] = [
    .init(
      .update,
      ["I'm living in Leeds at the moment, I moved here from York.", "We just moved to Hull."],
      current: ["hull"], stale: ["leeds"]),
    .init(
      .update, ["I work for the city council.", "I've got a new job at Lloyds."],
      current: ["lloyds"],
      stale: ["council"]),
    .init(
      .update, ["My laptop is a ThinkPad.", "My new laptop is a MacBook Air."],
      current: ["macbook air"], stale: ["thinkpad"], atMost: 1),
    .init(
      .update,
      ["I usually take the bus to work.", "I now take the train to work instead of the bus."],
      current: ["train"], stale: ["i usually take the bus"]),
    .init(
      .update, ["My girlfriend is called Sara.", "Sara and I got engaged."], current: ["sara"]),
    .init(
      .update,
      ["I'm a student at Uppsala University.", "I graduated and now I'm a data scientist."],
      current: ["data scientist"], stale: ["i'm a student"]),
    .init(
      .update, ["I prefer window seats.", "I've changed my mind, I prefer aisle seats."],
      current: ["aisle"], stale: ["window"], atMost: 1),
    .init(
      .update, ["My rent is 900 euros.", "My rent went up to 950 euros."], current: ["950"],
      stale: ["900"], atMost: 1),
    .init(
      .update, ["my fav food is ramen", "my fav food is tacos now"], current: ["tacos"],
      stale: ["ramen"], atMost: 1),
    .init(
      .update, ["My son is 3.", "My son just turned 4!"], current: ["4"], stale: ["3"], atMost: 1),
    .init(
      .update, ["I use Chrome.", "I've moved from Chrome to Firefox."], current: ["firefox"],
      stale: ["i use chrome"]),
    .init(
      .update, ["My doctor is Dr. Hill.", "My doctor is now Dr. Shah."], current: ["shah"],
      stale: ["hill"], atMost: 1),

    .init(
      .negate, ["I like running.", "I don't like running any more."], stale: ["i like running"]),
    .init(
      .negate, ["I have two cats.", "I don't have cats anymore."], stale: ["i have two cats"]),
    .init(
      .negate, ["I drink wine.", "I've stopped drinking wine."], current: ["stopped drinking"],
      stale: ["i drink wine"], atMost: 1),
    .init(
      .negate,
      ["I'm taking Spanish lessons every week.", "I'm not taking Spanish lessons any longer."],
      stale: ["i'm taking spanish"]),
    .init(
      .negate, ["I work at Nokia.", "I no longer work at Nokia."], stale: ["i work at nokia"]),
    .init(
      .negate, ["I live with my parents.", "I don't live with my parents any more."],
      stale: ["i live with my parents"]),
    .init(.negate, ["I've never eaten sushi."], current: ["sushi"], atMost: 1),
    .init(
      .negate, ["I use Slack every day.", "I stopped using Slack."], stale: ["i use slack"],
      atMost: 1),
    .init(
      .negate, ["My brother smokes.", "My brother quit smoking."], stale: ["my brother smokes"],
      atMost: 1),

    .init(
      .correct, ["My flat number is 14.", "Oops, I meant 41."], current: ["41"], stale: ["14"],
      atMost: 1),
    .init(
      .correct, ["I was born in Cork.", "Sorry, not Cork, I was born in Galway."],
      current: ["galway"], stale: ["cork"], atMost: 1),
    .init(
      .correct, ["My daughter's name is Ella.", "It's Emma, not Ella."], current: ["emma"],
      stale: ["ella"], atMost: 1),
    .init(
      .correct, ["I'm allergic to cats.", "Correction, I'm allergic to dogs, not cats."],
      current: ["dogs"], stale: ["cats"], atMost: 1),
    .init(
      .correct, ["I'm 28", "That's not right, I'm 27."], current: ["27"], stale: ["28"], atMost: 1),
    .init(
      .correct, ["My employer is Ford.", "No no, my employer is Fiat."], current: ["fiat"],
      stale: ["ford"], atMost: 1),

    .init(
      .duplicate, ["I love cooking.", "Cooking is something I love.", "I love to cook."],
      current: ["cooking"], atMost: 2),
    .init(
      .duplicate, ["I'm a vegetarian.", "I am vegetarian, by the way."], current: ["vegetarian"],
      atMost: 1),
    .init(
      .duplicate, ["My cat's name is Tom.", "My cat is called Tom.", "My cat is named Tom"],
      current: ["tom"], atMost: 1),
    .init(
      .duplicate, ["I drive a red Volvo.", "I drive a red Volvo, as you know."], current: ["volvo"],
      atMost: 1),
    .init(
      .duplicate, ["I'm married.", "I have been married for ten years."], current: ["married"],
      atMost: 2),
    .init(
      .duplicate, ["I swim twice a week.", "I swim twice a week!"], current: ["swim"], atMost: 1),

    .init(.chatter, ["no worries"], atMost: 0),
    .init(.chatter, ["I'll be there in 5 minutes."], atMost: 0),
    .init(.chatter, ["I just woke up"], atMost: 0),
    .init(.chatter, ["I'm stuck on this problem"], atMost: 0),
    .init(.chatter, ["My train is late again."], atMost: 0),
    .init(.chatter, ["Give me a recipe for lasagne."], atMost: 0),
    .init(.chatter, ["I'm making dinner"], atMost: 0),
    .init(.chatter, ["I have no idea what you mean."], atMost: 0),
    .init(.chatter, ["We had a great weekend!"], atMost: 0),
    .init(.chatter, ["I'm feeling a bit down"], atMost: 0),
    .init(.chatter, ["I think the answer is 42."], atMost: 0),

    .init(.hypothetical, ["Let's say I earn 50000 a year."], atMost: 0),
    .init(.hypothetical, ["Would it be bad if I stopped eating meat?"], atMost: 0),
    .init(.hypothetical, ["My friend asked: \"do I look like I like opera?\""], atMost: 0),
    .init(.hypothetical, ["I may have an allergy to dust."], atMost: 0),
    .init(.hypothetical, ["If my sister lives in Oslo, where does she work?"], atMost: 0),
    .init(.hypothetical, ["In my dream I was a bird."], atMost: 0),

    .init(
      .thirdParty, ["My grandma is from Naples and she makes great pizza."], current: ["naples"],
      atMost: 2),
    .init(
      .thirdParty, ["My roommate has a snake.", "I have a parrot."], current: ["snake", "parrot"],
      atMost: 2),
    .init(
      .thirdParty, ["My older brother is a dentist.", "My younger brother is a plumber."],
      current: ["dentist", "plumber"], atMost: 2),
    .init(
      .thirdParty, ["My colleague Raj prefers email.", "I prefer phone calls."],
      current: ["raj", "phone calls"], atMost: 2),

    .init(
      .several, ["I'm Priya, a lawyer from Mumbai, and I love cricket."],
      current: ["priya", "mumbai", "cricket"], atMost: 4),
    .init(
      .several, ["I moved from Turin to Milan in 2020 and now work as a chef at Cracco."],
      current: ["milan", "chef", "cracco"], atMost: 3),

    .init(.keep, ["I was diagnosed with ADHD last year."], current: ["adhd"], atMost: 1),
    .init(.keep, ["I usually work best in the mornings."], current: ["mornings"], atMost: 1),
    .init(.keep, ["I'm colour-blind."], current: ["colour-blind"], atMost: 1),
    .init(.keep, ["Our house was built in 1890."], current: ["1890"], atMost: 1),
    .init(.keep, ["I'm saving up for a house."], current: ["house"], atMost: 1),
    .init(.keep, ["Remember: my locker code is 4471."], current: ["4471"], atMost: 1),
    .init(.keep, ["I can't swim."], current: ["can't swim"], atMost: 1),
    .init(
      .keep, ["I volunteer at an animal shelter on weekends."], current: ["shelter"], atMost: 1),
  ]
}

extension RuleCase {
  /// Nothing is to be kept, or nothing more.
  static let nothings: [RuleCase] = [
    // The same fact twice.
    .init(.duplicate, ["I live in Berlin.", "I live in Berlin."], current: ["berlin"], atMost: 1),
    .init(
      .duplicate, ["I live in Berlin.", "i live in berlin!!"], current: ["berlin"], atMost: 1),
    .init(
      .duplicate, ["I moved to Berlin.", "As I said, I live in Berlin."], current: ["berlin"],
      atMost: 1),
    .init(
      .duplicate, ["I'm allergic to nuts.", "I am allergic to nuts"], current: ["nuts"],
      atMost: 1),
    .init(
      .duplicate, ["I like tea.", "I really like tea.", "I love tea!"], current: ["tea"],
      atMost: 1),
    .init(
      .duplicate, ["My name is José.", "My name is Jose."], current: ["jose"], atMost: 1),
    .init(
      .duplicate,
      [
        "I've been collecting stamps since 1990.",
        "I have been collecting stamps since 1990!",
      ], current: ["stamps"], atMost: 1),
    .init(
      .duplicate, ["I work at Siemens as a welder.", "I'm a welder at Siemens."],
      current: ["siemens", "welder"], atMost: 2),
    .init(
      .duplicate, ["My sister's birthday is 4 May.", "My sister's birthday is on May 4th."],
      current: ["may"], atMost: 1),
    .init(
      .duplicate, ["I have a dog.", "I've got a dog."], current: ["dog"], atMost: 1),
    .init(
      .duplicate, ["I have a dog.", "I have a dog called Rex."], current: ["rex"], atMost: 1),
    .init(
      .duplicate, ["My favourite colour is blue.", "Blue is my favourite colour."],
      current: ["blue"], atMost: 1),
    .init(
      .duplicate, ["I don't eat meat.", "I do not eat meat."], current: ["meat"], atMost: 1),
    .init(
      .duplicate, ["I speak German and French.", "I speak German."],
      current: ["german", "french"], atMost: 2),
    .init(
      .duplicate, ["My wife is called Ana. Her name is Ana."], current: ["ana"], atMost: 1),
    .init(
      .duplicate, ["I cycle to work every day.", "I cycle to work, every day."],
      current: ["cycle"], atMost: 1),
    .init(
      .duplicate, ["I'm from Chile.", "I come from Chile.", "I am originally from Chile."],
      current: ["chile"], atMost: 1),
    .init(
      .duplicate, ["I hate olives.", "I can't stand olives."], current: ["olives"], atMost: 1),
    .init(
      .duplicate, ["I play the guitar.", "I play guitar."], current: ["guitar"], atMost: 1),

    // Chatter.
    .init(.chatter, ["ok"], atMost: 0),
    .init(.chatter, ["thanks!"], atMost: 0),
    .init(.chatter, ["lol"], atMost: 0),
    .init(.chatter, ["Hi there, how are you?"], atMost: 0),
    .init(.chatter, ["Good morning!"], atMost: 0),
    .init(.chatter, ["I'm tired today."], atMost: 0),
    .init(.chatter, ["I'm on my way."], atMost: 0),
    .init(.chatter, ["I'll call you later."], atMost: 0),
    .init(.chatter, ["I'm hungry"], atMost: 0),
    .init(.chatter, ["I have a question."], atMost: 0),
    .init(.chatter, ["I need help with this function."], atMost: 0),
    .init(.chatter, ["Can you write a poem about the sea?"], atMost: 0),
    .init(.chatter, ["What's the weather like in Berlin?"], atMost: 0),
    .init(.chatter, ["I see, that makes sense."], atMost: 0),
    .init(.chatter, ["I don't understand this error."], atMost: 0),
    .init(.chatter, ["I'm getting an error when I run the script."], atMost: 0),
    .init(.chatter, ["I just had lunch."], atMost: 0),
    .init(.chatter, ["I'm going to bed now, good night!"], atMost: 0),
    .init(.chatter, ["I appreciate your help."], atMost: 0),
    .init(.chatter, ["Sounds good to me."], atMost: 0),
    .init(.chatter, ["Yes, please do that."], atMost: 0),
    .init(.chatter, ["I'm back"], atMost: 0),
    .init(.chatter, ["I'm sorry for the confusion."], atMost: 0),
    .init(.chatter, ["I agree with you."], atMost: 0),
    .init(.chatter, ["My code is broken."], atMost: 0),
    .init(.chatter, ["My head hurts right now."], atMost: 0),
    .init(.chatter, ["I tried that already, it did not work."], atMost: 0),
    .init(.chatter, ["The capital of France is Paris."], atMost: 0),
    .init(.chatter, ["It is raining."], atMost: 0),
    .init(.chatter, ["Translate this into German: \"I live in Berlin\""], atMost: 0),
    .init(.chatter, ["I'm in a meeting right now"], atMost: 0),
    .init(.chatter, ["I went to the supermarket yesterday."], atMost: 0),
    .init(.chatter, ["I have a meeting at 3."], atMost: 0),
    .init(.chatter, ["I have to go now."], atMost: 0),
    .init(.chatter, ["I'm so happy!"], atMost: 0),
    .init(.chatter, ["haha that's great 😂😂"], atMost: 0),
    .init(.chatter, ["Let me check and get back to you."], atMost: 0),
    .init(.chatter, ["I want you to summarise this text."], atMost: 0),
    .init(.chatter, ["I'm looking for a good restaurant."], atMost: 0),
    .init(.chatter, ["I can't believe it!"], atMost: 0),
    .init(.chatter, ["I like that idea."], atMost: 0),
    .init(.chatter, ["I love it!"], atMost: 0),
    .init(.chatter, ["👍"], atMost: 0),
    .init(.chatter, ["My internet is slow today"], atMost: 0),

    // Questions, hypotheticals, hedges, quotes.
    .init(.hypothetical, ["Should I move to Berlin?"], atMost: 0),
    .init(.hypothetical, ["If I moved to Berlin, I would need a car."], atMost: 0),
    .init(.hypothetical, ["Maybe I'll move to Berlin."], atMost: 0),
    .init(.hypothetical, ["I might switch to Rust."], atMost: 0),
    .init(.hypothetical, ["I'm thinking about moving to Berlin."], atMost: 0),
    .init(.hypothetical, ["I wish I lived in Berlin."], atMost: 0),
    .init(.hypothetical, ["Do I like tea?"], atMost: 0),
    .init(.hypothetical, ["What if I was allergic to nuts?"], atMost: 0),
    .init(.hypothetical, ["I would like a dog."], atMost: 0),
    .init(.hypothetical, ["I'm not sure if I like sushi."], atMost: 0),
    .init(.hypothetical, ["I don't know whether I work at the right company."], atMost: 0),
    .init(.hypothetical, ["Imagine I live in Tokyo."], atMost: 0),
    .init(.hypothetical, ["Suppose my name is Bob."], atMost: 0),
    .init(.hypothetical, ["Pretend that I am a pirate."], atMost: 0),
    .init(.hypothetical, ["He said \"I live in Berlin\"."], atMost: 0),
    .init(.hypothetical, ["Tom says: “I work at Siemens.”"], atMost: 0),
    .init(.hypothetical, ["> I live in Berlin"], atMost: 0),
    .init(.hypothetical, ["I could live in Rome."], atMost: 0),
    .init(.hypothetical, ["Perhaps I am allergic to nuts."], atMost: 0),
    .init(.hypothetical, ["Would I be happier if I moved to Berlin?"], atMost: 0),
    .init(.hypothetical, ["I was wondering where my sister lives."], atMost: 0),
    .init(.hypothetical, ["what should I do if I quit my job"], atMost: 0),
    .init(.hypothetical, ["I almost moved to Berlin."], atMost: 0),
    .init(.hypothetical, ["I guess I like tea."], atMost: 0),
    .init(.hypothetical, ["I wanted to be a pilot but it never happened."], stale: ["pilot"]),
    .init(
      .hypothetical, ["I live in Oslo.", "Should I move to Berlin?", "If I lived in Rome..."],
      current: ["oslo"], stale: ["berlin", "rome"], atMost: 1),
    .init(
      .hypothetical, ["My name is Ann.", "Write a story where my name is Zelda?"],
      current: ["ann"], stale: ["zelda"], atMost: 1),
    .init(.hypothetical, ["In the story I am a dragon, right?"], atMost: 0),
    .init(.hypothetical, ["Unless I move to Berlin, nothing changes."], atMost: 0),
    .init(.hypothetical, ["I probably live too far away."], atMost: 0),
  ]
}

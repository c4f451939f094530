import Testing

@testable import Engram

@Suite struct SalienceGateTests {
  private func holdsNothing(_ text: String, after before: Message? = nil) -> Bool {
    SalienceGate.holdsNothing([Message(.user, text)], after: before)
  }

  /// No message of the rules' cases that leaves a fact is spared the model.
  @Test func whatHoldsFactsPasses() {
    let cases = RuleCase.changes + RuleCase.lasting + RuleCase.heldOut
    for text in Set(cases.flatMap(\.says)) where !RuleExtractor().facts(in: text).isEmpty {
      #expect(!holdsNothing(text), "\(text)")
    }
  }

  @Test(arguments: [
    "Hello", "Hi there!", "ok", "OK, thanks a lot!", "Thank you so much.", "👍", "...", "lol",
    "Great, got it!",
    "Good morning", "What is the capital of France?", "How does photosynthesis work?",
    "Can you explain that?", "Hello! Who wrote Faust?", "Thanks! Is there more?", "Yes",
  ])
  func whatHoldsNothing(text: String) {
    #expect(holdsNothing(text), "\(text)")
  }

  @Test(arguments: [
    "Hello, I am Ann", "Ann", "42", "Berlin", "Danke", "ありがとう", "Is my sister Ann here?",
    "What should I cook, as a vegan?", "Who is Ann, the new boss?", "Can you remind me at 5?",
    "Is the meeting at 17:00?", "Why do we pay 40 euros?", "> Hello", "```\nok\n```", "ok\nAnn is my sister",
    "\"Hello\"", "Deploys happen on Fridays", "Really? Bob moved to Rome.", "You know Bob?", "no, Lyon",
    "I'm good", "The password rotates monthly", "Since when does Bob live in Rome because of Ann?",
  ])
  func whatMayHoldSomething(text: String) {
    #expect(!holdsNothing(text), "\(text)")
  }

  /// An acknowledgement answers a question that came before it, in the call or before the call.
  @Test func answers() {
    let question = Message(.assistant, "Do you live in Berlin?")
    #expect(!holdsNothing("Yes", after: question) && !holdsNothing("👍", after: question))
    #expect(!SalienceGate.holdsNothing([Message(.user, "Hi"), question, Message(.user, "Right!")]))
    #expect(holdsNothing("Yes", after: Message(.assistant, "Noted.")))
    #expect(holdsNothing("Yes", after: Message(.user, "Really?")))
    #expect(SalienceGate.holdsNothing([Message(.user, "Hi"), Message(.system, "I live in Rome")]))
    #expect(!SalienceGate.holdsNothing([Message(.user, "Hi"), Message(.assistant, "Rome is nice.")]))
  }
}

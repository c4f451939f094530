import Engram
import Foundation

/// What a user and a support agent said to each other on three days: what `engram demo` is about.
enum DemoConversation {
  struct Session {
    var daysAgo: Double
    var messages: [Message]
  }

  /// What the agent wants to know when the user writes again.
  static let question = "Where do they live, and do they want an email or a phone call?"

  static let sessions = [
    Session(
      daysAgo: 42,
      messages: [
        Message(.user, "Hi! The card reader is dead again. I run a small bakery and I live in Lyon."),
        Message(
          .assistant,
          "Sorry to hear that. Is the light on the reader red, or does it stay off altogether? "
            + "And which device is it paired with?"),
        Message(.user, "It blinks red. I use an iPad at the till."),
        Message(
          .assistant,
          "A red blink means that the reader has lost its pairing. Please hold the power button for ten "
            + "seconds, open Settings and then Bluetooth on the tablet, remove the reader from the list, and "
            + "pair it again. The code is printed below the barcode."),
        Message(.user, "ok, trying that now"),
        Message(.assistant, "Take your time. I stay here."),
        Message(.user, "That worked, thanks! I prefer email over phone calls, mornings are loud here."),
        Message(
          .assistant,
          "Good to hear. Should it come back, switch the reader off overnight once a week: the battery "
            + "controller loses count otherwise, and the firmware that mends this is due next month."),
      ]),
    Session(
      daysAgo: 19,
      messages: [
        Message(.user, "Hello again. I switched from the iPad to an Android tablet."),
        Message(
          .assistant,
          "Welcome back. The app is the same there; sign in with the address that you used before, and the "
            + "catalogue and the receipts come over by themselves. Printing needs the Android print service, "
            + "which asks for a permission at the first receipt."),
        Message(.user, "What does the permission do?"),
        Message(
          .assistant,
          "It lets the app find printers in your network. It sees no other device and sends nothing out."),
        Message(.user, "Great, it prints. I like the large receipts."),
        Message(.assistant, "You find the paper for those under Supplies, in rolls of twenty."),
        Message(.user, "lol the first one jammed but now it is fine"),
        Message(.assistant, "That happens when a roll is put in the wrong way round. The label says which."),
      ]),
    Session(
      daysAgo: 1,
      messages: [
        Message(.user, "The reader is dead for good this time, nothing helps."),
        Message(
          .assistant,
          "Then we replace it. It is covered by the guarantee. You will get a label for the old one by mail, "
            + "and the new one leaves our store the same day."),
        Message(.user, "I moved to Marseille, by the way. And I no longer use the paper receipts."),
        Message(
          .assistant,
          "Thank you for telling me. I have noted both, and I will ask for the street when the parcel is "
            + "ready. Is there anything else today?"),
        Message(.user, "No, that's all, thanks!"),
        Message(.assistant, "Have a good evening."),
      ]),
  ]
}

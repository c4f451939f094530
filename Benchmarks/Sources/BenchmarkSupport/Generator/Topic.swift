/// What the generated dialogues are about. Each of the 21 topics has an assistant of its own.
struct Topic: Sendable {
  let name: String
  /// Of 1,000 dialogues, so many are about this; shares as in dialog-100k.
  let weight: Int
  let things: [String]
  let qualities: [String]

  private init(_ name: String, _ weight: Int, _ things: String, _ qualities: String) {
    self.name = name
    self.weight = weight
    self.things = things.split(separator: ",").map(String.init)
    self.qualities = qualities.split(separator: ",").map(String.init)
  }

  static let all: [Topic] = [
    Topic(
      "smalltalk", 302,
      "football season,new documentary,history book,space mission,comic series,city museum,"
        + "old radio show,science article,travel story,school concert,chess game,local election",
      "interesting,surprising,funny,long,strange,famous"),
    Topic(
      "movies", 106,
      "comedy,thriller,animated film,documentary,western,science fiction film,romance,classic film",
      "late evening,subtitled,short,popular,award winning,family friendly"),
    Topic(
      "events", 101,
      "jazz concert,theatre play,football match,street festival,art exhibition,poetry reading,"
        + "comedy night,choir performance",
      "open air,sold out,free,weekend,small,seated"),
    Topic(
      "coffee", 71,
      "espresso,flat white,cappuccino,iced latte,filter coffee,green tea,hot chocolate,oat latte",
      "large,small,decaf,strong,sugar free,extra hot"),
    Topic(
      "services", 59,
      "dentist appointment,haircut,house cleaning,car repair,physiotherapy session,eye test,"
        + "plumber visit,piano lesson",
      "morning,regular,short,urgent,weekly,afternoon"),
    Topic(
      "restaurants", 42,
      "noodle place,pizza place,vegetarian restaurant,seafood grill,bakery,curry house,taco stand,"
        + "breakfast cafe",
      "quiet,cheap,spicy,family run,crowded,gluten free"),
    Topic(
      "rentalcars", 39, "compact car,station wagon,electric car,van,convertible,small truck",
      "automatic,cheap,diesel,roomy,clean,insured"),
    Topic(
      "flights", 37, "morning flight,direct flight,return ticket,aisle seat,night flight,upgrade",
      "cheap,early,flexible,refundable,late,nonstop"),
    Topic(
      "homes", 35, "two bedroom flat,garden house,studio,loft,shared flat,terraced house",
      "furnished,bright,quiet,pet friendly,renovated,affordable"),
    Topic(
      "buses", 34, "coach,express bus,night bus,airport shuttle,window seat,day ticket",
      "direct,early,cheap,comfortable,late,crowded"),
    Topic(
      "hotels", 32, "double room,guest house,hostel bed,family suite,sea view room,country inn",
      "quiet,central,smoke free,cheap,accessible,top rated"),
    Topic(
      "travel", 30, "castle tour,mountain hike,beach trip,old town walk,boat ride,wine tasting",
      "guided,short,free,rainy day,popular,remote"),
    Topic(
      "weather", 28, "forecast,thunderstorm,heat wave,snowfall,strong wind,morning fog",
      "mild,cold,sudden,humid,unusual,heavy"),
    Topic(
      "music", 22, "playlist,violin sonata,blues album,folk song,piano piece,drum solo",
      "calm,loud,old,acoustic,upbeat,sad"),
    Topic(
      "media", 18, "podcast,cartoon series,cooking show,nature series,radio play,interview",
      "short,new,weekly,calm,long,funny"),
    Topic(
      "ridesharing", 11, "shared ride,airport pickup,taxi,luxury ride,ride home,van for six",
      "early,cheap,quick,quiet,late,reliable"),
    Topic(
      "banks", 10, "savings account,transfer,credit card,standing order,balance check,loan",
      "monthly,small,joint,free,secure,urgent"),
    Topic(
      "calendar", 9, "team meeting,doctor visit,birthday party,lunch date,parents evening,deadline",
      "weekly,moved,short,important,optional,monthly"),
    Topic(
      "alarm", 6, "wake up alarm,medicine reminder,kitchen timer,gym reminder,nap timer",
      "daily,early,quiet,weekday,loud,repeating"),
    Topic(
      "payment", 4, "shared bill,rent payment,gift money,ticket refund,lunch money",
      "private,late,small,public,split,monthly"),
    Topic(
      "trains", 4, "intercity train,sleeper train,day return,quiet coach seat,regional train",
      "early,direct,cheap,late,scenic,delayed"),
  ]

  static let totalWeight = all.reduce(0) { $0 + $1.weight }

  /// The topic at a place in 0..<totalWeight.
  static func pick(_ place: Int) -> Int {
    var left = place
    for (number, topic) in all.enumerated() {
      left -= topic.weight
      if left < 0 { return number }
    }
    return all.count - 1
  }
}

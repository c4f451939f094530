/// A parser under test: whatever the bytes are, it returns or throws, and what it accepts holds what
/// it promises. What does not ends the process, which libFuzzer reports with the input.
protocol Target: Sendable {
  static var name: String { get }
  static var seeds: [[UInt8]] { get }
  static func run(_ input: [UInt8])
}

/// Reports a finding. Nothing that is embedded comes here.
func finding(_ what: String) -> Never {
  // To trap is the report: libFuzzer knows a finding by the end of the process, and keeps the input.
  fatalError(what)
}

func demand(_ holds: Bool, _ what: @autoclosure () -> String) {
  if !holds { finding(what()) }
}

/// What bytes say as text, whatever they are.
func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

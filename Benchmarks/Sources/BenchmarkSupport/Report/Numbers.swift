/// Numbers as reports show them, the same under every locale.

/// 100000 as 100,000.
public func grouped(_ value: Int) -> String {
  let digits = String(value.magnitude)
  var out = value < 0 ? "-" : ""
  for (i, digit) in digits.enumerated() {
    if i > 0, (digits.count - i) % 3 == 0 { out.append(",") }
    out.append(digit)
  }
  return out
}

/// 1234.5678 with two decimals as 1,234.57; what is no finite number as a dash.
public func grouped(_ value: Double, decimals: Int) -> String {
  guard value.isFinite, value.magnitude < 1e15 else { return value.isFinite ? "\(value)" : "-" }
  let places = min(max(0, decimals), 9)
  var scale = 1.0
  for _ in 0..<places { scale *= 10 }
  var whole = Int(value.magnitude)
  var rest = Int(((value.magnitude - Double(whole)) * scale).rounded())
  if Double(rest) >= scale {
    whole += 1
    rest = 0
  }
  let sign = value < 0 && (whole > 0 || rest > 0) ? "-" : ""
  guard places > 0 else { return sign + grouped(whole) }
  return sign + grouped(whole) + "." + padded(rest, to: places)
}

/// 1536 bytes as 1.5 KiB.
public func byteText(_ bytes: Int) -> String {
  var value = Double(bytes)
  for unit in ["B", "KiB", "MiB", "GiB"] {
    if value.magnitude < 1_024 { return grouped(value, decimals: unit == "B" ? 0 : 1) + " " + unit }
    value /= 1_024
  }
  return grouped(value, decimals: 1) + " TiB"
}

/// 42 to four digits as 0042.
func padded(_ value: Int, to width: Int) -> String {
  let digits = String(value)
  return String(repeating: "0", count: max(0, width - digits.count)) + digits
}

/// A number with so many decimals, rounded half away from zero.
func fixed(_ value: Double, _ decimals: Int) -> String {
  guard value.isFinite else { return "-" }
  var scale = 1.0
  for _ in 0..<decimals { scale *= 10 }
  let scaled = Int64((abs(value) * scale).rounded())
  let whole = scaled / Int64(scale)
  let sign = value < 0 && scaled != 0 ? "-" : ""
  if decimals == 0 { return "\(sign)\(whole)" }
  let rest = String(scaled % Int64(scale))
  return "\(sign)\(whole).\(String(repeating: "0", count: decimals - rest.count))\(rest)"
}

/// A whole number with a comma before each three digits.
func grouped(_ value: Int) -> String {
  var text = ""
  for (index, digit) in String(abs(value)).reversed().enumerated() {
    if index > 0, index % 3 == 0 { text.append(",") }
    text.append(digit)
  }
  return (value < 0 ? "-" : "") + String(text.reversed())
}

/// A time in the unit that suits it.
func duration(nanoseconds: Double) -> String {
  switch nanoseconds {
  case ..<1e4: "\(fixed(nanoseconds, 0)) ns"
  case ..<1e6: "\(fixed(nanoseconds / 1e3, 1)) us"
  case ..<1e9: "\(fixed(nanoseconds / 1e6, 1)) ms"
  default: "\(fixed(nanoseconds / 1e9, 2)) s"
  }
}

import ArgumentParser

/// A number of bytes as people write it: 65536, 64KiB, 64M, 1GiB.
struct ByteSize: ExpressibleByArgument, CustomStringConvertible, Sendable {
  let bytes: Int

  init(_ bytes: Int) { self.bytes = bytes }

  init?(argument: String) {
    let digits = argument.prefix { $0.isNumber }
    let units = ["": 0, "b": 0, "k": 10, "m": 20, "g": 30, "t": 40]
    var unit = argument.dropFirst(digits.count).lowercased()
    if unit.hasSuffix("ib") { unit.removeLast(2) } else if unit.count == 2 { return nil }
    guard let number = Int(digits), number > 0, let shift = units[unit],
      number <= Int.max >> shift
    else { return nil }
    bytes = number << shift
  }

  var description: String { Self.text(bytes) }
  var defaultValueDescription: String { description }

  /// Bytes in the largest binary unit that leaves a number of at least 1.
  static func text(_ bytes: Int) -> String {
    var value = Double(bytes)
    for unit in ["B", "KiB", "MiB", "GiB"] {
      if abs(value) < 1024 {
        return "\(value == value.rounded() ? fixed(value, 0) : fixed(value, 1)) \(unit)"
      }
      value /= 1024
    }
    return "\(fixed(value, 1)) TiB"
  }
}

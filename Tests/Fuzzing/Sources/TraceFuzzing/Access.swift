import FuzzSupport
import SlidingMap

/// An access as a plain decoder or encoder has it.
struct Access: Equatable {
  let region: Int
  let file: UInt64
  let window: Int
  let byteCount: Int
}

extension Access {
  init(_ access: TraceAccess) {
    self.init(
      region: access.region, file: access.file, window: access.window,
      byteCount: access.byteCount)
  }

  /// A window with numbers of any size.
  static func chosen(by choices: inout Choices, number: Int) -> Access {
    let file = (0..<choices.pick(9)).reduce(0) { value, _ in value << 8 | UInt64(choices.byte()) }
    return Access(
      region: number, file: file, window: Int.chosen(by: &choices),
      byteCount: Int.chosen(by: &choices))
  }
}

extension Int {
  fileprivate static func chosen(by choices: inout Choices) -> Int {
    let bits = choices.pick(64)
    let value = (0..<8).reduce(0) { value, _ in value << 8 | UInt64(choices.byte()) }
    return Int((value >> 1) >> UInt64(63 - bits))
  }
}

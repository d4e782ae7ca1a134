/// The bytes of an input as choices: what a fuzzer varies.
///
/// Each choice takes as many bytes as it needs, most often one, so that a byte that is changed, put in or left out changes one choice and
/// leaves those behind it their meaning. At the end all choices are the first.
public struct Choices {
  private let bytes: [UInt8]
  private var next = 0

  /// Choices by these bytes.
  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Whether nothing is left to choose by.
  public var isAtEnd: Bool { next == bytes.count }

  /// What is left.
  public var rest: ArraySlice<UInt8> { bytes[next...] }

  /// The next byte; 0 at the end.
  public mutating func byte() -> UInt8 {
    if isAtEnd { return 0 }
    defer { next += 1 }
    return bytes[next]
  }

  /// 0..<`bound`, which is positive.
  public mutating func pick(_ bound: Int) -> Int {
    var (value, reach) = (0, 1)
    while reach < bound {
      value = value << 8 | Int(byte())
      reach <<= 8
    }
    return value % bound
  }

  /// One of several.
  public mutating func pick<T>(_ choices: [T]) -> T { choices[pick(choices.count)] }

  /// True once in `count` times.
  public mutating func oneIn(_ count: Int) -> Bool { pick(count) == count - 1 }
}

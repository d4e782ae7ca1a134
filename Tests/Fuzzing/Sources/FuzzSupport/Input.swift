#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// What libFuzzer hands over, as an array.
@unsafe
public func input(_ start: UnsafePointer<UInt8>?, _ count: Int) -> [UInt8] {
  unsafe Array(UnsafeBufferPointer(start: start, count: count))
}

/// Whether the environment has FUZZ_LOG: then what an input does is told step by step.
private let isLogged = unsafe getenv("FUZZ_LOG") != nil

/// Tells of a step.
public func log(_ step: @autoclosure () -> String) {
  if !isLogged { return }
  say(step())
}

private func say(_ text: String) {
  var bytes = Array("\(text)\n".utf8)
  unsafe bytes.withUnsafeMutableBytes { _ = unsafe write(2, $0.baseAddress, $0.count) }
}

/// Ends the process with a message, so that libFuzzer keeps the input.
public func fail(_ message: String) -> Never {
  say("MISMATCH: \(message)")
  abort()
}

/// How many bytes lie before the first place where `bytes` have `pattern`, which is not empty; nil if they have it nowhere.
public func place(of pattern: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
  var start = bytes.startIndex
  while let first = bytes[start...].firstIndex(of: pattern[0]) {
    if bytes[first...].starts(with: pattern) { return first - bytes.startIndex }
    start = first + 1
  }
  return nil
}

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif
internal import MapProtocols

/// Tells what was under way when a signal ends the process: a trap in a policy or a backend says nothing of the seed.
package enum CrashNote {
  private static let width = 160
  private static let count = 128

  /// A line for each of those that run side by side, of `width` bytes.
  nonisolated(unsafe) private static let lines: UnsafeMutablePointer<CChar> = {
    let lines = UnsafeMutablePointer<CChar>.allocate(capacity: width * count)
    unsafe lines.initialize(repeating: 0, count: width * count)
    // Not SIGBUS, which the guard of maps answers: what it is called for it must see first.
    for number in [SIGSEGV, SIGILL, SIGTRAP, SIGABRT] {
      unsafe sigaction(number, nil, former + Int(number))
      _ = signal(number) { number in
        for index in 0..<CrashNote.count {
          let line = unsafe CrashNote.lines + index * CrashNote.width
          _ = unsafe write(2, line, strlen(line))
        }
        unsafe sigaction(number, former + Int(number), nil)
        raise(number)
      }
    }
    return unsafe lines
  }()

  /// What was to be done before, by the signal's number: Swift's runtime tells where it happened.
  nonisolated(unsafe) private static let former = UnsafeMutablePointer<sigaction>.allocate(
    capacity: 32)

  private static let taken = Guarded(Array(repeating: false, count: count), isScheduled: false)

  /// Carries `body` out, with a note of what it is.
  package static func during<Result>(_ text: String, _ body: () -> Result) -> Result {
    let line = taken.withLock { taken in
      let free = taken.firstIndex(of: false)
      if let free { taken[free] = true }
      return free
    }
    guard let line else { return body() }
    set(line, "\ncrashed in: \(text)\n")
    defer {
      set(line, "")
      taken.withLock { $0[line] = false }
    }
    return body()
  }

  private static func set(_ line: Int, _ text: String) {
    _ = unsafe text.withCString { unsafe strncpy(lines + line * width, $0, width - 1) }
  }
}

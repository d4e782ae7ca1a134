#if Schedule
  import Foundation

  /// Tells which schedules were under way when a signal ends the process.
  enum Crash {
    private static let width = 128
    private static let count = 128

    /// What was to be done before, by the signal's number: Swift's runtime tells where it happened.
    nonisolated(unsafe) private static let former = UnsafeMutablePointer<sigaction>.allocate(
      capacity: 32)

    /// A line for each scenario.
    nonisolated(unsafe) private static let lines: UnsafeMutablePointer<CChar> = {
      let lines = UnsafeMutablePointer<CChar>.allocate(capacity: width * count)
      unsafe lines.initialize(repeating: 0, count: width * count)
      for number in [SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGABRT] {
        unsafe sigaction(number, nil, former + Int(number))
        _ = signal(number) { number in
          for index in 0..<Crash.count {
            let line = unsafe Crash.lines + index * Crash.width
            _ = unsafe write(2, line, strlen(line))
          }
          unsafe sigaction(number, former + Int(number), nil)
          raise(number)
        }
      }
      return unsafe lines
    }()

    /// Notes what runs, or by nil that it is over.
    static func note(_ scenario: Int, _ text: String?) {
      let line = text.map { "\ncrashed in schedule: \($0)\n" } ?? ""
      _ = unsafe line.withCString { unsafe strncpy(lines + scenario * width, $0, width - 1) }
    }
  }
#endif

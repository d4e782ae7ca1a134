import Foundation
import MapTestSupport
import MapTesting
import SlidingMap
import Testing

/// Crashes that are no business of the guard's, in programs that have Swift print backtraces (SWIFT_BACKTRACE).
struct GuardBacktraceTests {
  enum Crash: String, CaseIterable, Sendable { case nullPointer, missingPage }

  private static let asked = ProcessInfo.processInfo.environment["SLIDING_MAP_CRASH"]

  /// What another test has a process of its own for.
  @Test(.enabled(if: asked != nil, "part of another test"))
  func crash() throws {
    try setLimit(RLIMIT_CORE, to: 0)
    let words = Self.asked?.split(separator: " ") ?? []
    let scratch = try Scratch()
    try scratch.write("other", content(10_000))
    if words.last == "guarded" { try GuardHostTests.survive(scratch) }
    switch Crash(rawValue: String(words[0])) {
    case .nullPointer: print(unsafe UnsafePointer<UInt8>(bitPattern: 8)?.pointee ?? 0)
    default: print(try GuardHostTests.touchForeign(scratch))
    }
  }

  /// How a crash ended the process, and what it printed.
  private struct End {
    let signal: CInt?
    let report: String

    /// The report's first words, which tell of the signal, without the address.
    var title: Substring {
      let lines = report.split(separator: "\n")
      let title = lines.first { $0.contains("crashed") } ?? ""
      return title.prefix(upTo: title.range(of: " at ")?.lowerBound ?? title.endIndex)
    }

    /// How many frames of the thread that crashed.
    var frames: Int {
      report.split(separator: "\n").count { $0.drop { $0 == " " }.first?.isNumber == true }
    }
  }

  private static func end(by crash: Crash, isGuarded: Bool) throws -> End {
    let scratch = try Scratch()
    let report = scratch["report"].string
    let process = Process()
    let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = [
      "--testing-library", "swift-testing", "--filter", "GuardBacktraceTests/crash",
    ]
    var environment = ProcessInfo.processInfo.environment
    environment["SLIDING_MAP_CRASH"] = crash.rawValue + (isGuarded ? " guarded" : "")
    environment["SWIFT_BACKTRACE"] =
      "enable=yes,interactive=no,color=no,symbolicate=off,threads=crashed,registers=none,images=none,"
      + "output-to=\(report)"
    process.environment = environment
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    let text = (try? String(contentsOfFile: report, encoding: .utf8)) ?? ""
    return End(
      signal: process.terminationReason == .uncaughtSignal ? process.terminationStatus : nil,
      report: text)
  }

  /// Swift's backtracer is a program of its own, which may be missing.
  private static let canTrace =
    !ProcessResources.isSanitized
    && (try? end(by: .nullPointer, isGuarded: false).title.isEmpty) == false

  @Test(.enabled(if: canTrace, "Swift prints no backtraces here"), arguments: Crash.allCases)
  func `Swift prints a backtrace as without the guard`(_ crash: Crash) throws {
    let usual = try Self.end(by: crash, isGuarded: false)
    let guarded = try Self.end(by: crash, isGuarded: true)
    #expect(usual.signal == (crash == .nullPointer ? SIGSEGV : SIGBUS))
    #expect(guarded.signal == usual.signal)
    #expect(guarded.title == usual.title && guarded.title.contains("crashed"))
    #expect(guarded.frames > 0)
  }
}

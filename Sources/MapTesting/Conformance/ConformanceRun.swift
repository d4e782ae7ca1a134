internal import Foundation
internal import Synchronization

/// Checks one promise after the other, each on a thread of its own, so that one that never comes to its end is a finding, too.
struct ConformanceRun {
  private(set) var report: ConformanceReport

  /// For how long a check may make no step, in seconds; generous, as machines may be busy, and more so under a sanitizer, where
  /// each step takes many times as long.
  private static let patience = ProcessResources.isSanitized ? 600 : 60
  /// The promise whose check did not come to an end: what is asked next may wait for the same.
  private var hung: String?

  init(of subject: String, seed: UInt64) { report = ConformanceReport(of: subject, seed: seed) }

  /// Waits, on the calling thread, until `body` has ended or makes no step any more; its thread is left behind then.
  mutating func check(_ promise: String, _ body: @escaping @Sendable (Checks) throws -> Void) {
    if let hung { return skip(promise, "\(hung) did not come to an end") }
    let checks = Checks()
    let end = DispatchSemaphore(value: 0)
    let name = "\(report.subject), \(promise), seed \(report.seed)"
    let thread = Thread {
      CrashNote.during(name) {
        do {
          try body(checks)
        } catch is Checks.End {
        } catch {
          checks.note(error)
        }
      }
      end.signal()
    }
    thread.stackSize = 4 << 20
    thread.start()
    // Counted rather than looked at on a clock, which goes on while the process is stopped.
    var (steps, seconds) = (0, 0)
    while end.wait(timeout: .now() + .seconds(1)) == .timedOut {
      seconds = checks.steps == steps ? seconds + 1 : 0
      steps = checks.steps
      if seconds > Self.patience {
        checks.noteNothingCame(for: Self.patience)
        hung = promise
        break
      }
    }
    note(promise, checks)
  }

  private mutating func note(_ promise: String, _ checks: Checks) {
    if !checks.texts.isEmpty {
      report.findings += checks.texts.map { ConformanceReport.Finding(promise: promise, text: $0) }
    } else if let reason = checks.reason {
      report.unchecked.append(ConformanceReport.Finding(promise: promise, text: reason))
    } else {
      report.kept.append(promise)
    }
  }

  /// Leaves a promise out.
  mutating func skip(_ promise: String, _ reason: String) {
    report.unchecked.append(ConformanceReport.Finding(promise: promise, text: reason))
  }
}

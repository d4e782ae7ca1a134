import SlidingMap
import Synchronization
import SystemPackage

/// What the threads of a soak over files that change have in common: how far they are, and what they were given.
final class ChangesTally: Sendable {
  struct Counts {
    /// Leases that were looked at.
    var uses = 0
    /// Of them those that were of several versions, which a change excuses.
    var torn = 0
    /// And those of which the table no longer knows what they might be.
    var unjudged = 0
    var wrong = 0
    var problems: [String] = []
    /// By what they are called in the table of errors.
    var errors: [String: Int] = [:]
  }

  /// Whether all bytes are read, and none mapped.
  let isCopying: Bool
  private let counts = Mutex(Counts())
  private let doneCount = Atomic(0)

  init(isCopying: Bool) { self.isCopying = isCopying }

  /// Goes up as long as threads get on.
  var done: Int { doneCount.load(ordering: .relaxed) }
  var now: Counts { counts.withLock { $0 } }

  /// Notes that something ended.
  func advance() { doneCount.add(1, ordering: .relaxed) }

  /// Counts what was seen.
  ///
  /// - Throws: `ChangesMismatch` where that is wrong.
  func take(_ seen: SeenBytes, _ file: SeenFile) throws {
    counts.withLock { counts in
      counts.uses += 1
      switch seen {
      case .oneVersion, .wrong: break
      case .several: counts.torn += 1
      case .unknown: counts.unjudged += 1
      }
    }
    if case .wrong(let what) = seen { throw ChangesMismatch(what, file) }
  }

  /// Counts an error that is right to come.
  func allow(_ error: MapError, _ plan: RoundPlan) {
    let detail: String? =
      switch error.code {
      case .openFailed: error.errno == .noSuchFileOrDirectory ? "no such file" : "a fault"
      case .budgetExhausted: "\(plan.budget) budget"
      default: nil
      }
    let name = "\(error.code)" + (detail.map { ", \($0)" } ?? "")
    counts.withLock { $0.errors[name, default: 0] += 1 }
  }

  /// Counts what is wrong, and keeps some of it.
  func blame(_ problem: String) {
    counts.withLock {
      $0.wrong += 1
      if $0.problems.count < 5 { $0.problems.append(problem) }
    }
  }
}

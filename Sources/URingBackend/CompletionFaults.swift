internal import MapProtocols
package import SystemPackage

/// Changes how chosen reads of one provider end, whether by a ring or by pread(2), for tests of what is made of it.
package final class CompletionFaults: Sendable {
  /// What a read is made to end with.
  package enum Fault: Sendable {
    /// At most so many bytes.
    case short(Int)
    /// This errno, and nothing read.
    case errno(Errno)
  }

  private struct Rule {
    var fault: Fault
    var skipping: Int
    var times: Int
  }

  private struct State {
    var rules: [Rule] = []
    var applied = 0
  }

  private let state = Guarded(State())

  package init() {}

  /// After `skipping` reads more, the next `times` reads end with `fault`. Rules are applied one after the other.
  package func add(_ fault: Fault, skipping: Int = 0, times: Int = 1) {
    state.withLock { $0.rules.append(Rule(fault: fault, skipping: skipping, times: times)) }
  }

  /// How many reads were changed so far.
  package var applied: Int { state.withLock { $0.applied } }

  /// The result that a read of `result` bytes, or negative errno, is to have instead.
  func apply(to result: Int32) -> Int32 {
    state.withLock { state in
      guard var rule = state.rules.first else { return result }
      if rule.skipping > 0 {
        rule.skipping -= 1
        state.rules[0] = rule
        return result
      }
      rule.times -= 1
      if rule.times > 0 { state.rules[0] = rule } else { state.rules.removeFirst() }
      state.applied += 1
      switch rule.fault {
      case .short(let count): return min(result, Int32(count))
      case .errno(let errno): return -errno.rawValue
      }
    }
  }
}

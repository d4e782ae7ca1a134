public import MapProtocols

/// Puts a policy of your own under the suite that the package's policies are under; one line in a test of any framework:
///
/// ```swift
/// @Test func keepsItsPromises() throws { try PolicyConformance.check(LRU2()) }
/// ```
///
/// It can't know whether a policy decides *well*: compare its decisions with a plain model's (`model`), or its misses with counts
/// that are known (`PolicySimulation`).
public enum PolicyConformance {
  /// What every policy promises, whatever it prefers.
  public enum Promise: String, CaseIterable, Sendable {
    /// It holds nothing at first, and again after its only region left; its name and how it learns of hits never change.
    case beginsAndEndsEmpty
    /// A copy is a value of its own.
    case isAValue
    /// Random hits, loads, loads that fail, removals, pins and capacities: each victim is held, and the same if asked again; what
    /// `upcoming` announces is held; `evictionOrder` has each region once; `_checkInvariants` holds; the model decides alike.
    case decidesSoundly
    /// Of a policy that wants to learn of hits the victims depend on them.
    case heedsHits
    /// A region that is told of as pinned stays while others go.
    case sparesWhatIsPinned
    /// Where all regions are pinned, each comes up; when one is free again it goes.
    case endsARoundOfPinnedRegions
    /// A successor takes all regions over, the first to go first, and a predecessor's are taken over.
    case handsOverAllRegions
    /// What it keeps of regions that left does not grow with every miss.
    case forgetsInTheEnd
    /// Under a manager, with cursors on several threads and a swap of policies, readers see the right bytes.
    case servesAManager
    #if Schedule
      /// The same with threads that a scheduler gives turns, in some hundred orders, on files that grow and are replaced. Only with the
      /// trait `Schedule`.
      case servesThreadsInAnyOrder
    #endif

    /// Whether a manager takes part, which would end the program where another promise is broken.
    var isOfManagers: Bool {
      #if Schedule
        if self == .servesThreadsInAnyOrder { return true }
      #endif
      return self == .servesAManager
    }
  }

  /// Checks a policy that holds nothing yet, and throws what was wrong. Its regions are windows of the files 0, 1 and 2, where there is a
  /// model of file 1 alone; a policy that looks at files should prefer one of these here. Blocks the calling thread: seconds in a release build, some
  /// minutes in a debug build.
  ///
  /// - Parameters:
  ///   - policy: what is checked; each promise begins with a copy.
  ///   - promises: which to check.
  ///   - operations: how many random ones `decidesSoundly` does.
  ///   - seed: what the random operations depend on; by default another each time, which the report tells.
  ///   - model: makes a model that decides alike and announces the same victim, where there is one.
  public static func check(
    _ policy: any EvictionPolicy, promises: [Promise] = Promise.allCases,
    operations: Int = 1_000_000, seed: UInt64 = .random(in: 0 ... .max),
    model: (@Sendable () -> any PolicyModel)? = nil
  ) throws(ConformanceReport) {
    let report = report(
      on: policy, promises: promises, operations: operations, seed: seed, model: model)
    if !report.isClean { throw report }
  }

  /// The same, as a report in any case.
  public static func report(
    on policy: any EvictionPolicy, promises: [Promise] = Promise.allCases,
    operations: Int = 1_000_000, seed: UInt64 = .random(in: 0 ... .max),
    model: (@Sendable () -> any PolicyModel)? = nil
  ) -> ConformanceReport {
    var run = ConformanceRun(of: "policy \"\(policy.name)\"", seed: seed)
    for promise in promises {
      if promise.isOfManagers && !run.report.isClean {
        run.skip(
          promise.rawValue, "a manager would end the program where another promise is broken")
        continue
      }
      run.check(promise.rawValue) { checks in
        try PolicyMistake.$listener.withValue(.init { checks.note("it \($0)") }) {
          switch promise {
          case .beginsAndEndsEmpty: try beginsAndEndsEmpty(policy, checks)
          case .decidesSoundly: try decidesSoundly(policy, operations, seed, model, checks)
          case .heedsHits: heedsHits(policy, checks)
          case .sparesWhatIsPinned: sparesWhatIsPinned(policy, checks)
          case .endsARoundOfPinnedRegions: endsARoundOfPinnedRegions(policy, checks)
          case .handsOverAllRegions: try handsOverAllRegions(policy, checks)
          case .isAValue: isAValue(policy, checks)
          case .forgetsInTheEnd: forgetsInTheEnd(policy, checks)
          case .servesAManager: try servesAManager(policy, seed, checks)
          #if Schedule
            case .servesThreadsInAnyOrder: servesThreadsInAnyOrder(policy, seed, checks)
          #endif
          }
        }
      }
    }
    return run.report
  }
}

public import MapProtocols

/// An observation that is under way: `MapManager.observe(policies:sampling:)`.
///
/// It ends by `stop`, with the manager's `shutdown()`, or when the last reference to it goes; it keeps the manager alive
/// until then.
public final class PolicyObservation: Sendable {
  private let core: MapCore
  private let shadows: ShadowPolicies

  init(core: MapCore, shadows: ShadowPolicies) {
    self.core = core
    self.shadows = shadows
  }

  /// What was found so far, also after the end. O(policies), under the lock, after what was used since was taken in.
  ///
  /// In a child process after fork(2) it is empty, all zeros without a policy: what was found stays with the parent.
  public var report: PolicyReport {
    // A child has neither the lock nor the threads that were observed.
    if core.isForked { return PolicyReport() }
    return core.locked {
      core.drainLogs()
      return shadows.report
    }
  }

  /// Ends the observation, and gives its memory back with this object. `report` stays as it is. Idempotent, from any thread.
  public func stop() { core.endObservation(by: shadows) }

  deinit { stop() }
}

/// What other policies would have made of what was accessed.
public struct PolicyReport: Hashable, Sendable {
  /// One policy's part.
  public struct Policy: Hashable, Sendable {
    /// The policy's name.
    public let name: String
    /// The share of accesses that would have missed, 0...1: what the policy in force missed, times this policy's misses in
    /// the sample as a multiple of those of the policy in force. Nil as long as the sample has no access.
    public let missRatio: Double?
    /// What the sample missed.
    public let sampledMisses: Int
  }

  /// Accesses since the observation began.
  public internal(set) var accesses = 0
  /// Those of them that found their window absent, under the policy in force.
  public internal(set) var misses = 0
  /// The share of windows that belong to the sample.
  public internal(set) var sampling = 0.0
  /// Accesses to windows of the sample.
  public internal(set) var sampledAccesses = 0
  /// What the policy in force, played to the sample, missed of them.
  public internal(set) var sampledMisses = 0
  /// Different windows of the sample that were accessed or loaded.
  public internal(set) var sampledRegions = 0
  /// Whether there were more than 2^31 - 1 of them: what was accessed since the first beyond is left out.
  public internal(set) var isExhausted = false
  /// Each policy's part, in the order in which they were given.
  public internal(set) var policies: [Policy] = []

  /// The share of accesses that missed under the policy in force, 0...1; nil before the first.
  public var missRatio: Double? { accesses == 0 ? nil : Double(misses) / Double(accesses) }

  /// The policy that would have missed least; nil before the first access to the sample. The first given, of equal ones.
  public var best: Policy? {
    sampledAccesses == 0 ? nil : policies.min { $0.sampledMisses < $1.sampledMisses }
  }
}

extension MapManager {
  /// Finds out, while everything runs, what other policies would miss.
  ///
  /// ```swift
  /// let observation = try maps.observe(policies: .lru, .sieve, .tinyLFU)
  /// // … a while later
  /// if let best = observation.report.best { maps.setPolicy(try .named(best.name)) }
  /// ```
  ///
  /// A sample of the windows, the same share of the budget, and the accesses to these windows are played to each policy.
  /// The policies start from the windows that are loaded. Only accesses to the sample cost more than a lookup; but while a
  /// manager is observed hits are written to a log also with policies that only count hits. The estimate is the better the
  /// more windows the sample has: with a hundred, of which ten fit, the error was below two points of miss ratio on recorded
  /// traces. Not so for plain LFU, whose newcomers get a larger part of a smaller room.
  ///
  /// - Parameters:
  ///   - policies: those to try.
  ///   - sampling: the share of windows to look at, above 0 and at most 1, rounded to one of a whole number. Without it,
  ///     what makes about 500 regions of the sample fit the present budget. A manager of whole files that has loaded none
  ///     does not know how many fit a budget of bytes, and takes all into the sample: observe it later, or name a share.
  /// - Precondition: the policies hold nothing yet.
  /// - Throws: `.shutdown`, `.forked`.
  /// - Complexity: O(loaded windows), under the lock, and some 40 bytes for each different window of the sample; from then
  ///   on O(policies) for an access to the sample, amortized.
  public func observe<each Policy: EvictionPolicy>(
    policies: repeat each Policy, sampling: Double? = nil
  ) throws(MapError) -> PolicyObservation {
    var all: [any EvictionPolicy] = []
    repeat all.append(each policies)
    return try observe(policies: all, sampling: sampling)
  }

  /// The same for policies in an array.
  public func observe(
    policies: [any EvictionPolicy], sampling: Double? = nil
  ) throws(MapError) -> PolicyObservation {
    try observe(policies: policies, sampling: sampling, mostRegions: ShadowPolicies.mostRegions)
  }

  /// The same for a sample of at most so many windows.
  package func observe(
    policies: [any EvictionPolicy], sampling: Double?, mostRegions: Int
  ) throws(MapError) -> PolicyObservation {
    if let sampling {
      precondition(sampling > 0 && sampling <= 1, "a share is above 0 and at most 1")
    }
    let capacity = try core.capacityNow()
    // Where all fits, anything tells as much.
    let usual = capacity.regions == .max ? 0.01 : min(500 / Double(capacity.regions), 1)
    let sampling = sampling ?? usual
    let shadows = ShadowPolicies(
      policies, sampling: sampling, capacity: capacity, mostRegions: mostRegions)
    try core.observe(by: shadows)
    return PolicyObservation(core: core, shadows: shadows)
  }
}

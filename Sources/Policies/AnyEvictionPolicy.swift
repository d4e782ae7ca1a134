public import MapProtocols

/// A policy that is chosen while the program runs: by name, from a configuration file, or as any other value.
///
/// ```swift
/// let maps = SlidingWindowMapManager(policy: try .named(configuration.policy))
/// ```
///
/// Managers and simulations take the policy out of it, so that it costs nothing later.
public struct AnyEvictionPolicy: EvictionPolicy {
  /// The policy itself.
  public private(set) var base: any EvictionPolicy

  /// Holds a policy; of an `AnyEvictionPolicy` the one that it holds.
  public init(_ base: any EvictionPolicy) {
    self.base = base.withoutBox
  }

  /// The names that `named` knows, those of the package's policies.
  public static let names = known.map(\.name)

  private static let known: [any EvictionPolicy] = [
    LRU(), LFU(), LFUDA(), CLOCK(), CLOCK(bits: 2), SIEVE(), S3FIFO(), TwoQ(), ARC(), TinyLFU(),
    FIFO(), RandomReplacement(),
  ]

  fileprivate static func find(_ name: String) -> AnyEvictionPolicy? {
    known.first { $0.name == name.lowercased() }.map(AnyEvictionPolicy.init)
  }

  // MARK: EvictionPolicy

  /// The name of the policy it holds.
  public var name: String { base.name }
  /// As the policy that it holds.
  public var hits: HitReporting { base.hits }
  /// Tells the policy that it holds.
  public mutating func setCapacity(_ capacity: PolicyCapacity) { base.setCapacity(capacity) }
  /// Tells the policy that it holds.
  public mutating func miss(_ key: RegionKey) { base.miss(key) }
  /// Tells the policy that it holds.
  public mutating func insert(_ slot: RegionSlot, _ region: RegionInfo) {
    base.insert(slot, region)
  }
  /// Tells the policy that it holds.
  public mutating func hit(_ slots: Span<RegionSlot>) { base.hit(slots) }
  /// Asks the policy that it holds.
  public mutating func victim(_ references: ReferenceTable) -> RegionSlot? {
    base.victim(references)
  }
  /// Tells the policy that it holds.
  public mutating func pinned(_ slot: RegionSlot) { base.pinned(slot) }
  /// Tells the policy that it holds.
  public mutating func remove(_ slot: RegionSlot, evicted: Bool) {
    base.remove(slot, evicted: evicted)
  }
  /// Asks the policy that it holds.
  public func upcoming(
    _ count: Int, _ references: ReferenceTable, into slots: inout [RegionSlot]
  ) {
    base.upcoming(count, references, into: &slots)
  }
  /// Asks the policy that it holds.
  public func evictionOrder() -> [RegionSlot] { base.evictionOrder() }
  /// Tells the policy that it holds.
  public mutating func adopt(_ regions: [(slot: RegionSlot, info: RegionInfo)]) {
    base.adopt(regions)
  }
  /// Asks the policy that it holds.
  public func _checkInvariants() { base._checkInvariants() }
}

extension EvictionPolicy where Self == AnyEvictionPolicy {
  /// One of the package's policies by its `name`, in lower or upper case: "s3fifo".
  ///
  /// - Throws: `.unknownPolicy`, with the names that there are.
  public static func named(_ name: String) throws(MapError) -> AnyEvictionPolicy {
    guard let policy = AnyEvictionPolicy.find(name) else {
      throw MapError(.unknownPolicy, underlying: UnknownPolicy(name: name))
    }
    return policy
  }
}

extension EvictionPolicy {
  /// The policy that an `AnyEvictionPolicy` holds; any other itself.
  package var withoutBox: any EvictionPolicy { (self as? AnyEvictionPolicy)?.base ?? self }
}

/// A name that no policy of the package has.
struct UnknownPolicy: Error, CustomStringConvertible {
  let name: String
  var description: String {
    "no policy is called \"\(name)\"; there are \(AnyEvictionPolicy.names.joined(separator: ", "))"
  }
}

public import MapProtocols

/// Plays requests for regions to a policy, without a manager: how many would have been absent.
///
/// For measuring policies on traces, and for asking what another policy or budget would have made of the same requests.
/// It calls the policy in the order that `EvictionPolicy` promises; no region is ever pinned. A region that is larger than
/// all that fits is loaded alone. The caller gives the regions dense numbers from 0, so that what is where is an array
/// lookup and the time is the policy's. Copies are independent of each other.
///
/// It takes memory for as many regions as are loaded and as there are numbers, some 60 bytes and 4, beside the policy's.
public struct PolicySimulation: Sendable {
  /// Requests so far.
  public private(set) var requests = 0
  /// Requests so far for regions that were not loaded.
  public private(set) var misses = 0

  private var policy: any EvictionPolicy
  private var host: SimulatedHost

  /// Nothing is loaded yet, and `policy` must hold nothing. O(1).
  ///
  /// - Parameters:
  ///   - policy: what decides; it is told of `capacity` first.
  ///   - capacity: how much fits, at least one region.
  public init(_ policy: some EvictionPolicy, capacity: PolicyCapacity) {
    precondition(capacity.regions > 0, "a simulation has room for a region")
    self.policy = policy.withoutBox
    host = SimulatedHost(hits: policy.hits, capacity: capacity)
    self.policy.setCapacity(capacity)
  }

  /// Starts warm: `regions`, the first to go first, are loaded without a request, all or, where they are more than fit,
  /// the last of them. Call it before the first request, with regions that differ. O(n), and what the policy takes.
  public mutating func adopt(_ regions: [(region: Int, info: RegionInfo)]) {
    precondition(requests == 0 && host.loadedCount == 0, "regions are adopted before all else")
    var held: [(slot: RegionSlot, info: RegionInfo)] = []
    for (region, info) in regions.reversed() where host.fits(regions: 1, bytes: info.byteCount) {
      held.append((slot: host.load(region, info), info: info))
    }
    policy.adopt(held.reversed())
  }

  /// Says that more or less fits now, at least one region; what does not fit any more leaves. O(k) for k regions that
  /// leave, and what the policy takes.
  public mutating func setCapacity(_ capacity: PolicyCapacity) {
    precondition(capacity.regions > 0, "a simulation has room for a region")
    host.own()
    host.report(to: &policy)
    host.capacity = capacity
    policy.setCapacity(capacity)
    Self.makeRoom(regions: 0, bytes: 0, &host, &policy)
  }

  /// Goes on with another policy, which holds nothing yet, and the same regions in the order in which the old one would
  /// have let them go. O(n), and what the policies take.
  public mutating func setPolicy(_ successor: some EvictionPolicy) {
    host.own()
    host.report(to: &policy)
    let held = policy.evictionOrder().map { (slot: $0, info: host.info(of: $0)) }
    host.setHits(successor.hits)
    policy = successor.withoutBox
    policy.setCapacity(host.capacity)
    policy.adopt(held)
  }

  /// Asks for a region, and loads it if it is absent. O(1) amortized, and what the policy takes.
  ///
  /// - Parameters:
  ///   - region: the caller's number for it, from 0 and below 2^31; numbers should be dense.
  ///   - info: what it is, with a key that is always the same for one number.
  /// - Returns: whether it was there.
  @discardableResult
  public mutating func request(_ region: Int, info: RegionInfo) -> Bool {
    host.own()
    let wasThere = Self.request(region, info, &host, &policy)
    requests += 1
    if !wasThere { misses += 1 }
    return wasThere
  }

  /// Asks for one region of one byte after the other; each number is also the window's in `file`. O(k) amortized for k
  /// requests, and what the policy takes; faster than `request` for each.
  ///
  /// - Returns: how many were absent.
  @discardableResult
  public mutating func play(_ regions: Span<Int32>, file: UInt64 = 1) -> Int {
    host.own()
    let absent = Self.play(regions, file, &host, &policy)
    requests += regions.count
    misses += absent
    return absent
  }

  // Generic, so that the policy is taken out of its box once for many requests.
  private static func play(
    _ regions: Span<Int32>, _ file: UInt64, _ host: inout SimulatedHost,
    _ policy: inout some EvictionPolicy
  ) -> Int {
    var misses = 0
    for index in regions.indices {
      let region = Int(regions[index])
      let key = RegionKey(file: file, window: region)
      let info = RegionInfo(key: key, byteCount: 1, reloadCost: 1)
      if !request(region, info, &host, &policy) { misses += 1 }
    }
    return misses
  }

  @inline(__always)
  private static func request(
    _ region: Int, _ info: RegionInfo, _ host: inout SimulatedHost,
    _ policy: inout some EvictionPolicy
  ) -> Bool {
    if let slot = host.slot(of: region) {
      if host.note(slot) { host.report(to: &policy) }
      return true
    }
    host.report(to: &policy)
    policy.miss(info.key)
    makeRoom(regions: 1, bytes: info.byteCount, &host, &policy)
    policy.insert(host.load(region, info), info)
    return false
  }

  @inline(__always)
  private static func makeRoom(
    regions: Int, bytes: Int, _ host: inout SimulatedHost, _ policy: inout some EvictionPolicy
  ) {
    while !host.fits(regions: regions, bytes: bytes), host.loadedCount > 0 {
      guard let victim = policy.victim(host.references) else {
        preconditionFailure("a policy that holds regions names no victim")
      }
      policy.remove(victim, evicted: true)
      host.unload(victim)
    }
  }
}

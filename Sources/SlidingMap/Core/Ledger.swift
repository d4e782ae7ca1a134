import MapProtocols

/// What the budget allows, what is held of it, and what was held at most.
///
/// It counts what others bring in and out, and says whether more fits; a charge is never refused here.
struct Ledger {
  private var allowed: BudgetLimits
  private var held = BudgetUsage()
  private var most = BudgetUsage()
  /// Kernel maps of regions; all others are extents'.
  private var regionMaps = 0
  /// Addresses of regions likewise: of those in spans.
  private var regionAddresses = 0
  /// What a region is taken to have of a budget of bytes: a window, until regions turn out to be of another size.
  private var usualByteCount: Int
  /// Regions that came one after the other since they turned out to be of another size than they are taken to have.
  private var sizeDrift = 0

  /// After so many regions that are of another size than was thought, it is taken to be the usual one.
  private static let mostDrift = 16

  init(_ budget: some Budget, isCopied: Bool, windowSize: Int) {
    held.isCopied = isCopied
    most.isCopied = isCopied
    allowed = budget.limits(holding: held)
    usualByteCount = windowSize
  }

  /// The limits in force.
  var limits: BudgetLimits { allowed }
  /// What is held now.
  var usage: BudgetUsage { held }
  /// The most that was held of each at a time.
  var peak: BudgetUsage { most }

  /// Applies what the budget says now.
  ///
  /// - Returns: whether that is anything new.
  mutating func apply(_ limits: BudgetLimits) -> Bool {
    if limits == allowed { return false }
    allowed = limits
    return true
  }

  /// Whether limits allow more than twice as many addresses or kernel maps: what the host takes and gives back is less.
  func isRelieved(by limits: BudgetLimits) -> Bool {
    limits.addresses / 2 > allowed.addresses || limits.maps / 2 > allowed.maps
  }

  // MARK: Bytes and regions

  /// What is to fit into the budget beside what is there.
  struct Demand {
    var bytes: Int
    var regions: Int
    /// Kernel maps that its regions take beside their extents'.
    var maps = 0
    /// Addresses likewise.
    var addresses = 0
    /// Whether it may not overshoot.
    var isHard: Bool

    /// Nothing more: what is there must fit.
    static let none = Demand(bytes: 0, regions: 0, isHard: false)
    var isNone: Bool { bytes == 0 && regions == 0 }
  }

  /// Whether a demand fits beside what is there.
  func fits(_ demand: Demand) -> Bool {
    hasMaps(for: demand) && hasAddresses(for: demand) && fitsInMemory(demand)
  }

  /// Whether there are kernel maps for a demand, or for what there is if that is all. What needs none is no reason to give any back; and
  /// where no window has any, unloading gives none.
  private func hasMaps(for demand: Demand) -> Bool {
    if demand.isNone { return regionMaps == 0 || held.maps <= allowed.maps }
    return demand.maps == 0 || held.maps + demand.maps <= allowed.maps
  }

  /// The same of addresses.
  func hasAddresses(for demand: Demand) -> Bool {
    if demand.isNone { return regionAddresses == 0 || held.addresses <= allowed.addresses }
    return demand.addresses == 0 || held.addresses <= allowed.addresses - demand.addresses
  }

  /// Whether unloading regions gives kernel maps back. Where it does not, they are no reason to unload any.
  var canGiveMapsBack: Bool { regionMaps > 0 }

  /// The same without a look at kernel maps and addresses, which may always be overshot.
  func fitsInMemory(_ demand: Demand) -> Bool {
    held.bytes <= allowed.bytes - demand.bytes
      && held.regions + demand.regions <= allowed.regions
  }

  /// Whether an eighth of the budget is free.
  var hasAmpleRoom: Bool {
    held.bytes <= allowed.bytes - allowed.bytes / 8
      && held.regions <= allowed.regions - allowed.regions / 8 - 1
  }

  /// Counts a region, for which room was made.
  mutating func chargeRegion(_ byteCount: Int, maps: Int, addresses: Int) {
    held.regions += 1
    held.maps += maps
    regionMaps += maps
    held.addresses += addresses
    regionAddresses += addresses
    chargeBytes(byteCount)
  }

  mutating func creditRegion(_ byteCount: Int, maps: Int, addresses: Int) {
    held.regions -= 1
    creditRegionMaps(maps)
    held.addresses -= addresses
    regionAddresses -= addresses
    held.bytes -= byteCount
  }

  /// Whether half of the kernel maps are free beside so many more.
  func hasAmpleMaps(beside maps: Int) -> Bool { held.maps + maps <= allowed.maps / 2 }

  /// Counts kernel maps of regions no longer.
  mutating func creditRegionMaps(_ maps: Int) {
    held.maps -= maps
    regionMaps -= maps
  }

  /// Counts a copy's memory, for which room was made.
  mutating func chargeBytes(_ byteCount: Int) {
    held.bytes += byteCount
    notePeak()
  }

  mutating func creditBytes(_ byteCount: Int) { held.bytes -= byteCount }

  /// Counts what loaded windows grew by. Nobody has come to these bytes yet: the peak is noted once room was made for them.
  mutating func chargeGrowth(_ byteCount: Int) { held.bytes += byteCount }

  /// Notes that bytes are held, after room was made for them.
  mutating func notePeak() {
    most.bytes = max(most.bytes, held.bytes)
    most.regions = max(most.regions, held.regions)
    most.maps = max(most.maps, held.maps)
    most.addresses = max(most.addresses, held.addresses)
  }

  // MARK: Addresses, kernel maps, handles

  /// Whether more kernel maps, or addresses, are held than are allowed.
  var exceedsMaps: Bool { held.maps > allowed.maps }
  var exceedsAddresses: Bool { held.addresses > allowed.addresses }

  /// Counts kernel maps and addresses that are no region's.
  mutating func chargeExtent(maps: Int, addresses: Int) {
    held.maps += maps
    held.addresses += addresses
    most.maps = max(most.maps, held.maps)
    most.addresses = max(most.addresses, held.addresses)
  }

  mutating func creditExtent(maps: Int, addresses: Int) {
    held.maps -= maps
    held.addresses -= addresses
  }

  /// Handles that tasks have asked backends for. Nobody waits for a task as for a thread, so they are no part of what is held.
  private var handlesBeingOpened = 0

  /// Whether a task waits for a handle.
  var isOpeningHandles: Bool { handlesBeingOpened > 0 }

  var hasRoomForHandle: Bool { held.handles < allowed.handles - handlesBeingOpened }

  /// Whether a task may ask for one more: half of what is allowed is for threads, whose requests fail where there is none. If not,
  /// one is being opened.
  var mayOpenMore: Bool { handlesBeingOpened < max(allowed.handles / 2, 1) }

  mutating func beginOpening() { handlesBeingOpened += 1 }
  mutating func endOpening() { handlesBeingOpened -= 1 }

  mutating func chargeHandle() {
    held.handles += 1
    most.handles = max(most.handles, held.handles)
  }

  mutating func creditHandles(_ count: Int = 1) { held.handles -= count }

  // MARK: Capacity

  /// How much the policy may count on.
  var capacity: PolicyCapacity {
    let bySize = allowed.bytes == .max ? Int.max : max(allowed.bytes / usualByteCount, 1)
    return PolicyCapacity(regions: min(allowed.regions, bySize), bytes: allowed.bytes)
  }

  /// Notes how large regions are, after one came. They count as of another size when they have become more than twice or less
  /// than half as large as they were taken to be, and stay so for a while: small files, or whole ones.
  ///
  /// A single large file among small ones, for which most of these leave, is no reason: policies keep ghosts and divide
  /// shares by the capacity, and would forget what they know each time.
  ///
  /// - Parameter copied: bytes held that are no regions'.
  /// - Returns: whether the policy is to be told of another capacity.
  mutating func noteSizes(copied: Int, pageSize: Int) -> Bool {
    if allowed.bytes == .max { return false }
    let mean = max(held.bytes - copied, 0) / max(held.regions, 1)
    if mean / 2 <= usualByteCount && mean >= usualByteCount / 2 {
      sizeDrift = 0
      return false
    }
    sizeDrift += 1
    // Before the first whole file nothing was known.
    if sizeDrift < Self.mostDrift && usualByteCount <= allowed.bytes { return false }
    sizeDrift = 0
    usualByteCount = max(mean, pageSize)
    return true
  }
}

import SlidingMap

/// What the system lets the process have, and what it has of it now. Null stands for no limit.
struct LimitsReport: Encodable {
  let openFiles: Probe.Limit
  let openFilesInUse: Int
  let addresses: Probe.Limit
  let addressesInUse: Int
  let data: Int?
  let dataInUse: Int
  let lockedMemory: Probe.Limit
  let maxMapCount: Int?
  let mapsInUse: Int
  let memory: Int?
  /// The least limit of the process's control group and those above it, where it is below the memory.
  let cgroupMemory: Int?

  init(_ system: SystemLimits) {
    openFiles = Probe.openFiles
    openFilesInUse = system.openFilesInUse
    addresses = Probe.addresses
    addressesInUse = system.addressSpaceInUse
    data = system.data.unlessUnlimited
    dataInUse = system.dataInUse
    lockedMemory = Probe.lockedMemory
    maxMapCount = system.maxMapCount.unlessUnlimited
    mapsInUse = system.mapsInUse
    memory = system.memory.unlessUnlimited
    // Version 1's word for "no limit" is a huge number.
    cgroupMemory = system.cgroupMemory.flatMap { $0 < system.memory ? $0 : nil }
  }
}

/// What the automatic budget makes of the limits. Null stands for no limit.
struct BudgetReport: Encodable {
  let bytes: Int?
  let regions: Int?
  let maps: Int?
  let addresses: Int?
  let handles: Int?

  init(_ limits: BudgetLimits) {
    bytes = limits.bytes.unlessUnlimited
    regions = limits.regions.unlessUnlimited
    maps = limits.maps.unlessUnlimited
    addresses = limits.addresses.unlessUnlimited
    handles = limits.handles.unlessUnlimited
  }
}

extension Int {
  /// Nil for the number that stands for no limit.
  var unlessUnlimited: Int? { self == .max ? nil : self }
}

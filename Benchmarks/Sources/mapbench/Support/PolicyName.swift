import SlidingMap

/// The policies the tool knows by name.
enum PolicyName: String, CaseIterable, Sendable {
  case lru, lfu, clock, clock2bit, fifo, random

  /// A fresh policy.
  func make() -> any EvictionPolicy {
    switch self {
    case .lru: .lru
    case .lfu: .lfu
    case .clock: .clock
    case .clock2bit: .clock2Bit
    case .fifo: .fifo
    case .random: .random
    }
  }

  /// A sliding manager with it.
  func slidingManager(
    _ budget: some Budget, windowSize: Int, backend: some RegionProvider = .automatic
  ) -> MapManager {
    SlidingWindowMapManager(
      backend: backend, policy: make(), budget: budget, windowSize: windowSize)
  }

  /// A static manager with it, over mmap.
  func staticManager(_ budget: some Budget) -> MapManager {
    StaticWindowMapManager(backend: .mmap, policy: make(), budget: budget)
  }
}

import SlidingMap

/// The policies the tool knows by name.
enum PolicyName: String, CaseIterable, Sendable {
  case lru, lfu, lfuda, clock, clock2bit, sieve, s3fifo, twoq, arc, wtinylfu, fifo, random

  /// One of each kind, for comparisons that take their time.
  static let usual: [PolicyName] = [.lru, .lfuda, .clock, .sieve, .s3fifo, .wtinylfu]

  /// A fresh policy.
  func make() -> any EvictionPolicy {
    guard let policy = try? AnyEvictionPolicy.named(rawValue) else {
      preconditionFailure("the library has no policy \(rawValue)")
    }
    return policy.base
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

import FuzzSupport
import SlidingMap

/// What kind of manager an input asks for.
struct Setup: CustomStringConvertible {
  let kind: Kind
  /// Nil for whole files.
  let windowSize: Int?
  let policy: any EvictionPolicy
  let changes: FileChanges
  let pattern: AccessPattern
  let limits: BudgetLimits

  init(_ choices: inout Choices) {
    kind = choices.pick(Kind.allCases)
    windowSize = choices.pick([4096, 12_288, 65_536, nil])
    policy = choices.pick(Self.policies)
    changes = choices.pick([.followed, .followed, .appendOnly, .oneVersion])
    pattern = choices.pick([.learned, .normal, .sequential, .random])
    let window = windowSize ?? 100_000
    limits = BudgetLimits(
      bytes: choices.pick([.max, 2 * window, 8 * window, 4096]),
      regions: choices.pick([.max, 1, 2, 3, 8]),
      maps: choices.pick([.max, 1, 2, 4]), addresses: choices.pick([.max, .max, .max, 300_000]),
      handles: choices.pick([.max, 1, 2, 3]), isHard: choices.oneIn(4))
  }

  var description: String {
    "\(kind), windows of \(windowSize ?? 0), \(policy.name), \(changes), \(pattern), \(limits)"
  }

  private static let policies: [any EvictionPolicy] = [
    LRU(), FIFO(), CLOCK(), CLOCK(bits: 2), LFU(), RandomReplacement(seed: 7), LFUDA(), SIEVE(),
    S3FIFO(), TwoQ(), ARC(), TinyLFU(),
  ]

  func policy(_ choices: inout Choices) -> any EvictionPolicy { choices.pick(Self.policies) }

  func makeManager() -> MapManager {
    let (backend, policy) = (kind.make(), policy)
    return makeManager(backend, policy)
  }

  private func makeManager(
    _ backend: some RegionProvider, _ policy: some EvictionPolicy
  ) -> MapManager {
    let budget = FixedBudget.fixed(
      bytes: limits.bytes, regions: limits.regions, maps: limits.maps,
      addresses: limits.addresses, handles: limits.handles, isHard: limits.isHard)
    if let windowSize {
      return SlidingWindowMapManager(
        backend: backend, policy: policy, budget: budget, windowSize: windowSize,
        pattern: pattern, changes: changes)
    }
    return StaticWindowMapManager(
      backend: backend, policy: policy, budget: budget, pattern: pattern, changes: changes)
  }

  /// Whether budgets of bytes and regions are never exceeded.
  var isHard: Bool { limits.isHard || !kind.mayMap }

  /// Whether bytes may be copies, which stay as they were under their lease: of maps too, where windows that don't lie side by side for
  /// want of maps or addresses are read at one go.
  var mayCopy: Bool { kind.mayCopy || limits.maps != .max || limits.addresses != .max }

  /// Windows that a request takes, and their bytes of the budget.
  func cost(_ range: Range<Int>, ofSize size: Int) -> (windows: Int, bytes: Int) {
    if range.isEmpty { return (0, 0) }
    guard let windowSize else { return (1, Self.pages(size)) }
    let first = range.lowerBound / windowSize
    let last = (range.upperBound - 1) / windowSize
    let end = min((last + 1) * windowSize, max(size, range.upperBound))
    return (last - first + 1, Self.pages(end - first * windowSize))
  }

  static func pages(_ count: Int) -> Int { (count + 4095) / 4096 * 4096 }
}

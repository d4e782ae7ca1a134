import MapProtocols
import Policies

/// Plays a sample of the accesses to policies that are not in force, each with a share of the budget as large as the
/// sample's share of the windows.
///
/// Which windows belong to the sample depends on a hash, so that all accesses to one do: spatial sampling, after
/// Waldspurger, Park, Garthwaite and Ahmad, "Efficient MRC Construction with SHARDS", FAST 2015, and as a miniature
/// simulation after Waldspurger, Saemundsson, Ahmad and Park, "Cache Modeling and Optimization using Miniature
/// Simulations", ATC 2017. Two things bring the error down, on recorded traces with a hundred windows in the sample to a
/// quarter:
///
/// - Of each run of as many windows of a file as one is to be taken from, exactly one is, wherever the hash says. Neighbours
///   are used alike, so that the sample has of everything its share (stratified sampling).
/// - The policy in force is among those played to, and what it really missed is known. The estimate for another policy is
///   that, times the misses of the other in the sample over its own: what makes the sample harder or easier than the whole
///   is the same for both and goes out (a ratio estimator).
final class ShadowPolicies: AccessObserver, @unchecked Sendable {
  private static let unsampled: Int32 = -1
  /// As many as there are numbers.
  static let mostRegions = Int(Int32.max)

  // All guarded by the core's lock.
  /// Of so many windows one belongs to the sample.
  private let stride: Int
  /// How many windows the sample can have.
  private let mostRegions: Int
  private let names: [String]
  private var simulations: [PolicySimulation]
  /// The policy in force, in the sample.
  private var control: PolicySimulation
  /// By slot, the number in the simulations of what is loaded, or `unsampled`; and what it is.
  private var numbers: [Int32] = []
  private var infos: [RegionInfo] = []
  private var known: [RegionKey: Int32] = [:]
  private var accesses = 0
  private var misses = 0
  /// Whether a window came for which there was no number. Nothing is taken in from then on.
  private var isExhausted = false

  init(
    _ policies: [any EvictionPolicy], sampling: Double, capacity: PolicyCapacity, mostRegions: Int
  ) {
    self.mostRegions = mostRegions
    stride = Int(min((1 / sampling).rounded(), 0x1p40))
    names = policies.map(\.name)
    let share = Self.share(of: capacity, stride)
    simulations = policies.map { PolicySimulation($0, capacity: share) }
    // Until it is told at the beginning.
    control = PolicySimulation(.lru, capacity: share)
  }

  func setCapacity(_ capacity: PolicyCapacity) {
    let share = Self.share(of: capacity, stride)
    for index in simulations.indices { simulations[index].setCapacity(share) }
    control.setCapacity(share)
  }

  func setPolicy(_ policy: any EvictionPolicy) { control.setPolicy(policy) }

  func begin(_ regions: [(slot: RegionSlot, info: RegionInfo)], _ policy: any EvictionPolicy) {
    var sample: [(region: Int, info: RegionInfo)] = []
    var seen: Set<Int32> = [Self.unsampled]
    for (slot, info) in regions {
      let number = set(slot, info)
      // A file that was changed or outgrew its place may be there twice, and a window of it.
      if seen.insert(number).inserted { sample.append((region: Int(number), info: info)) }
    }
    for index in simulations.indices { simulations[index].adopt(sample) }
    control.setPolicy(policy)
    control.adopt(sample)
  }

  func expect(_ slot: RegionSlot, _ region: RegionInfo) { _ = set(slot, region) }

  func miss(_ slot: RegionSlot, _ region: RegionInfo) {
    let number = set(slot, region)
    if isExhausted { return }
    accesses += 1
    misses += 1
    if number != Self.unsampled { request(number, region) }
  }

  func hit(_ slots: Span<RegionSlot>) {
    if isExhausted { return }
    accesses += slots.count
    for index in slots.indices {
      let slot = slots[index].index
      let number = numbers[slot]
      if number != Self.unsampled { request(number, infos[slot]) }
    }
  }

  var report: PolicyReport {
    PolicyReport(
      accesses: accesses, misses: misses, sampling: 1 / Double(stride),
      sampledAccesses: control.requests, sampledMisses: control.misses,
      sampledRegions: known.count, isExhausted: isExhausted,
      policies: zip(names, simulations).map { name, simulation in
        PolicyReport.Policy(
          name: name, missRatio: missRatio(of: simulation), sampledMisses: simulation.misses)
      })
  }

  private func missRatio(of simulation: PolicySimulation) -> Double? {
    if control.requests == 0 { return nil }
    if control.misses == 0 { return Double(simulation.misses) / Double(control.requests) }
    let ratio = Double(simulation.misses) / Double(control.misses)
    return min(Double(misses) * ratio / Double(accesses), 1)
  }

  private func request(_ number: Int32, _ info: RegionInfo) {
    for index in simulations.indices { simulations[index].request(Int(number), info: info) }
    control.request(Int(number), info: info)
  }

  /// Notes what a slot holds now, and returns its number in the sample.
  private func set(_ slot: RegionSlot, _ info: RegionInfo) -> Int32 {
    if slot.index >= numbers.count {
      let missing = max(slot.index + 1, 2 * numbers.count) - numbers.count
      numbers.append(contentsOf: repeatElement(Self.unsampled, count: missing))
      infos.append(contentsOf: repeatElement(info, count: missing))
    }
    let number = number(of: info.key)
    numbers[slot.index] = number
    infos[slot.index] = info
    return number
  }

  private func number(of key: RegionKey) -> Int32 {
    if !isSampled(key) { return Self.unsampled }
    if let number = known[key] { return number }
    if known.count == mostRegions {
      isExhausted = true
      return Self.unsampled
    }
    let number = Int32(known.count)
    known[key] = number
    return number
  }

  private func isSampled(_ key: RegionKey) -> Bool {
    let (run, place) = key.window.quotientAndRemainder(dividingBy: stride)
    // Mixed once more: policies that hash keys must not see a selection of their hashes.
    var source = SplitMix64(seed: RegionKey(file: key.file, window: run).ghostName)
    return source.draw(below: stride) == place
  }

  private static func share(of capacity: PolicyCapacity, _ stride: Int) -> PolicyCapacity {
    func share(_ whole: Int) -> Int {
      if whole == .max { return .max }
      let (share, rest) = whole.quotientAndRemainder(dividingBy: stride)
      return max(rest < stride - rest ? share : share + 1, 1)
    }
    return PolicyCapacity(regions: share(capacity.regions), bytes: share(capacity.bytes))
  }
}

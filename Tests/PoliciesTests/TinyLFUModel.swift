import MapProtocols
import MapTestSupport
import MapTesting
import Policies

/// W-TinyLFU with one integer for each counter of the sketch, and queues searched from the front.
struct TinyLFUModel: PolicyModel {
  /// Window, probation, protected; the first to go first.
  var queues: [[Int]] = [[], [], []]
  /// Pinned victims of the window, and others, until they rejoin window and protected part.
  var aside: [[Int]] = [[], []]
  var keys: [Int: Int] = [:]
  var capacity = 0
  var window = 0.0
  var counters = Array(repeating: 0, count: 128)
  var additions = 0
  var sample = (windowHits: 0, mainHits: 0, misses: 0)
  var (ratio, step) = (0.0, 0.0)
  var random = SplitMix64(seed: 1)
  var chance: UInt64

  init() { chance = random.next() }

  /// The window's first size, and the protected part's.
  var firstWindow: Int { max(capacity - Int(Double(capacity) * 0.99), 1) }
  var firstProtected: Int { Int(Double(capacity - firstWindow) * 0.8) }
  var windowShare: Int { Int(window) }
  var protectedShare: Int { max(firstProtected - (windowShare - firstWindow), 0) }

  mutating func setCapacity(_ capacity: Int) {
    if capacity == self.capacity { return }
    readmit()
    self.capacity = capacity
    window = Double(firstWindow)
    sample = (0, 0, 0)
    (ratio, step) = (0, Double(capacity) / 16)
    moveExcess()
  }
  mutating func miss(_ key: Int) {
    readmit()
    note(key)
    sample.misses += 1
    if (sample.windowHits + sample.mainHits + sample.misses) / 4 >= capacity { climb() }
  }
  mutating func insert(_ slot: Int, _ key: Int) {
    readmit()
    keys[slot] = key
    queues[0].append(slot)
    let held = queues.reduce(0) { $0 + $1.count }
    while counters.count / 16 < min(held, max(capacity, 8)) { counters += counters }
    moveExcess()
  }
  mutating func hit(_ slot: Int) {
    readmit()
    note(keys[slot]!)
    let isNew = queues[0].contains(slot)
    if isNew { sample.windowHits += 1 } else { sample.mainHits += 1 }
    take(slot)
    queues[isNew ? 0 : 2].append(slot)
    moveExcess()
  }
  mutating func victim() -> Int? {
    if queues.allSatisfy(\.isEmpty) { readmit() }
    guard let new = queues[0].first else { return queues[1].first ?? queues[2].first }
    guard let old = queues[1].first ?? queues[2].first else { return new }
    if queues[0].count + aside[0].count < windowShare { return old }
    let (newcomer, resident) = (frequency(keys[new]!), frequency(keys[old]!))
    let isLucky = newcomer > 5 && chance % 128 == 0
    return newcomer > resident || isLucky ? old : new
  }
  mutating func pinned(_ slot: Int) {
    let isNew = queues[0].contains(slot)
    take(slot)
    aside[isNew ? 0 : 1].append(slot)
  }
  mutating func remove(_ slot: Int, evicted: Bool) {
    take(slot)
    if evicted { chance = random.next() }
  }

  mutating func take(_ slot: Int) {
    for queue in 0..<3 { queues[queue].removeAll { $0 == slot } }
    for queue in 0..<2 { aside[queue].removeAll { $0 == slot } }
  }
  mutating func readmit() {
    queues[0] += aside[0]
    queues[2] += aside[1]
    aside = [[], []]
    moveExcess()
  }
  mutating func moveExcess() {
    while queues[0].count > windowShare { queues[1].append(queues[0].removeFirst()) }
    while queues[2].count > protectedShare { queues[1].append(queues[2].removeFirst()) }
  }
  mutating func climb() {
    let hits = sample.windowHits + sample.mainHits
    let now = Double(hits) / Double(hits + sample.misses)
    var amount = now >= ratio ? step : -step
    let long = Double(capacity) / 16
    if 4 * windowShare <= capacity, sample.windowHits * 1000 < hits + sample.misses {
      step = abs(now - ratio) < 0.05 ? 0.98 * amount : amount < 0 ? -long : long
    } else {
      step = long
      amount = Double(capacity) * max(min(0.02 * doublings, 0.3), -0.3)
    }
    (ratio, sample) = (now, (0, 0, 0))
    let before = windowShare
    window = min(max(window + amount, 1), Double(firstWindow + firstProtected))
    moveExcess()
    for _ in 0..<max(windowShare - before, 0) where queues[0].count < windowShare {
      if !queues[1].isEmpty {
        queues[0].append(queues[1].removeFirst())
      } else if !queues[2].isEmpty {
        queues[0].append(queues[2].removeFirst())
      }
    }
  }

  /// How many times more often a region of the window was hit, as a power of two, roughly.
  var doublings: Double {
    let perRegion = (
      window: (Double(sample.windowHits) + 0.5) / Double(windowShare),
      main: (Double(sample.mainHits) + 0.5) / Double(max(capacity - windowShare, 1))
    )
    var (ratio, power) = (perRegion.window / perRegion.main, 0.0)
    while ratio >= 2 { (ratio, power) = (ratio / 2, power + 1) }
    while ratio < 1 { (ratio, power) = (ratio * 2, power - 1) }
    return power + ratio - 1
  }

  /// The numbers of the four counters of a key of file 1.
  func places(_ key: Int) -> [Int] {
    var name = SplitMix64(seed: 1 ^ UInt64(key) &* 0xD6E8_FEB8_6659_FD93)
    var hash = SplitMix64(seed: name.next() ^ 1)
    let bits = hash.next()
    let block = Int(bits % UInt64(counters.count / 128))
    return (0..<4).map { row in
      let byte = Int(bits >> (32 + 8 * row) & 0xFF)
      return 128 * block + 32 * row + 16 * (byte % 2) + byte / 2 % 16
    }
  }
  func frequency(_ key: Int) -> Int { places(key).map { counters[$0] }.min()! }
  mutating func note(_ key: Int) {
    let low = places(key).filter { counters[$0] < 15 }
    for place in low { counters[place] += 1 }
    if low.isEmpty { return }
    additions += 1
    if additions < 10 * min(capacity, counters.count / 16) { return }
    let odd = counters.count { $0 % 2 == 1 }
    additions = (additions - odd / 4) / 2
    counters = counters.map { $0 / 2 }
  }
}

import MapProtocols
import MapTestSupport
import MapTesting
import Policies

/// The model of a policy that knows neither a capacity nor what left.
protocol PlainModel: PolicyModel {
  mutating func miss()
  mutating func insert(_ slot: Int)
  mutating func remove(_ slot: Int)
}

extension PlainModel {
  mutating func setCapacity(_ capacity: Int) {}
  mutating func miss(_ key: Int) { miss() }
  mutating func miss() {}
  mutating func insert(_ slot: Int, _ key: Int) { insert(slot) }
  mutating func remove(_ slot: Int, evicted: Bool) { remove(slot) }
}

/// Least recently used: every use puts a region to the end of the queue.
struct LRUModel: PlainModel {
  var queue: [Int] = []
  mutating func insert(_ slot: Int) { queue.append(slot) }
  mutating func hit(_ slot: Int) {
    remove(slot)
    queue.append(slot)
  }
  mutating func victim() -> Int? { queue.first }
  mutating func pinned(_ slot: Int) { hit(slot) }
  mutating func remove(_ slot: Int) { queue.remove(at: queue.firstIndex(of: slot)!) }
}

/// First in, first out: a use changes nothing.
struct FIFOModel: PlainModel {
  var queue = LRUModel()
  mutating func insert(_ slot: Int) { queue.insert(slot) }
  mutating func hit(_ slot: Int) {}
  mutating func victim() -> Int? { queue.victim() }
  mutating func pinned(_ slot: Int) { queue.hit(slot) }
  mutating func remove(_ slot: Int) { queue.remove(slot) }
}

/// A ring that stays where it is, and a hand that moves over it.
struct ClockModel: PlainModel {
  var ring: [Int] = []
  var marks: [Int: Int] = [:]
  var hand = 0
  var limit = 1

  init() {}
  init(limit: Int) { self.limit = limit }

  mutating func insert(_ slot: Int) {
    ring.insert(slot, at: hand)
    marks[slot] = 0
    hand = (hand + 1) % ring.count
  }
  mutating func hit(_ slot: Int) { marks[slot] = min(marks[slot]! + 1, limit) }
  mutating func victim() -> Int? {
    if ring.isEmpty { return nil }
    while marks[ring[hand]]! > 0 {
      marks[ring[hand]]! -= 1
      hand = (hand + 1) % ring.count
    }
    return ring[hand]
  }
  mutating func pinned(_ slot: Int) {
    precondition(ring[hand] == slot)
    hand = (hand + 1) % ring.count
  }
  mutating func remove(_ slot: Int) {
    let index = ring.firstIndex(of: slot)!
    ring.remove(at: index)
    if index < hand { hand -= 1 }
    if hand == ring.count { hand = 0 }
  }
}

/// `ClockModel` with counts up to three.
struct Clock2BitModel: PlainModel {
  var clock = ClockModel(limit: 3)
  mutating func insert(_ slot: Int) { clock.insert(slot) }
  mutating func hit(_ slot: Int) { clock.hit(slot) }
  mutating func victim() -> Int? { clock.victim() }
  mutating func pinned(_ slot: Int) { clock.pinned(slot) }
  mutating func remove(_ slot: Int) { clock.remove(slot) }
}

/// The lowest count goes, of these the one used longest ago; a pinned victim waits aside for the rest of the round.
struct LFUModel: PlainModel {
  struct Use {
    var count: Int
    var time: Int
    var isAside = false
  }
  var uses: [Int: Use] = [:]
  var now = 0

  mutating func miss() { for slot in uses.keys { uses[slot]!.isAside = false } }
  mutating func insert(_ slot: Int) {
    miss()
    now += 1
    uses[slot] = Use(count: 1, time: now)
  }
  mutating func hit(_ slot: Int) {
    miss()
    use(slot)
  }
  mutating func use(_ slot: Int) {
    now += 1
    uses[slot]!.count += 1
    uses[slot]!.time = now
  }
  mutating func victim() -> Int? {
    if !uses.values.contains(where: { !$0.isAside }) { miss() }
    var best: (slot: Int, use: Use)?
    for (slot, use) in uses where !use.isAside {
      if let least = best?.use, (least.count, least.time) < (use.count, use.time) { continue }
      best = (slot, use)
    }
    return best?.slot
  }
  mutating func pinned(_ slot: Int) {
    use(slot)
    uses[slot]!.isAside = true
  }
  mutating func remove(_ slot: Int) { uses[slot] = nil }
}

/// Regions in random order, each new one traded against a random one; a pinned victim waits aside until the next miss.
struct RandomModel: PlainModel {
  var order: [Int] = []
  /// In the order in which they come back.
  var aside: [Int] = []
  var source = SplitMix64(seed: 1)

  mutating func miss() {
    for slot in aside {
      order.append(slot)
      order.swapAt(order.count - 1, source.draw(below: order.count))
    }
    aside = []
  }
  mutating func insert(_ slot: Int) {
    aside.append(slot)
    miss()
  }
  mutating func hit(_ slot: Int) {}
  mutating func victim() -> Int? {
    if order.isEmpty { miss() }
    return order.last
  }
  mutating func pinned(_ slot: Int) {
    precondition(order.last == slot)
    order.removeLast()
    aside.insert(slot, at: 0)
  }
  mutating func remove(_ slot: Int) {
    if aside.contains(slot) {
      Self.remove(slot, &aside)
    } else {
      Self.remove(slot, &order)
      // Both lie in one array, one behind the other, and the last of all fills the gap between them.
      if let last = aside.popLast() { aside.insert(last, at: 0) }
    }
  }

  /// The last takes the place of the one that goes.
  static func remove(_ slot: Int, _ slots: inout [Int]) {
    guard let index = slots.firstIndex(of: slot) else { return }
    slots.swapAt(index, slots.count - 1)
    slots.removeLast()
  }
}

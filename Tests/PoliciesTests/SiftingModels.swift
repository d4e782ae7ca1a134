import MapProtocols
import MapTestSupport
import MapTesting
import Policies

/// The lowest of count plus L goes, of these the one used longest ago; a pinned victim waits aside and then is used.
struct LFUDAModel: PlainModel {
  var counts: [Int: Int] = [:]
  var keys: [Int: Int] = [:]
  /// From the one used longest ago.
  var byUse: [Int] = []
  var aside: [Int] = []
  var age = 0

  mutating func miss() {
    let slots = aside
    aside = []
    for slot in slots { use(slot) }
  }
  mutating func insert(_ slot: Int) {
    miss()
    counts[slot] = 0
    use(slot)
  }
  mutating func hit(_ slot: Int) {
    miss()
    use(slot)
  }
  mutating func use(_ slot: Int) {
    counts[slot]! += 1
    keys[slot] = age + counts[slot]!
    byUse.removeAll { $0 == slot }
    byUse.append(slot)
  }
  mutating func victim() -> Int? {
    if aside.count == byUse.count { miss() }
    let waiting = Set(aside)
    let candidates = byUse.filter { !waiting.contains($0) }
    let lowest = candidates.map { keys[$0]! }.min()
    return candidates.first { keys[$0] == lowest }
  }
  mutating func pinned(_ slot: Int) { aside.append(slot) }
  mutating func remove(_ slot: Int, evicted: Bool) {
    if evicted { age = keys[slot]! }
    remove(slot)
  }
  mutating func remove(_ slot: Int) {
    byUse.removeAll { $0 == slot }
    aside.removeAll { $0 == slot }
  }
}

/// A queue, marks, and a hand that moves over it towards the newest.
struct SIEVEModel: PlainModel {
  var queue: [Int] = []
  var marked: Set<Int> = []
  var hand = 0

  mutating func insert(_ slot: Int) { queue.append(slot) }
  mutating func hit(_ slot: Int) { marked.insert(slot) }
  mutating func victim() -> Int? {
    if queue.isEmpty { return nil }
    while marked.remove(queue[hand]) != nil { hand = (hand + 1) % queue.count }
    return queue[hand]
  }
  mutating func pinned(_ slot: Int) {
    precondition(queue[hand] == slot)
    hand = (hand + 1) % queue.count
  }
  mutating func remove(_ slot: Int) {
    let index = queue.firstIndex(of: slot)!
    queue.remove(at: index)
    marked.remove(slot)
    if index < hand { hand -= 1 }
    if hand == queue.count { hand = 0 }
  }
}

/// Keys in the order in which they left, and one that was asked for and is not back yet.
struct GhostModel {
  var keys: [Int] = []
  var limit = 0
  var wanted: Int?

  mutating func setLimit(_ limit: Int) {
    self.limit = limit
    keys = keys.suffix(limit)
  }
  mutating func remember(_ key: Int) { keys = (keys.filter { $0 != key } + [key]).suffix(limit) }
  mutating func miss(_ key: Int) {
    if let wanted { remember(wanted) }
    wanted = keys.contains(key) ? key : nil
    keys.removeAll { $0 == key }
  }
  /// Whether the region that comes was a ghost.
  mutating func take(_ key: Int) -> Bool {
    defer { if wanted == key { wanted = nil } }
    return wanted == key
  }
}

/// Two queues whose pinned victims wait aside until the next miss, and then come to their ends.
struct TwoQueues {
  var queues: [[Int]] = [[], []]
  var aside: [[Int]] = [[], []]

  func count(_ queue: Int) -> Int { queues[queue].count + aside[queue].count }
  var isDone: Bool { queues[0].isEmpty && queues[1].isEmpty }
  func isIn(_ queue: Int, _ slot: Int) -> Bool {
    queues[queue].contains(slot) || aside[queue].contains(slot)
  }
  mutating func readmit() {
    for queue in 0...1 {
      queues[queue] += aside[queue]
      aside[queue] = []
    }
  }
  mutating func remove(_ slot: Int) {
    for queue in 0...1 {
      queues[queue].removeAll { $0 == slot }
      aside[queue].removeAll { $0 == slot }
    }
  }
  mutating func pinned(_ slot: Int) {
    let queue = isIn(0, slot) ? 0 : 1
    remove(slot)
    aside[queue].append(slot)
  }
}

/// 2Q: a queue for the new, a list for what came again soon after it left.
struct TwoQModel: PolicyModel {
  var lists = TwoQueues()
  var ghosts = GhostModel()
  var keys: [Int: Int] = [:]
  var share = 0

  mutating func setCapacity(_ capacity: Int) {
    share = capacity / 4
    ghosts.setLimit(capacity / 2)
  }
  mutating func miss(_ key: Int) {
    lists.readmit()
    ghosts.miss(key)
  }
  mutating func insert(_ slot: Int, _ key: Int) {
    lists.readmit()
    keys[slot] = key
    lists.queues[ghosts.take(key) ? 1 : 0].append(slot)
  }
  mutating func hit(_ slot: Int) {
    lists.readmit()
    if lists.isIn(0, slot) { return }
    lists.remove(slot)
    lists.queues[1].append(slot)
  }
  mutating func victim() -> Int? {
    if lists.isDone { lists.readmit() }
    let main = lists.queues[1].first
    return lists.count(0) <= share ? main ?? lists.queues[0].first : lists.queues[0].first ?? main
  }
  mutating func pinned(_ slot: Int) { lists.pinned(slot) }
  mutating func remove(_ slot: Int, evicted: Bool) {
    if evicted && lists.isIn(0, slot) { ghosts.remember(keys[slot]!) }
    lists.remove(slot)
  }
}

/// S3-FIFO: sweeps one region at a time, as told in the policy's description.
struct S3FIFOModel: PolicyModel {
  var lists = TwoQueues()
  var ghosts = GhostModel()
  var keys: [Int: Int] = [:]
  var uses: [Int: Int] = [:]
  var capacity = 0
  var hasEvicted = false
  /// The queue of the present eviction.
  var source: Int?

  mutating func setCapacity(_ capacity: Int) {
    if capacity > self.capacity { hasEvicted = false }
    self.capacity = capacity
    ghosts.setLimit(Int(Double(9 * UInt128(capacity) / 10)))
    source = nil
  }
  mutating func miss(_ key: Int) {
    source = nil
    lists.readmit()
    ghosts.miss(key)
  }
  mutating func insert(_ slot: Int, _ key: Int) {
    source = nil
    lists.readmit()
    keys[slot] = key
    uses[slot] = 0
    let isFull = lists.count(0) >= capacity / 10
    lists.queues[ghosts.take(key) || (!hasEvicted && isFull) ? 1 : 0].append(slot)
  }
  mutating func hit(_ slot: Int) { uses[slot] = min(uses[slot]! + 1, 3) }
  mutating func victim() -> Int? {
    if lists.isDone {
      source = nil
      lists.readmit()
    }
    while !lists.isDone {
      var from = source ?? (lists.count(1) > capacity - capacity / 10 ? 1 : 0)
      if lists.queues[from].isEmpty { from = 1 - from }
      source = from
      let slot = lists.queues[from][0]
      if uses[slot]! < (from == 0 ? 2 : 1) { return slot }
      uses[slot] = from == 0 ? 0 : uses[slot]! - 1
      lists.queues[from].removeFirst()
      lists.queues[1].append(slot)
    }
    return nil
  }
  mutating func pinned(_ slot: Int) { lists.pinned(slot) }
  mutating func remove(_ slot: Int, evicted: Bool) {
    if evicted {
      source = nil
      hasEvicted = true
      if lists.isIn(0, slot) { ghosts.remember(keys[slot]!) }
    }
    lists.remove(slot)
  }
}

/// ARC with its four lists, the least recently used first; pinned victims of T2 wait aside.
struct ARCModel: PolicyModel {
  var t1: [Int] = []
  var t2: [Int] = []
  var b1: [Int] = []
  var b2: [Int] = []
  var aside: Set<Int> = []
  var keys: [Int: Int] = [:]
  var p = 0.0
  var capacity = 0
  var wanted: Int?

  mutating func setCapacity(_ capacity: Int) {
    self.capacity = capacity
    p = min(p, Double(capacity))
    forget()
  }
  mutating func miss(_ key: Int) {
    aside = []
    wanted = key
    let (first, second) = (Double(b1.count), Double(b2.count))
    if b1.contains(key) { p = min(p + max(second / first, 1), Double(capacity)) }
    if b2.contains(key) { p = max(p - max(first / second, 1), 0) }
  }
  mutating func insert(_ slot: Int, _ key: Int) {
    aside = []
    wanted = nil
    keys[slot] = key
    if b1.contains(key) || b2.contains(key) { t2.append(slot) } else { t1.append(slot) }
    b1.removeAll { $0 == key }
    b2.removeAll { $0 == key }
    forget()
  }
  mutating func hit(_ slot: Int) {
    aside = []
    use(slot)
  }
  mutating func use(_ slot: Int) {
    remove(slot, evicted: false)
    t2.append(slot)
  }
  mutating func victim() -> Int? {
    if aside.count == t1.count + t2.count { aside = [] }
    let (first, second) = (t1.first, t2.first { !aside.contains($0) })
    let size = Double(t1.count)
    let fromFirst = size > p || (size == p && wanted.map(b2.contains) == true)
    return fromFirst ? first ?? second : second ?? first
  }
  mutating func pinned(_ slot: Int) {
    use(slot)
    aside.insert(slot)
  }
  mutating func remove(_ slot: Int, evicted: Bool) {
    if evicted {
      if t1.contains(slot) { b1.append(keys[slot]!) } else { b2.append(keys[slot]!) }
    }
    t1.removeAll { $0 == slot }
    t2.removeAll { $0 == slot }
    aside.remove(slot)
    if evicted { forget() }
  }
  mutating func forget() {
    while !b1.isEmpty, t1.count + b1.count > capacity { b1.removeFirst() }
    let most = Double(capacity) * 2
    while !b2.isEmpty, Double(t1.count + t2.count + b1.count + b2.count) > most { b2.removeFirst() }
  }
}

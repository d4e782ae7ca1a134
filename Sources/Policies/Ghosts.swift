internal import MapProtocols

/// The keys of regions that left, in queues, the longest gone first: what some policies remember of their past.
///
/// A ghost is a number for which a key is kept; numbers stand in the queues as slots do in a policy's lists, and a table
/// with open addressing finds a key's number. A hash is taken once for a miss and once for a region that leaves; a hit has
/// nothing to do with ghosts. Every operation is O(1), amortized where something is added; the number of ghosts is for
/// the policy to bound.
struct Ghosts: Sendable {
  private static let vacant = UInt32.max

  private var queues: SlotLists
  private(set) var counts: [Int]
  private var keys: [RegionKey] = []
  private var homes: [UInt8] = []
  private var free: [UInt32] = []
  /// Numbers of ghosts at or behind the place that their hash gives; a power of two, at most half of them taken.
  private var table: [UInt32]

  /// `queueCount` empty queues, numbered from 0.
  init(queueCount: Int = 1) {
    queues = SlotLists(listCount: queueCount)
    counts = Array(repeating: 0, count: queueCount)
    table = Array(repeating: Self.vacant, count: 16)
  }

  /// The queue a key is in, or nil.
  func queue(of key: RegionKey) -> Int? {
    let number = table[place(of: key)]
    return number == Self.vacant ? nil : Int(homes[Int(number)])
  }

  /// Puts a key at the end of a queue, out of the one it may be in.
  mutating func append(_ key: RegionKey, to queue: Int = 0) {
    remove(key)
    if 2 * (keys.count - free.count + 1) > table.count { grow() }
    let number: UInt32
    if let reused = free.popLast() {
      number = reused
      keys[Int(number)] = key
      homes[Int(number)] = UInt8(queue)
    } else {
      number = UInt32(keys.count)
      keys.append(key)
      homes.append(UInt8(queue))
    }
    table[place(of: key)] = number
    queues.append(RegionSlot(rawValue: number), to: queue)
    counts[queue] += 1
  }

  /// Forgets a key and returns the queue it was in, or nil.
  @discardableResult
  mutating func remove(_ key: RegionKey) -> Int? {
    let place = place(of: key)
    let number = table[place]
    if number == Self.vacant { return nil }
    let queue = Int(homes[Int(number)])
    vacate(place)
    queues.remove(RegionSlot(rawValue: number))
    counts[queue] -= 1
    free.append(number)
    return queue
  }

  /// Forgets the longest gone of a queue until at most `count` are left. O(k) for k that go.
  mutating func trim(_ queue: Int = 0, to count: Int) {
    while counts[queue] > max(count, 0), let oldest = queues.first(of: queue) {
      remove(keys[oldest.index])
    }
  }

  /// Traps unless queues, counts and table agree. O(n).
  func checkInvariants() {
    queues.checkInvariants()
    var ghosts = 0
    for queue in counts.indices {
      let numbers = queues.slots(of: queue)
      precondition(numbers.count == counts[queue], "a queue's count is wrong")
      for number in numbers {
        precondition(
          self.queue(of: keys[number.index]) == queue, "a ghost is not found in its queue")
      }
      ghosts += numbers.count
    }
    precondition(ghosts == keys.count - free.count, "a number is neither free nor queued")
    precondition(table.count { $0 != Self.vacant } == ghosts, "the table has more than the queues")
  }

  /// Where in the table a key is, or would go.
  private func place(of key: RegionKey) -> Int {
    var place = home(of: key)
    while table[place] != Self.vacant, keys[Int(table[place])] != key {
      place = (place + 1) & (table.count - 1)
    }
    return place
  }

  private func home(of key: RegionKey) -> Int {
    Int(truncatingIfNeeded: key.mixed) & (table.count - 1)
  }

  /// Frees a place and moves up those behind that it kept from their home.
  private mutating func vacate(_ place: Int) {
    let mask = table.count - 1
    var (gap, current) = (place, place)
    while true {
      current = (current + 1) & mask
      let number = table[current]
      if number == Self.vacant { break }
      let distance = (current - home(of: keys[Int(number)])) & mask
      if distance >= (current - gap) & mask {
        table[gap] = number
        gap = current
      }
    }
    table[gap] = Self.vacant
  }

  private mutating func grow() {
    let old = table
    table = Array(repeating: Self.vacant, count: 2 * old.count)
    for number in old where number != Self.vacant { table[place(of: keys[Int(number)])] = number }
  }
}

extension RegionKey {
  /// The key as 64 bits, each of which depends on all of it.
  var mixed: UInt64 {
    var source = SplitMix64(
      seed: file ^ UInt64(bitPattern: Int64(window)) &* 0xD6E8_FEB8_6659_FD93)
    return source.next()
  }
}

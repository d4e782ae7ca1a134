internal import MapProtocols

/// The keys of regions that left, in queues, the longest gone first: what some policies remember of their past.
///
/// A ghost is a number for which a key is kept; numbers stand in the queues as slots do in a policy's lists, and a table
/// with open addressing finds a key's number. A hash is taken once for a miss and once for a region that leaves; a hit has
/// nothing to do with ghosts. Every operation is O(1), amortized where something is added; the number of ghosts is for
/// the policy to bound.
struct Ghosts: Sendable {
  /// A place in the table: a ghost's number, and half of its hash, so that probing seldom has to look at keys.
  private struct Place: Sendable {
    static let vacant = Place(number: .max, hash: 0)

    var number: UInt32
    var hash: UInt32

    var isVacant: Bool { number == .max }
  }

  private var queues: SlotLists
  private(set) var counts: [Int]
  private var keys: [RegionKey] = []
  private var homes: [UInt8] = []
  private var free: [UInt32] = []
  /// Ghosts at or behind the place that their hash gives; a power of two, at most half of them taken.
  private var table: [Place]

  /// `queueCount` empty queues, numbered from 0.
  init(queueCount: Int = 1) {
    queues = SlotLists(listCount: queueCount)
    counts = Array(repeating: 0, count: queueCount)
    table = Array(repeating: .vacant, count: 16)
  }

  /// The queue a key is in, or nil.
  func queue(of key: RegionKey) -> Int? {
    let found = table[place(of: key, Self.hash(key))]
    return found.isVacant ? nil : Int(homes[Int(found.number)])
  }

  /// Puts a key at the end of a queue, out of the one it may be in.
  mutating func append(_ key: RegionKey, to queue: Int = 0) {
    if 2 * (keys.count - free.count + 1) > table.count { grow() }
    let hash = Self.hash(key)
    let place = place(of: key, hash)
    if !table[place].isVacant {
      let known = table[place].number
      counts[Int(homes[Int(known)])] -= 1
      homes[Int(known)] = UInt8(queue)
      queues.moveToEnd(RegionSlot(rawValue: known), of: queue)
      counts[queue] += 1
      return
    }
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
    table[place] = Place(number: number, hash: hash)
    queues.append(RegionSlot(rawValue: number), to: queue)
    counts[queue] += 1
  }

  /// Forgets a key and returns the queue it was in, or nil.
  @discardableResult
  mutating func remove(_ key: RegionKey) -> Int? {
    let place = place(of: key, Self.hash(key))
    if table[place].isVacant { return nil }
    let number = table[place].number
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
    precondition(table.count { !$0.isVacant } == ghosts, "the table has more than the queues")
  }

  /// Where in the table a key is, or would go.
  private func place(of key: RegionKey, _ hash: UInt32) -> Int {
    let mask = table.count - 1
    var place = Int(hash) & mask
    while !table[place].isVacant {
      if table[place].hash == hash, keys[Int(table[place].number)] == key { break }
      place = (place + 1) & mask
    }
    return place
  }

  private static func hash(_ key: RegionKey) -> UInt32 { UInt32(truncatingIfNeeded: key.mixed) }

  /// Frees a place and moves up those behind that it kept from their home.
  private mutating func vacate(_ place: Int) {
    let mask = table.count - 1
    var (gap, current) = (place, place)
    while true {
      current = (current + 1) & mask
      let ghost = table[current]
      if ghost.isVacant { break }
      let distance = (current - Int(ghost.hash)) & mask
      if distance >= (current - gap) & mask {
        table[gap] = ghost
        gap = current
      }
    }
    table[gap] = .vacant
  }

  private mutating func grow() {
    let old = table
    table = Array(repeating: .vacant, count: 2 * old.count)
    for ghost in old where !ghost.isVacant {
      table[place(of: keys[Int(ghost.number)], ghost.hash)] = ghost
    }
  }
}

extension RegionKey {
  /// The key as 64 bits, each of which depends on all of it.
  package var mixed: UInt64 {
    var source = SplitMix64(
      seed: file ^ UInt64(bitPattern: Int64(window)) &* 0xD6E8_FEB8_6659_FD93)
    return source.next()
  }
}

internal import MapProtocols

/// The keys of regions that left, in queues, the longest gone first: what some policies remember of their past.
///
/// A hash is taken once for a miss and once for a region that leaves; a hit has nothing to do with ghosts. Beside the
/// ends of the queues each of these touches one line of the table and, where a ghost is found, the ghost. Every operation
/// is O(1), amortized where something is added; the number of ghosts is for the policy to bound.
struct Ghosts: Sendable {
  private var queues: [GhostQueue]
  /// Of each ghost its place in the queue, and the queue in the last bit.
  private var table = NumberTable()

  /// `queueCount` empty queues, one or two, numbered from 0.
  init(queueCount: Int = 1) { queues = Array(repeating: GhostQueue(), count: queueCount) }

  /// How many ghosts a queue has.
  func count(of queue: Int = 0) -> Int { queues[queue].count }

  /// The queue a key is in, or nil.
  func queue(of key: RegionKey) -> Int? {
    number(of: key, Self.hash(key)).map { Int($0 & 1) }
  }

  /// Puts a key at the end of a queue, out of the one it may be in.
  mutating func append(_ key: RegionKey, to queue: Int = 0) {
    let hash = Self.hash(key)
    if let known = number(of: key, hash) { remove(known, hash) }
    if queues[queue].isFull { compact(queue) }
    table.insert(number(queues[queue].append(key, hash), queue), hash)
  }

  /// Forgets a key and returns the queue it was in, or nil.
  @discardableResult
  mutating func remove(_ key: RegionKey) -> Int? {
    let hash = Self.hash(key)
    guard let known = number(of: key, hash) else { return nil }
    remove(known, hash)
    return Int(known & 1)
  }

  /// Forgets the longest gone of a queue until at most `count` are left. O(k) for k that go.
  mutating func trim(_ queue: Int = 0, to count: Int) {
    while queues[queue].count > max(count, 0) {
      let oldest = queues[queue].first
      remove(number(oldest, queue), queues[queue][oldest].hash)
    }
  }

  /// Traps unless queues and table agree. O(n).
  func checkInvariants() {
    table.checkInvariants()
    var ghosts = 0
    for (queue, content) in queues.enumerated() {
      content.checkInvariants()
      for place in content.places {
        precondition(
          number(of: content[place].key, content[place].hash) == number(place, queue),
          "a ghost is not found in its queue")
      }
      ghosts += content.count
    }
    precondition(table.count == ghosts, "the table has more than the queues")
  }

  private func number(_ place: Int, _ queue: Int) -> UInt32 {
    UInt32(place << 1 | queue)
  }

  private func number(of key: RegionKey, _ hash: UInt32) -> UInt32? {
    table.number(hash) { number in
      queues[Int(number & 1)][Int(number >> 1)].key == key
    }
  }

  private mutating func remove(_ number: UInt32, _ hash: UInt32) {
    table.remove(number, hash)
    queues[Int(number & 1)].remove(Int(number >> 1))
  }

  private mutating func compact(_ queue: Int) {
    // A new number may be that of one not moved yet: all go first.
    for place in queues[queue].places {
      table.remove(number(place, queue), queues[queue][place].hash)
    }
    queues[queue].compact()
    for place in queues[queue].places {
      table.insert(number(place, queue), queues[queue][place].hash)
    }
  }

  private static func hash(_ key: RegionKey) -> UInt32 { UInt32(truncatingIfNeeded: key.mixed) }
}

extension RegionKey {
  /// The key as 64 bits, each of which depends on all of it.
  package var mixed: UInt64 {
    var source = SplitMix64(
      seed: file ^ UInt64(bitPattern: Int64(window)) &* 0xD6E8_FEB8_6659_FD93)
    return source.next()
  }
}

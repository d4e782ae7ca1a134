internal import MapProtocols

/// The use counts that occur among an LFU's regions, ascending, each with the last region that has it.
///
/// A bucket is a run of the list in which the regions stand: those with one count, which ends at `last` and begins behind
/// the `last` of the bucket below. Buckets are numbered, and the numbers of empty ones reused. Every operation is O(1).
struct CountBuckets: Sendable {
  /// One count and the run of regions that have it.
  struct Bucket: Sendable {
    /// How often each of the regions was used.
    var count: Int
    /// How many they are; 0 for a bucket that is free.
    var population: Int
    /// The last of them, which was used last.
    var last: RegionSlot
    /// The next lower count's bucket, or `none`.
    var below: UInt32
    /// The next higher count's bucket, or `none`; where free, the next free one.
    var above: UInt32
  }

  /// No bucket.
  static let none = UInt32.max

  private var buckets: [Bucket] = []
  private var free = none
  /// The bucket of the lowest count, or `none`.
  private(set) var lowest = none

  subscript(_ bucket: UInt32) -> Bucket {
    get { buckets[Int(bucket)] }
    set { buckets[Int(bucket)] = newValue }
    _modify { yield &buckets[Int(bucket)] }
  }

  /// The bucket above one; above `none` the lowest.
  func above(_ bucket: UInt32) -> UInt32 { bucket == Self.none ? lowest : self[bucket].above }

  /// Makes a bucket of one region above another, or the lowest one where that is `none`.
  mutating func insert(count: Int, slot: RegionSlot, above below: UInt32) -> UInt32 {
    let above = above(below)
    let new = Bucket(count: count, population: 1, last: slot, below: below, above: above)
    let number: UInt32
    if free == Self.none {
      number = UInt32(buckets.count)
      buckets.append(new)
    } else {
      number = free
      free = self[number].above
      self[number] = new
    }
    if below == Self.none { lowest = number } else { self[below].above = number }
    if above != Self.none { self[above].below = number }
    return number
  }

  /// Takes a bucket out that has no region left.
  mutating func remove(_ bucket: UInt32) {
    let old = self[bucket]
    if old.below == Self.none { lowest = old.above } else { self[old.below].above = old.above }
    if old.above != Self.none { self[old.above].below = old.below }
    self[bucket].population = 0
    self[bucket].above = free
    free = bucket
  }
}

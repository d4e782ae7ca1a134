public import MapProtocols

/// Unloads the region used least often, where old uses lose their weight: `LFU` for work that drifts.
///
/// A region's key is L plus the number of its uses, set anew at each use; L is the key of the last victim, so that what
/// comes now starts above what left. The lowest key goes, among equals the least recently used. LFU with dynamic aging,
/// after Arlitt, Cherkasova, Dilley, Friedrich and Jin, "Evaluating Content Management Techniques for Web Proxy Caches",
/// 1999.
///
/// Every region counts the same, whatever its size, and nothing depends on the capacity. A pinned victim counts as used
/// once more when the next hit or miss comes, and is not named before.
///
/// Keys lie in a radix heap, which works because none is ever set below L: a key's list is named by the first digit, of
/// six bits each, in which the key differs from a base below all keys, and by that digit's value. So the lists of the last
/// digit have one key each, and when they are empty the base rises to the next list, whose regions move to lists of lower
/// digits. After a use a region moves at most once for each digit of the number of its uses, and once more: O(1).
public struct LFUDA: EvictionPolicy {
  /// What is known of a slot.
  private struct Entry {
    var count = 0
    /// `pinnedKey` while set aside.
    var key = LFUDA.pinnedKey
  }

  private static let pinnedKey = -1
  private static let digitBits = 6, digitCount = 11, radix = 1 << digitBits
  /// The list of those found pinned, in that order, behind the lists of all digits.
  private static let aside = digitCount * radix

  /// Each in order of use, as far as keys are equal: those of one key always move together.
  private var lists = SlotLists(listCount: aside + 1)
  /// For each digit, the last one first, a bit for each list that may hold something.
  private var filled = InlineArray<11, UInt64>(repeating: 0)
  private var entries = SlotTable(empty: Entry())
  /// No key is below it; nor is L, except after `victim` until something is evicted.
  private var base = 0
  /// L.
  private var age = 0

  /// A policy that holds nothing yet. O(1).
  public init() {}

  /// "lfuda". O(1).
  public var name: String { "lfuda" }

  /// Every hit, in order. O(1).
  public var hits: HitReporting { .ordered }

  /// Those set aside are candidates again. O(1) amortized.
  public mutating func miss(_ key: RegionKey) { readmit() }

  /// Notes a region as used once. O(1) amortized.
  public mutating func insert(_ slot: RegionSlot, _ region: RegionInfo) {
    readmit()
    entries.set(slot, to: Entry(count: 1, key: age + 1))
    lists.append(slot, to: fill(age + 1))
  }

  /// Counts uses. O(k) for k uses.
  public mutating func hit(_ slots: Span<RegionSlot>) {
    readmit()
    for index in slots.indices { use(slots[index]) }
  }

  /// The region with the lowest key. O(1) amortized.
  public mutating func victim(_ references: ReferenceTable) -> RegionSlot? {
    if let slot = lowest() { return slot }
    readmit()
    return lowest()
  }

  /// Sets the victim aside until the next hit or miss. O(1).
  public mutating func pinned(_ slot: RegionSlot) {
    guard entries[slot].key != Self.pinnedKey else { return }
    entries[slot].key = Self.pinnedKey
    lists.moveToEnd(slot, of: Self.aside)
  }

  /// Forgets a region, and ages the others if it was evicted. O(1).
  public mutating func remove(_ slot: RegionSlot, evicted: Bool) {
    if evicted { age = max(age, entries[slot].key) }
    lists.remove(slot)
  }

  /// The victim, and more that have low keys; in their order as far as they share all digits but the last with it.
  ///
  /// - Complexity: O(`count`) after `victim`, else O(n) in the worst case.
  public func upcoming(
    _ count: Int, _ references: ReferenceTable, into slots: inout [RegionSlot]
  ) {
    let start = slots.count
    for digit in filled.indices {
      var bits = filled[digit]
      while bits != 0, slots.count < start + count {
        let list = digit * Self.radix + bits.trailingZeroBitCount
        lists.copyFirst(start + count - slots.count, of: list, into: &slots)
        bits &= bits - 1
      }
    }
    guard slots.count > start else { return }
    let list = list(of: entries[slots[start]].key)
    // Until the base rises, keys are mixed even in the first list.
    guard list >= Self.radix,
      let lowest = lists.slots(of: list).min(by: { entries[$0].key < entries[$1].key })
    else { return }
    slots[slots[start...].firstIndex(of: lowest) ?? start] = slots[start]
    slots[start] = lowest
  }

  /// All regions, the lowest key first. O(n).
  public func evictionOrder() -> [RegionSlot] {
    var copy = self
    copy.readmit()
    var slots: [RegionSlot] = []
    while let slot = copy.lowest() {
      slots.append(slot)
      copy.lists.remove(slot)
    }
    return slots
  }

  /// Checks lists and keys. O(n).
  public func _checkInvariants() {
    let linked = lists.checkInvariants()
    var noted = 0
    for digit in filled.indices {
      var bits = filled[digit]
      while bits != 0 {
        let list = digit * Self.radix + bits.trailingZeroBitCount
        bits &= bits - 1
        for slot in lists.slots(of: list) {
          let entry = entries[slot]
          precondition(entry.key >= max(age, base), "a key is below the last victim's")
          precondition(entry.key <= age + entry.count, "a key is above its uses")
          precondition(self.list(of: entry.key) == list, "a region is in another key's list")
          noted += 1
        }
      }
    }
    for slot in lists.slots(of: Self.aside) {
      precondition(entries[slot].key == Self.pinnedKey, "set aside, but with a key")
      noted += 1
    }
    precondition(noted == linked, "a list is not noted")
  }

  private mutating func use(_ slot: RegionSlot) {
    entries[slot].count += 1
    let key = age + entries[slot].count
    entries[slot].key = key
    lists.moveToEnd(slot, of: fill(key))
  }

  @inline(__always)
  private func list(of key: Int) -> Int {
    let bit = Int.bitWidth - 1 - ((key ^ base) | 1).leadingZeroBitCount
    let digit = bit / Self.digitBits
    return digit * Self.radix + (key >> (digit * Self.digitBits)) & (Self.radix - 1)
  }

  /// The list of a key, noted as filled.
  @inline(__always)
  private mutating func fill(_ key: Int) -> Int {
    let list = list(of: key)
    filled[list / Self.radix] |= 1 << UInt64(list % Self.radix)
    return list
  }

  /// The first to go of the candidates.
  private mutating func lowest() -> RegionSlot? {
    var digit = 0
    while digit < Self.digitCount {
      guard filled[digit] != 0 else {
        digit += 1
        continue
      }
      let list = digit * Self.radix + filled[digit].trailingZeroBitCount
      if let slot = lists.first(of: list) {
        if digit == 0 { return slot }
        let shift = digit * Self.digitBits
        base = (entries[slot].key >> shift) << shift
        while let slot = lists.first(of: list) {
          lists.moveToEnd(slot, of: fill(entries[slot].key))
        }
        digit = 0
      } else {
        filled[digit] &= filled[digit] - 1
      }
    }
    return nil
  }

  /// Puts the base back to L if it rose above that in vain, and makes those set aside candidates again.
  private mutating func readmit() {
    if base > age {
      let old = base
      base = age
      let list = fill(old)
      for lower in 0..<list / Self.radix * Self.radix { lists.moveAll(from: lower, toEndOf: list) }
    }
    while let slot = lists.first(of: Self.aside) { use(slot) }
  }
}

extension EvictionPolicy where Self == LFUDA {
  /// Unloads the region used least often, where old uses lose their weight.
  public static var lfuda: LFUDA { LFUDA() }
}

import SlidingMap

/// Which slots are pinned, always the same number of them.
struct PinnedSlots {
  private var bits: [UInt64]
  /// The pinned slots in a ring, the longest pinned at `oldest`.
  private var ring: [RegionSlot]
  private var oldest = 0

  /// Pins the first slots.
  init(slots count: Int, pinned: Int) {
    bits = Array(repeating: 0, count: (count + 63) / 64)
    ring = (0..<pinned).map { RegionSlot($0) }
    for slot in ring { flip(slot) }
  }

  func contains(_ slot: RegionSlot) -> Bool { bits[slot.index / 64] >> (slot.index % 64) & 1 == 1 }

  /// Pins slots, and for each lets go of the one that is pinned longest.
  mutating func move(to slots: some Sequence<RegionSlot>) {
    for slot in slots where !ring.isEmpty && !contains(slot) {
      flip(ring[oldest])
      flip(slot)
      ring[oldest] = slot
      oldest = (oldest + 1) % ring.count
    }
  }

  private mutating func flip(_ slot: RegionSlot) { bits[slot.index / 64] ^= 1 << (slot.index % 64) }
}

/// The least that a cache of windows does: which window lies in which slot, and the slots in order of use. No locks,
/// pins, budgets or files. What it takes to do the same accesses tells what the caches of the machine make of so many
/// windows.
struct PlainCache {
  /// What a manager, too, must keep of each window it holds: a cache line.
  private struct Slot {
    var window: Int32 = -1
    var next: Int32 = -1
    var previous: Int32 = -1
    var isUsed = false
    var rest: (Int64, Int64, Int64, Int64, Int64, Int64) = (0, 0, 0, 0, 0, 0)
  }

  private let isOrdered: Bool
  private var slots: [Slot]
  /// For each window its slot, and beside it what else a table has for a window; -1 if it is absent.
  private var windows: [(slot: Int32, rest: Int32)]
  private var first: Int32 = -1
  private var last: Int32 = -1
  private var count = 0

  /// - Parameter isOrdered: whether a hit moves the slot to the end, as for LRU; else it leaves a mark.
  init(windows: Int, capacity: Int, isOrdered: Bool) {
    self.isOrdered = isOrdered
    slots = Array(repeating: Slot(), count: capacity)
    self.windows = Array(repeating: (-1, 0), count: windows)
  }

  /// Whether the window is there; notes the use.
  @inline(__always)
  mutating func use(_ window: Int) -> Bool {
    let slot = windows[window].slot
    if slot < 0 { return false }
    if !isOrdered {
      slots[Int(slot)].isUsed = true
    } else if slot != last {
      unlink(slot)
      append(slot)
    }
    return true
  }

  /// Brings a window in; where all slots are taken, in the place of the first one.
  mutating func load(_ window: Int) {
    var slot = Int32(count)
    if count < slots.count {
      count += 1
    } else {
      slot = first
      unlink(slot)
      windows[Int(slots[Int(slot)].window)].slot = -1
    }
    slots[Int(slot)].window = Int32(window)
    slots[Int(slot)].isUsed = false
    windows[window].slot = slot
    append(slot)
  }

  /// Forgets all windows.
  mutating func empty() {
    for index in 0..<count { windows[Int(slots[index].window)].slot = -1 }
    (first, last, count) = (-1, -1, 0)
  }

  private mutating func append(_ slot: Int32) {
    slots[Int(slot)].next = -1
    slots[Int(slot)].previous = last
    if last >= 0 { slots[Int(last)].next = slot } else { first = slot }
    last = slot
  }

  private mutating func unlink(_ slot: Int32) {
    let (next, previous) = (slots[Int(slot)].next, slots[Int(slot)].previous)
    if previous >= 0 { slots[Int(previous)].next = next } else { first = next }
    if next >= 0 { slots[Int(next)].previous = previous } else { last = previous }
  }
}

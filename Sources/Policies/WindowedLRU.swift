internal import MapProtocols

/// The lists of a W-TinyLFU: a window for new regions in order of use, and a main space that is a segmented LRU.
///
/// Regions used in the probation part of the main space enter its protected part, which gives the surplus over its share
/// back, as the window does. What the window gains, the protected part loses. Every operation is O(1), save where said
/// otherwise.
struct WindowedLRU: Sendable {
  /// The window and the parts of the main space, the first to go first; behind the window and the protected part those
  /// found pinned.
  static let window = 0, probation = 1, protected = 2
  private static let windowAside = 3, mainAside = 4

  private struct Entry {
    /// For the sketch.
    var hash: UInt64
    /// `window`, `probation` or `protected`.
    var segment: Int
  }

  private var lists = SlotLists(listCount: 5)
  private var entries = SlotTable(empty: Entry(hash: 0, segment: 0))
  private var windowCount = 0
  private var probationCount = 0
  private var protectedCount = 0
  private var hasAside = false
  private var capacity = 0
  /// What the window aims at; a real number, so that steps of less than a region add up.
  private var windowTarget = 0.0
  private(set) var windowShare = 0
  private(set) var protectedShare = 0

  var count: Int { windowCount + probationCount + protectedCount }

  var isWindowFull: Bool { windowCount >= windowShare }

  var firstOfWindow: RegionSlot? { lists.first(of: Self.window) }

  /// The main space's first to go.
  var firstOfMain: RegionSlot? {
    lists.first(of: Self.probation) ?? lists.first(of: Self.protected)
  }

  /// The one to go after another of the window or of the main space.
  func next(after slot: RegionSlot) -> RegionSlot? {
    if let next = lists.next(after: slot) { return next }
    return lists.last(of: Self.probation) == slot ? lists.first(of: Self.protected) : nil
  }

  func hash(of slot: RegionSlot) -> UInt64 { entries[slot].hash }

  func isInWindow(_ slot: RegionSlot) -> Bool { entries[slot].segment == Self.window }

  /// Gives the window one in a hundred. O(k) for k regions that change lists.
  mutating func setCapacity(_ regions: Int) {
    capacity = regions
    // In whole regions, and at least one.
    windowTarget = Double(max(regions - Int(0.99 * Double(regions)), 1))
    divide()
    moveExcess()
  }

  /// Puts a region at the end of a segment, whatever its share.
  mutating func append(_ slot: RegionSlot, _ hash: UInt64, to segment: Int) {
    lists.append(slot, to: segment)
    entries.set(slot, to: Entry(hash: hash, segment: segment))
    switch segment {
    case Self.window: windowCount += 1
    case Self.probation: probationCount += 1
    default: protectedCount += 1
    }
  }

  /// Notes a use.
  @inline(__always)
  mutating func use(_ slot: RegionSlot) {
    if entries[slot].segment == Self.probation { promote(slot) }
    lists.moveToEnd(slot, of: entries[slot].segment)
    moveExcess()
  }

  /// Notes a use that counts only after `readmit`.
  mutating func setAside(_ slot: RegionSlot) {
    hasAside = true
    if entries[slot].segment == Self.probation { promote(slot) }
    lists.moveToEnd(
      slot, of: entries[slot].segment == Self.window ? Self.windowAside : Self.mainAside)
  }

  /// Puts those set aside at the ends of their lists.
  mutating func readmit() {
    guard hasAside else { return }
    hasAside = false
    lists.moveAll(from: Self.windowAside, toEndOf: Self.window)
    lists.moveAll(from: Self.mainAside, toEndOf: Self.protected)
    moveExcess()
  }

  mutating func remove(_ slot: RegionSlot) {
    lists.remove(slot)
    switch entries[slot].segment {
    case Self.window: windowCount -= 1
    case Self.probation: probationCount -= 1
    default: protectedCount -= 1
    }
  }

  /// Gives the window another share, and regions of the main space to fill it. O(k) for k regions that change lists.
  mutating func resizeWindow(by amount: Double) {
    let before = windowShare
    windowTarget += amount
    divide()
    moveExcess()
    var missing = min(windowShare - before, windowShare - windowCount)
    while missing > 0, let slot = firstOfMain {
      if entries[slot].segment == Self.probation {
        probationCount -= 1
      } else {
        protectedCount -= 1
      }
      windowCount += 1
      entries[slot].segment = Self.window
      lists.moveToEnd(slot, of: Self.window)
      missing -= 1
    }
  }

  /// Moves what exceeds the shares of window and protected part to the probation part.
  @inline(__always)
  mutating func moveExcess() {
    while windowCount > windowShare, let slot = lists.first(of: Self.window) {
      windowCount -= 1
      demote(slot)
    }
    while protectedCount > protectedShare, let slot = lists.first(of: Self.protected) {
      protectedCount -= 1
      demote(slot)
    }
  }

  /// Traps unless lists, counts and shares agree. O(n).
  func checkInvariants() {
    lists.checkInvariants()
    let window = lists.slots(of: Self.window) + lists.slots(of: Self.windowAside)
    let probation = lists.slots(of: Self.probation)
    let protected = lists.slots(of: Self.protected) + lists.slots(of: Self.mainAside)
    precondition(window.count == windowCount, "the window's count is wrong")
    precondition(probation.count == probationCount, "the probation part's count is wrong")
    precondition(protected.count == protectedCount, "the protected part's count is wrong")
    for (segment, slots) in [window, probation, protected].enumerated() {
      precondition(slots.allSatisfy { entries[$0].segment == segment }, "a segment is wrong")
    }
    precondition(windowShare >= 1 && protectedShare >= 0, "a share is out of bounds")
    precondition(windowShare + protectedShare <= max(capacity, 1), "shares exceed the capacity")
    precondition(windowCount <= windowShare, "the window has more than its share")
    precondition(
      lists.isEmpty(Self.mainAside) ? protectedCount <= protectedShare : hasAside,
      "the protected part has more than its share")
    precondition(hasAside || lists.isEmpty(Self.windowAside), "a region is aside for good")
  }

  /// Gives each part its share of the capacity; the probation part's is always the same.
  private mutating func divide() {
    let main = capacity - min(max(capacity - Int(0.99 * Double(capacity)), 1), capacity)
    let mostProtected = Int(0.8 * Double(main))
    let most = Double(capacity - main + mostProtected)
    windowTarget = min(max(windowTarget, 1), max(most, 1))
    windowShare = max(Int(windowTarget), 1)
    protectedShare = max(capacity - (main - mostProtected) - windowShare, 0)
  }

  private mutating func promote(_ slot: RegionSlot) {
    entries[slot].segment = Self.protected
    probationCount -= 1
    protectedCount += 1
  }

  private mutating func demote(_ slot: RegionSlot) {
    entries[slot].segment = Self.probation
    probationCount += 1
    lists.moveToEnd(slot, of: Self.probation)
  }
}

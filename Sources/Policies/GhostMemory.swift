internal import MapProtocols

/// The regions that left a queue of new ones, the longest gone first, and the one that was asked for last: what `S3FIFO`
/// and `TwoQ` remember. Every operation is O(1), amortized, save where said otherwise.
struct GhostMemory: Sendable {
  private enum Wanted { case none, unknown, stranger, ghost }

  private var ghosts = Ghosts()
  private var limit = 0
  /// What was asked for last and has not come yet, and its `ghostName`.
  private var key = RegionKey(file: 0, window: 0)
  private var name: UInt64 = 0
  /// Whether that is a ghost: looked up as late as can be, so that nothing waits for the memory the answer is in. From then
  /// on it is no ghost.
  private var wanted = Wanted.none

  /// Whether a region is remembered.
  func contains(_ name: UInt64) -> Bool { ghosts.queue(of: name) != nil }

  /// Sets how many are remembered. O(k) for k that are forgotten.
  mutating func setLimit(_ limit: Int) {
    look()
    self.limit = limit
    ghosts.trim(to: limit)
  }

  /// Notes that a region is asked for that is not loaded.
  mutating func miss(_ key: RegionKey) {
    look()
    // What was asked for and did not come is as much a ghost as before.
    if wanted == .ghost { remember(name) }
    (self.key, name, wanted) = (key, key.ghostName, .unknown)
    ghosts.prefetch(name)
  }

  /// Forgets a region that comes, and says whether it was remembered.
  mutating func take(_ key: RegionKey) -> (name: UInt64, isGhost: Bool) {
    if wanted == .none || key != self.key {
      let name = key.ghostName
      return (name, ghosts.remove(name) != nil)
    }
    look()
    defer { wanted = .none }
    return (name, wanted == .ghost)
  }

  /// Remembers a region that leaves.
  mutating func remember(_ name: UInt64) {
    look()
    ghosts.append(name)
    ghosts.trim(to: limit)
  }

  /// Brings near what `remember` will need.
  @inline(__always)
  func prefetch(_ name: UInt64) { ghosts.prefetch(name) }

  /// Traps unless names and limit are kept. O(n).
  func checkInvariants() {
    ghosts.checkInvariants()
    precondition(ghosts.count(of: 0) <= limit, "too many ghosts")
  }

  @inline(__always)
  private mutating func look() {
    if wanted == .unknown { lookUp() }
  }

  private mutating func lookUp() {
    wanted = ghosts.remove(name) == nil ? .stranger : .ghost
  }
}

public import MapProtocols

/// What a manager did and holds, at one moment.
///
/// Taking it costs the lock and a look at every cursor. Counts of hits are those the cursors have made visible; in one
/// thread they are exact. `description` is some lines for a log or a terminal.
public struct MapStatistics: Hashable, Sendable {
  /// What happened since the manager was made.
  public struct Counts: Hashable, Sendable {
    /// Windows that an access found loaded. A `use` inside a cursor's lease is no access; one across three loaded windows
    /// counts three.
    public internal(set) var hits = 0
    /// Windows that were asked for and not loaded.
    public internal(set) var misses = 0
    /// Windows brought into memory.
    public internal(set) var loads = 0
    /// Loads that failed.
    public internal(set) var failedLoads = 0
    /// Windows unloaded, for whatever reason.
    public internal(set) var evictions = 0
    /// Windows loaded over a soft budget because everything else was pinned.
    public internal(set) var overshoots = 0
    /// Requests that the takeover's backend served because the first one could not: windows it loaded, and `copies`.
    public internal(set) var takeovers = 0
    /// Requests read into private memory of their cursors, because no window could be had. Part of `takeovers`.
    public internal(set) var copies = 0
    /// Files that came back from the takeover's backend to the first one.
    public internal(set) var returnsToPrimary = 0
    /// Requests for few bytes of windows that are seldom asked for, read into private memory of their cursors while the budget
    /// was full (`RegionProvider.bypassLimit`). Neither hits nor misses, and no policy hears of them.
    public internal(set) var bypasses = 0
    /// Hits of which the policy never learnt, because another thread unloaded their region first.
    public internal(set) var droppedHits = 0
    /// Pages of maps that could not be had, because a file was cut short or a disk failed, and that became zeros; see
    /// `WindowCursor.check()`.
    public internal(set) var faults = 0
    /// Barriers and scans that proved regions unused; one serves many evictions.
    public internal(set) var pinScans = 0

    /// Hits as a share of all windows accessed, 0...1; nil before the first.
    public var hitRatio: Double? {
      hits + misses == 0 ? nil : Double(hits) / Double(hits + misses)
    }

    init() {}
  }

  /// What happened since the manager was made.
  public internal(set) var counts = Counts()
  /// What is held now: bytes of loaded windows and of copies, in whole pages each, regions, kernel maps, addresses, handles.
  public internal(set) var usage = BudgetUsage()
  /// The most there ever was of each.
  public internal(set) var peak = BudgetUsage()
  /// The limits in force.
  public internal(set) var limits = BudgetLimits()

  /// Files known: those with cursors or loaded windows.
  public internal(set) var files = 0
  /// Of them, those that the takeover's backend serves now.
  public internal(set) var takeoverFiles = 0
  /// Live cursors, those inside buffers included.
  public internal(set) var cursors = 0
  /// Windows that some cursor's lease forbids to unload.
  public internal(set) var pinned = 0
  /// Loads under way that no thread waits in: prefetched windows, and those that tasks wait for.
  public internal(set) var inFlight = 0
  /// Bytes that `MapManager.lockInMemory` keeps in memory, in whole pages. In no budget of bytes, save those of copies.
  public internal(set) var lockedBytes = 0

  /// The name of the policy in force.
  public internal(set) var policy = ""
  /// The name of the backend.
  public internal(set) var backend = ""
  /// The name of the backend that takes over where the first can't serve; nil if there is none.
  public internal(set) var takeoverBackend: String?

  init() {}
}

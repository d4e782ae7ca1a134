import MapProtocols

/// Loads under way, and who waits for which.
///
/// Threads wait by the core's monitor and find out here why a load failed; tasks leave a continuation in a ticket, which whoever
/// ends the load resumes outside the lock.
struct LoadBoard {
  typealias Tasks = [CheckedContinuation<Void, Never>]

  /// Those of regions that somebody waits for.
  private var tickets: [RegionSlot: LoadTicket] = [:]
  private var nextEnd: LoadTicket?
  private var started = 0
  private var startedWindows = 0
  private var endedWindows = 0

  // MARK: Who waits

  /// What tells those who wait for a region's load of its end.
  mutating func ticket(for slot: RegionSlot) -> LoadTicket {
    if let ticket = tickets[slot] { return ticket }
    let ticket = LoadTicket()
    tickets[slot] = ticket
    return ticket
  }

  /// What is told when the next load of a window ends, whichever.
  mutating func ticketForNextEnd() -> LoadTicket {
    let ticket = nextEnd ?? LoadTicket()
    nextEnd = ticket
    return ticket
  }

  /// Ends the wait for a region.
  ///
  /// - Parameter error: why it did not come; nil also where those who wait are to look again.
  /// - Returns: the tasks to be resumed.
  mutating func endWait(for slot: RegionSlot, _ error: MapError? = nil) -> Tasks {
    if tickets.isEmpty { return [] }
    return tickets.removeValue(forKey: slot)?.end(error) ?? []
  }

  // MARK: What is under way

  /// Loads that were started and have not ended, of windows or not.
  var count: Int { started }

  /// Those of windows. Until they end their windows can't be unloaded, though nobody may use them.
  var windows: Int { startedWindows }

  /// How many loads of windows have ended.
  var windowsEnded: Int { endedWindows }

  mutating func startWindow() {
    started += 1
    startedWindows += 1
  }

  /// Notes that windows came, or failed to. Their loads go on counting until `end`.
  ///
  /// - Returns: the tasks to be resumed that waited for the next one.
  mutating func noteWindowsEnded(_ count: Int) -> Tasks {
    startedWindows -= count
    endedWindows += count
    defer { nextEnd = nil }
    return nextEnd?.end() ?? []
  }

  /// Counts a load that brings in no window.
  mutating func start() { started += 1 }

  /// Notes that all about a number of loads is over.
  mutating func end(_ count: Int = 1) { started -= count }
}

import MapProtocols

/// Loads under way, and who waits for which.
///
/// Threads wait by the core's monitor and find out here why a load failed; tasks leave a continuation in a ticket, and are resumed when
/// whoever ends it gives the lock up.
struct LoadBoard {
  private typealias Tasks = [CheckedContinuation<Void, Never>]

  /// Those of regions that somebody waits for, by slot.
  private var tickets: [LoadTicket?] = []
  private var submissions: [LoadTicket.Submission] = []
  private var nextEnd: LoadTicket?
  private var handles: LoadTicket?
  /// Tasks whose waits have ended.
  private var ended: Tasks = []
  private var started = 0
  private var startedWindows = 0
  private var endedWindows = 0

  // MARK: Who waits

  /// What tells those who wait for a region's load of its end.
  mutating func ticket(for slot: RegionSlot) -> LoadTicket {
    if let ticket = existingTicket(for: slot) { return ticket }
    while tickets.count <= slot.index { tickets.append(nil) }
    let ticket = LoadTicket()
    tickets[slot.index] = ticket
    return ticket
  }

  private func existingTicket(for slot: RegionSlot) -> LoadTicket? {
    slot.index < tickets.count ? tickets[slot.index] : nil
  }

  /// What is told when the next load of a window ends, whichever.
  mutating func ticketForNextEnd() -> LoadTicket {
    let ticket = nextEnd ?? LoadTicket()
    nextEnd = ticket
    return ticket
  }

  /// What is told when handles that are being opened, closed or used may have come to rest.
  mutating func ticketForHandles() -> LoadTicket {
    let ticket = handles ?? LoadTicket()
    handles = ticket
    return ticket
  }

  /// Ends the wait for handles.
  mutating func endWaitForHandles() {
    guard let ticket = handles else { return }
    handles = nil
    end(ticket)
  }

  /// Ends a wait.
  mutating func end(_ ticket: LoadTicket, _ error: MapError? = nil, wasGivenUp: Bool = false) {
    ended += ticket.end(error, wasGivenUp: wasGivenUp)
  }

  /// Whether tasks are to be resumed.
  var hasEndedWaits: Bool { !ended.isEmpty }

  /// The tasks to be resumed, outside the lock.
  mutating func takeEndedWaits() -> [CheckedContinuation<Void, Never>] {
    if ended.isEmpty { return [] }
    defer { ended = [] }
    return ended
  }

  /// Ends the wait for a region.
  ///
  /// - Parameters:
  ///   - error: why it did not come; nil also where those who wait are to look again.
  ///   - wasGivenUp: whether that is because nobody wanted it.
  mutating func endWait(
    for slot: RegionSlot, _ error: MapError? = nil, wasGivenUp: Bool = false
  ) {
    guard let ticket = existingTicket(for: slot) else { return }
    tickets[slot.index] = nil
    end(ticket, error, wasGivenUp: wasGivenUp)
  }

  // MARK: Who wants it

  /// Notes loads that a backend was given, some of which may have ended by now.
  ///
  /// - Parameter isUnwanted: whether all are to end.
  /// - Returns: how to ask for their end, if nobody wants them any more.
  mutating func noteSubmission(
    of tickets: [LoadTicket], by backend: Backend, _ cancellation: LoadCancellation,
    isUnwanted: Bool
  ) -> LoadCancellation? {
    submissions.removeAll { $0.isOver }
    let submission = LoadTicket.Submission(of: tickets, by: backend, cancellation)
    if submission.isOver { return nil }
    submissions.append(submission)
    return submission.cancel(evenIfWanted: isUnwanted)
  }

  /// What backends were given, and have not told all ends of.
  var submitted: [LoadTicket.Submission] { submissions.filter { !$0.isOver } }

  /// How to ask for the end of all that is under way.
  mutating func cancelAll() -> [LoadCancellation] {
    submissions.compactMap { $0.cancel(evenIfWanted: true) }
  }

  /// Whether the end of a region's load was asked for.
  func isCancelled(_ slot: RegionSlot) -> Bool { existingTicket(for: slot)?.isCancelled ?? false }

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
  mutating func noteWindowsEnded(_ count: Int) {
    startedWindows -= count
    endedWindows += count
    guard let ticket = nextEnd else { return }
    nextEnd = nil
    end(ticket)
  }

  /// Counts a load that brings in no window.
  mutating func start() { started += 1 }

  /// Notes that all about a number of loads is over.
  mutating func end(_ count: Int = 1) {
    started -= count
    if started == 0 { submissions = [] }
  }
}

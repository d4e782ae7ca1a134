import MapProtocols
import Synchronization

/// What was used when, and who learns of it: the policy in force and those who observe it, both in the same order.
///
/// Hits reach it late, by the logs of threads, which are drained before every decision of the policy's: so in one thread the policy
/// sees accesses exactly as they came. A wrong answer of the policy's ends the program, with its name: to go on would mean to ask
/// for ever, or to give up what is not there.
struct Recency: ~Copyable {
  private var policy: any EvictionPolicy
  /// How the policy learns of hits. Kept beside it: asking a policy of any type copies it.
  private var reporting: HitReporting
  /// The policy as it was given, before it held anything.
  private var pristine: any EvictionPolicy
  private let references = ReferenceTable()
  /// By a thread's number, as far as the highest that was seen: most programs have few threads.
  private var logs: [AccessLog?] = []
  private var drained: [RegionSlot] = []
  private var dropped = 0
  private var observers: [any AccessObserver] = []
  /// Those that learn of nothing any more, but may not be through with what they learnt.
  private var ending: [any AccessObserver] = []
  /// What a successor of the policy is still to be told; nil if there is none.
  private var journal: [Succession.Step]?

  static let logCount = 64

  init(_ policy: any EvictionPolicy, _ capacity: PolicyCapacity) {
    let policy = policy.withoutBox
    self.policy = policy
    pristine = policy
    reporting = policy.hits
    self.policy.setCapacity(capacity)
  }

  deinit {
    for log in logs { log?.deallocate() }
  }

  /// The name of the policy in force.
  var policyName: String { policy.name }

  /// What cursors are to know of how hits are noted, in bits of `Control`.
  var controlBits: UInt64 {
    var bits = UInt64(reporting.limit ?? 0)
    if isLogging { bits |= Control.ordered }
    if !observers.isEmpty { bits |= Control.observed }
    return bits
  }

  // MARK: Logs

  /// Whether hits go to the logs.
  private var isLogging: Bool { reporting == .ordered || !observers.isEmpty }

  /// The log of the calling thread.
  mutating func logForThisThread() -> AccessLog {
    let index = Int(Turn.threadOrdinal) % Self.logCount
    while logs.count <= index { logs.append(nil) }
    if let log = logs[index] { return log }
    let log = AccessLog()
    logs[index] = log
    return log
  }

  /// How many hits were ever noted in logs.
  var loggedHits: Int { logs.reduce(0) { $0 + ($1?.appended ?? 0) } }

  /// How many of them the policy never learnt of.
  var droppedHits: Int { dropped }

  /// Tells the policy and observers, in order, what was hit since the last time.
  ///
  /// - Returns: whether anything was; `forEachDrained` has it.
  mutating func drain(_ residency: borrowing Residency) -> Bool {
    guard isLogging else { return false }
    collect(residency)
    if drained.isEmpty { return false }
    let slots = drained
    report(slots.span)
    return true
  }

  /// Calls `body` with each region that the last `drain` found used.
  func forEachDrained(_ body: (RegionSlot) -> Void) {
    for slot in drained { body(slot) }
  }

  /// Empties the logs into `drained`.
  private mutating func collect(_ residency: borrowing Residency) {
    drained.removeAll(keepingCapacity: true)
    for log in logs {
      guard let log else { continue }
      dropped += residency.drain(log, into: &drained)
    }
  }

  // MARK: Accesses

  /// Notes a hit, after the logs were drained.
  mutating func noteHit(_ slot: RegionSlot) { report([slot].span) }

  private mutating func report(_ slots: Span<RegionSlot>) {
    if let limit = reporting.limit {
      for index in slots.indices { references.mark(slots[index], limit: limit) }
    } else {
      policy.hit(slots)
      journal?.append(.hits(slots.indices.map { slots[$0] }))
    }
    for observer in observers { observer.hit(slots) }
  }

  /// Notes a miss, after the logs were drained.
  ///
  /// - Parameter isNew: false if it was noted when there was no room for the region, which has another slot now.
  mutating func noteMiss(_ slot: RegionSlot, _ info: RegionInfo, isNew: Bool) {
    if isNew {
      policy.miss(info.key)
      journal?.append(.miss(info.key))
    }
    for observer in observers {
      if isNew {
        observer.miss(slot, info)
      } else {
        observer.expect(slot, info)
      }
    }
  }

  /// Tells observers alone of a request that passed by a window: a hit if it is loaded, else a miss.
  func observePassing(_ slot: RegionSlot, _ info: RegionInfo?) {
    for observer in observers {
      if let info {
        observer.miss(slot, info)
      } else {
        observer.hit([slot].span)
      }
    }
  }

  // MARK: What the policy holds

  /// Has the policy hold a region from now on, whose references lie at `cell`.
  mutating func insert(
    _ slot: RegionSlot, _ info: RegionInfo, _ cell: UnsafeMutablePointer<Atomic<UInt8>>
  ) {
    unsafe references.bind(slot, to: cell)
    references.setCount(of: slot, to: 0)
    policy.insert(slot, info)
    journal?.append(.insert(slot, info))
  }

  mutating func remove(_ slot: RegionSlot, _ residency: borrowing Residency, evicted: Bool) {
    policy.remove(slot, evicted: evicted)
    if journal != nil { journal?.append(.remove(slot, residency.info(of: slot), evicted: evicted)) }
    references.unbind(slot)
  }

  mutating func setCapacity(_ capacity: PolicyCapacity) {
    policy.setCapacity(capacity)
    journal?.append(.capacity(capacity))
    for observer in observers { observer.setCapacity(capacity) }
  }

  // MARK: Another policy

  /// Whether another policy is about to take over.
  var isSucceeded: Bool { journal != nil }

  /// Begins to note what a successor is to be told.
  mutating func beginSuccession(
    by new: any EvictionPolicy, _ capacity: PolicyCapacity, _ residency: borrowing Residency
  ) -> Succession {
    precondition(journal == nil, "two policies succeed one")
    journal = []
    return Succession(of: policy, by: new.withoutBox, capacity, held: residency.heldSlots)
  }

  /// What happened since the last time.
  mutating func takeJournal() -> [Succession.Step] {
    defer { journal = [] }
    return journal ?? []
  }

  /// Puts a successor in force that knows all that happened.
  mutating func end(_ succession: Succession, _ residency: borrowing Residency) {
    let isCounted = reporting.limit != nil || succession.new.hits.limit != nil
    if isCounted {
      for index in 0..<residency.capacity where residency.isHeld(RegionSlot(index)) {
        references.setCount(of: RegionSlot(index), to: 0)
      }
    }
    policy = succession.new
    pristine = succession.pristine
    reporting = policy.hits
    journal = nil
    for observer in observers { observer.setPolicy(pristine) }
  }

  // MARK: Victims

  /// The region that the policy lets go next; nil if it holds none.
  mutating func victim(_ residency: borrowing Residency, regions: Int) -> RegionSlot? {
    guard let slot = policy.victim(references) else {
      if regions > 0 { policy.refuse("names none of the \(regions) regions that it holds") }
      return nil
    }
    checkNamed(slot, residency)
    return slot
  }

  /// Tells the policy that a victim is in use.
  mutating func pinned(_ slot: RegionSlot) { policy.pinned(slot) }

  /// Appends up to `count` regions to a batch that begins with the victim: those which the policy will probably name next.
  mutating func appendUpcoming(
    _ count: Int, to batch: inout [RegionSlot], _ residency: borrowing Residency
  ) {
    let victim = batch.first
    policy.upcoming(count, references, into: &batch)
    if batch.first != victim {
      policy.refuse("takes its victim back while it tells what comes next")
    }
    for slot in batch { checkNamed(slot, residency) }
  }

  /// All regions, the first to go first. O(n).
  func evictionOrder(_ residency: borrowing Residency) -> [RegionSlot] {
    policy.checkedOrder(of: residency.heldSlots)
  }

  private func heldInOrder(
    _ residency: borrowing Residency
  ) -> [(slot: RegionSlot, info: RegionInfo)] {
    var held: [(slot: RegionSlot, info: RegionInfo)] = []
    for slot in evictionOrder(residency) {
      held.append((slot, residency.info(of: slot)))
    }
    return held
  }

  // MARK: The policy's author

  private func checkNamed(_ slot: RegionSlot, _ residency: borrowing Residency) {
    if !residency.isHeld(slot) { policy.refuse(toName: slot) }
  }

  /// Checks that a round comes to an end: a policy may name pinned regions again before it comes to another, but not for ever.
  ///
  /// - Parameter repeats: how many times it named, one after the other, regions that it was told are pinned.
  func checkRepeats(_ repeats: Int, regions: Int) {
    if repeats > PolicyMistake.mostRepeats(of: regions) {
      policy.refuse("names the same pinned regions for ever")
    }
  }

  // MARK: Observers

  /// Adds an observer, which first learns of what is loaded.
  mutating func observe(
    by observer: some AccessObserver, _ capacity: PolicyCapacity, _ residency: borrowing Residency
  ) {
    // What was used before is not observed, nor what was noted late for an earlier observer.
    _ = drain(residency)
    collect(residency)
    observer.setCapacity(capacity)
    observer.begin(heldInOrder(residency), pristine)
    for slot in residency.unheld { observer.expect(slot, residency.info(of: slot)) }
    observers.append(observer)
  }

  /// Tells an observer no more.
  ///
  /// - Returns: false if it was told no more before.
  mutating func beginEnding(_ observer: some AccessObserver) -> Bool {
    guard let index = observers.firstIndex(where: { $0 === observer }) else { return false }
    ending.append(observers.remove(at: index))
    return true
  }

  /// Tells no observer any more.
  ///
  /// - Returns: all that may not be through with what they learnt.
  mutating func beginEndingAll() -> [any AccessObserver] {
    ending += observers
    observers = []
    return ending
  }

  /// Notes that observers are through.
  mutating func ended(_ ended: [any AccessObserver]) {
    ending.removeAll { observer in ended.contains { $0 === observer } }
  }
}

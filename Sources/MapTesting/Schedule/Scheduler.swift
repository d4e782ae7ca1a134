#if Schedule
  public import MapProtocols
  package import Policies

  /// Runs a program of several threads so that one runs at a time, and a seed decides who: what went wrong once goes wrong again.
  ///
  /// ```swift
  /// let outcome = Scheduler.run(seed: 7) { scheduler in
  ///   let files = VirtualFiles(scheduler)
  ///   files.create("/a", size: 40_960)
  ///   let backend = VirtualProvider(files, "copies", kernel: nil)
  ///   let maps = SlidingWindowMapManager(backend: backend, policy: MyPolicy(), windowSize: 4096)
  ///   let threads = (0..<2).map { index in scheduler.start("reader-\(index)") { … } }
  ///   scheduler.join(threads)
  /// }
  /// if let failure = outcome.failure { print(failure) }
  /// ```
  ///
  /// The threads are real ones, and so is all they run; but at each place where the order of two of them matters (locks, waits,
  /// calls of a provider, the atomics of gate and pins) they come here, and may have to wait for their turn. After Shuttle and
  /// Loom, which do so for Rust.
  public final class Scheduler: TurnKeeper, @unchecked Sendable {
    /// What ended a schedule early, and how it came to that.
    public struct Failure: Error, CustomStringConvertible {
      /// What repeats it.
      public let seed: UInt64
      /// What is wrong.
      public let message: String
      /// After how many steps it was.
      public let steps: Int
      /// Who had the turn from which step on, with what was noted on the way.
      public let schedule: [String]

      /// All of it, a line for each turn.
      public var description: String {
        "seed \(seed), step \(steps): \(message)\n" + schedule.joined(separator: "\n")
      }
    }

    /// What came of a schedule.
    public struct Outcome {
      /// What was wrong, if anything was.
      public let failure: Failure?
      /// How many places were passed where another thread might have gone on.
      public let steps: Int
      /// Differs, but by chance, between different orders of turns.
      public let fingerprint: UInt64
    }

    private final class Member {
      let name: String
      let turn = Semaphore()
      let ordinal: UInt32
      /// Whether the turn goes to others while a task is being cancelled; see `cancelling`.
      let runsTasks: Bool
      /// What it waits for; nil if it can go on.
      var condition: (() -> Bool)?
      var place: StaticString = "start"
      var isOver = false
      var note = ""
      var locks = 0
      /// What it empties, and others may use meanwhile.
      var usable: [ExtentRange] = []

      init(_ name: String, ordinal: UInt32, runsTasks: Bool) {
        self.name = name
        self.ordinal = ordinal
        self.runsTasks = runsTasks
      }
    }

    // Only whoever has the turn looks at what follows.

    /// What decides about all turns.
    public let seed: UInt64
    /// For whatever the program under test leaves to chance.
    package var dice: SplitMix64
    private var order: TurnOrder
    private var clock: SplitMix64
    private var members: [Member] = []
    package private(set) var thread = 0
    private var steps = 0
    private var elapsed = Duration.zero
    private var fingerprint: UInt64 = 0
    private var counts: [String: Int] = [:]
    private var events: [Event] = []
    private var failure: Failure?
    private let ended = Semaphore()
    /// Whether membarrier(2) is refused now and then.
    package var refusesBarriers = false
    /// Threads that are cancelling a task just now.
    private var cancelling = 0

    private enum Event {
      case turn(step: Int, thread: Int, place: StaticString)
      case note(step: Int, thread: Int, text: String)
    }

    /// A schedule that takes longer goes round in circles.
    private static let mostSteps = 60_000
    private static let beginning = ContinuousClock.now

    private let plantedFault: String?

    private init(seed: UInt64, planting fault: String?) {
      self.seed = seed
      plantedFault = fault
      var seeds = SplitMix64(seed: seed)
      dice = SplitMix64(seed: seeds.next())
      clock = SplitMix64(seed: seeds.next())
      order = TurnOrder(seed: seeds.next())
    }

    /// Runs a program to its end. It starts with one thread, which starts others by `start` and waits for them.
    ///
    /// Blocks the calling thread. Where the program fails, its threads stay for ever where they are.
    public static func run(
      seed: UInt64, _ program: @escaping (Scheduler) -> Void
    ) -> Outcome {
      run(seed: seed, planting: nil, program)
    }

    /// The same with a mistake made on purpose.
    package static func run(
      seed: UInt64, planting fault: String?, _ program: @escaping (Scheduler) -> Void
    ) -> Outcome {
      let scheduler = Scheduler(seed: seed, planting: fault)
      scheduler.start("main") { program(scheduler) }
      scheduler.members[0].turn.signal()
      scheduler.ended.wait()
      return Outcome(
        failure: scheduler.failure, steps: scheduler.steps, fingerprint: scheduler.fingerprint)
    }

    // MARK: Threads

    /// Starts a thread.
    ///
    /// - Returns: its number, for `join`.
    @discardableResult
    public func start(_ name: String, _ body: @escaping () -> Void) -> Int {
      start(name, runsTasks: false, body)
    }

    /// The same for a thread that runs tasks.
    @discardableResult
    func start(_ name: String, runsTasks: Bool, _ body: @escaping () -> Void) -> Int {
      let number = members.count
      // Threads that move between processors, or are too many, share what is kept for each.
      let ordinal = dice.draw(below: 8) == 0 ? 0 : UInt32(number)
      let member = Member(name, ordinal: ordinal, runsTasks: runsTasks)
      members.append(member)
      order.add()
      var body = Optional(body)
      Worker.run { [self] in
        Schedule.join(self) {
          member.turn.wait()
          body.take()?()
          finish(member)
        }
      }
      return number
    }

    /// Waits until threads are over.
    public func join(_ threads: [Int]) {
      wait("join") { [unowned self] in threads.allSatisfy { members[$0].isOver } }
    }

    private func finish(_ member: Member) {
      member.isOver = true
      member.condition = { false }
      if member === members[0] {
        for other in members where !other.isOver {
          failure = makeFailure("\(other.name) is not over at the end: \(other.place)")
        }
        for (what, count) in counts.sorted(by: { $0.key < $1.key }) where count != 0 {
          failure = failure ?? makeFailure("\(count) \(what) at the end")
        }
        ended.signal()
      } else {
        giveTurn(to: nextInstead())
      }
    }

    // MARK: Turns

    /// A place where another thread may get the turn.
    public func pass(_ place: StaticString) {
      advance()
      if mustLetCancel(members[thread]) {
        return wait(place) { true }
      }
      let next = order.next(after: thread, step: steps) { [unowned self] in canGoOn($0) }
      if next != thread { handOver(to: next, place) }
    }

    /// Lets others have the turn until a condition holds, which is asked on any of the threads. Where nobody can go on, the schedule fails.
    public func wait(_ place: StaticString, until isReady: @escaping () -> Bool) {
      advance()
      let member = members[thread]
      member.condition = isReady
      member.place = place
      let next = nextInstead()
      if next != thread { handOver(to: next, place) }
      member.condition = nil
    }

    /// The runtime holds a lock of a task's while it calls the task's cancellation handlers, which no schedule knows of. So while
    /// a handler runs nobody resumes a task, and threads that run tasks go on only where nobody else can.
    package func cancelling(_ cancel: () -> Void) {
      cancelling += 1
      cancel()
      cancelling -= 1
    }

    package func waitToResume() {
      if cancelling > 0 { wait("resume") { [unowned self] in cancelling == 0 } }
    }

    private func mustLetCancel(_ member: Member) -> Bool {
      cancelling > 0 && member.runsTasks
        && members.contains { !$0.runsTasks && !$0.isOver && $0.condition?() != false }
    }

    private func canGoOn(_ thread: Int) -> Bool {
      let member = members[thread]
      return !member.isOver && member.condition?() != false && !mustLetCancel(member)
    }

    private func advance() {
      steps += 1
      if steps > Self.mostSteps { fail("\(steps) steps without an end") }
      elapsed += .microseconds(1)
      if clock.draw(below: 64) == 0 {
        elapsed +=
          [.microseconds(100), .milliseconds(2), .milliseconds(200), .seconds(2)][
            clock.draw(below: 4)]
      }
    }

    private func nextInstead() -> Int {
      let next = order.next(insteadOf: thread) { [unowned self] in canGoOn($0) }
      guard let next else {
        let waiting = members.filter { !$0.isOver }.map { "\($0.name) (\($0.place)) \($0.note)" }
        fail("nobody can go on: " + waiting.joined(separator: ", "))
      }
      return next
    }

    private func handOver(to next: Int, _ place: StaticString) {
      let member = members[thread]
      member.place = place
      giveTurn(to: next)
      member.turn.wait()
      if failure != nil { Self.park() }
    }

    private func giveTurn(to next: Int) {
      fingerprint = (fingerprint ^ UInt64(next) ^ UInt64(steps) << 8) &* 0x100_0000_01B3
      thread = next
      events.append(.turn(step: steps, thread: next, place: members[next].place))
      members[next].turn.signal()
    }

    /// How many places the schedule has passed.
    public var step: Int { steps }

    /// Whether the thread that has the turn holds some lock.
    package var isAnyLockHeldHere: Bool { members[thread].locks > 0 }

    package func noteLock(_ isHeld: Bool) { members[thread].locks += isHeld ? 1 : -1 }

    package func allowUse(of regions: [ExtentRange], during body: () -> Void) {
      let thread = thread
      members[thread].usable = regions
      body()
      members[thread].usable = []
    }

    /// Whether others may use a region while the thread that has the turn empties it.
    package func mayUse(_ region: ExtentRange) -> Bool {
      members[thread].usable.contains { usable in
        unsafe usable.start == region.start && usable.byteCount == region.byteCount
      }
    }

    // MARK: What is found

    /// Ends the schedule: something is wrong. None of its threads goes on.
    public func fail(_ message: String) -> Never {
      // The thread may hold locks and be in the midst of anything: nobody of this schedule goes on.
      failure = failure ?? makeFailure(members[thread].name + " " + message)
      ended.signal()
      Self.park()
    }

    private static func park() -> Never {
      let never = Semaphore()
      while true { never.wait() }
    }

    private func makeFailure(_ message: String) -> Failure {
      Failure(seed: seed, message: message, steps: steps, schedule: events.map(describe))
    }

    private func describe(_ event: Event) -> String {
      switch event {
      case .turn(let step, let thread, let place):
        "  \(step): \(members[thread].name) goes on from \(place)"
      case .note(let step, let thread, let text):
        "  \(step): \(members[thread].name): \(text)"
      }
    }

    /// Notes what a thread is about to do, for the print of a schedule that fails.
    public func note(_ text: String) {
      events.append(.note(step: steps, thread: thread, text: text))
    }

    /// A number below `bound`, which the seed decides.
    public func draw(below bound: Int) -> Int { dice.draw(below: bound) }

    package func count(_ what: String, _ change: Int) { counts[what, default: 0] += change }

    // MARK: What else is left to chance

    package func isPlanted(_ fault: StaticString) -> Bool {
      plantedFault.map { $0 == fault.description } ?? false
    }

    package var ordinal: UInt32 { members[thread].ordinal }

    package var now: ContinuousClock.Instant { Self.beginning + elapsed }

    package func barrier() -> Bool {
      pass("membarrier")
      return !(refusesBarriers && dice.draw(below: 4) == 0)
    }
  }
#endif

#if Schedule
  import MapProtocols
  import MapTesting
  import Policies
  import SlidingMap

  /// A program that a seed has drawn of a scenario, as it runs.
  ///
  /// `Program+Threads` has what its threads do, `Program+End` what must be true.
  final class Program: @unchecked Sendable {
    let scenario: Scenario
    let scheduler: Scheduler
    let files: VirtualFiles
    let kernel: VirtualKernel?
    let executor: ScheduledExecutor?
    var providers: [VirtualProvider] = []
    var managers: [MapManager] = []
    /// The manager, or one of them.
    var maps: MapManager? {
      managers.count > 1 ? managers[dice.draw(below: managers.count)] : managers.first
    }
    var dice: SplitMix64 {
      get { scheduler.dice }
      set { scheduler.dice = newValue }
    }

    static let page = 4096
    static let paths: [FilePath] = ["/a", "/b", "/c", "/d"]

    /// What managers did, for a look whether schedules come by all of it. Only whoever has the turn adds to it.
    var work = Work()
    /// The serials of files that a cursor was opened on by a path.
    var openedByPath: Set<UInt16> = []
    /// Managers of which a call of `shutdown` has returned.
    var shutdown: Set<ObjectIdentifier> = []

    static func run(
      _ scenario: Scenario, seed: UInt64, planting fault: String? = nil
    ) -> (outcome: Scheduler.Outcome, work: Work) {
      nonisolated(unsafe) var work = Work()
      let outcome = Scheduler.run(seed: seed, planting: fault) { scheduler in
        let program = Program(scenario, scheduler)
        program.run()
        unsafe work = program.work
      }
      return unsafe (outcome, work)
    }

    private init(_ scenario: Scenario, _ scheduler: Scheduler) {
      self.scenario = scenario
      self.scheduler = scheduler
      files = VirtualFiles(scheduler)
      scheduler.refusesBarriers = scenario.refusesBarriers
      let isDelayed = scenario.usesTasks || scheduler.dice.draw(below: 4) == 0
      kernel = isDelayed ? VirtualKernel(scheduler) : nil
      executor = scenario.usesTasks ? ScheduledExecutor(scheduler, threads: 2) : nil
      for (path, pages) in zip(Self.paths, scenario.files) {
        files.create(path, size: Int64(pages * Self.page))
      }
      files.tickLength = scenario.tickLength
      let backend = makeBackend()
      managers = (0..<scenario.managers).map { _ in makeManager(backend) }
    }

    private func run() {
      let count =
        scenario.threads.lowerBound
        + dice.draw(below: scenario.threads.count)
      var ends: [[Reader]] = Array(repeating: [], count: count)
      let threads = (0..<count).map { index in
        scheduler.start("reader-\(index)") { [self] in ends[index] = read() }
      }
      scheduler.join(threads)
      var readers = ends.flatMap { $0 }
      ends = []
      finish(readers)
      for reader in readers { reader.endLease() }
      readers = []
      checkThatAllIsGone()
      managers = []
      executor?.end()
      kernel?.end()
      if !files.isEmptyOfMemory { scheduler.fail("left extents") }
      providers = []
    }

    // MARK: The manager

    private func makeManager(_ backend: VirtualProvider) -> MapManager {
      let policies: [any EvictionPolicy] = [
        LRU(), LRU(), .clock, SIEVE(), S3FIFO(), LFU(), ARC(), TwoQ(),
      ]
      let policy = policies[dice.draw(below: policies.count)]
      func make(_ policy: some EvictionPolicy) -> MapManager {
        if scenario.isStatic {
          return StaticWindowMapManager(
            backend: backend, policy: policy, budget: scenario.budget, changes: scenario.follows)
        }
        return SlidingWindowMapManager(
          backend: backend, policy: policy, budget: scenario.budget,
          windowSize: scenario.windowPages * Self.page, changes: scenario.follows)
      }
      return make(policy)
    }

    private func makeBackend() -> VirtualProvider {
      let unloadsTogether = dice.draw(below: 2) == 0
      var takeover: Takeover?
      if scenario.backend == .both {
        let second = VirtualProvider(files, "copies", kernel: kernel, firstHandle: 500)
        second.failures = scenario.failures
        open(scenario.mostOpenPages, second)
        providers.append(second)
        takeover = Takeover(provider: second, reservedWindows: scenario.reservedWindows)
      }
      let mapping = MappingProperties(
        loadsWhenTouched: !scenario.populates, faultAround: scenario.faultAround * Self.page,
        unloadsTogether: unloadsTogether)
      let first =
        scenario.backend == .copying
        ? VirtualProvider(files, "copies", kernel: kernel)
        : VirtualMaps(
          files, mapping, bypassLimit: scenario.bypasses ? Self.page : 0, takeover: takeover,
          kernel: kernel)
      first.failures = scenario.failures
      if scenario.backend == .copying { open(scenario.mostOpenPages, first) }
      first.mostHandles = scenario.mostHandles
      first.mostExtents = scenario.mostExtents
      providers.append(first)
      return first
    }

    private func open(_ pages: Int?, _ provider: VirtualProvider) {
      guard let pages else { return }
      provider.opensWindows = true
      provider.mostOpenPages = pages
    }
  }
#endif

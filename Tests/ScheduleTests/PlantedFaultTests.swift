#if Schedule
  import MapProtocols
  import MapTesting
  import Testing

  /// What the scheduler is there to find it finds: mistakes that the core makes when a schedule asks for them, and those of
  /// small programs.
  struct PlantedFaultTests {
    /// A mistake, the scenario that comes by it, and the words by one of which it is known.
    private static let planted = [
      ("outgrown extent", "growth, addresses short", ["in an extent of"]),
      ("unwatched end", "truncation of copies", ["wrong bytes"]),
      ("unproven file", "empty files, one handle", ["bytes of files that had", "fileTruncated"]),
      ("older look", "growth in maps", ["bytes"]),
      ("uncharged growth", "growth, hard budget", ["is charged"]),
      ("forgotten handle", "replaced files", ["nobody can go on"]),
      ("unwatched gate", "bypasses", ["wrong bytes", "is not open"]),
      ("lost wake-up", "eviction of copies", ["nobody can go on"]),
      ("unseen pin", "eviction", ["lease"]),
      ("unkept extent", "page tables, addresses short", ["not there"]),
      ("early claim", "page tables of copies", ["wrong bytes"]),
      ("emptied window", "eviction in groups", ["in no budget"]),
      ("unchecked copies", "truncation of copies", ["wrong bytes"]),
      ("unwatched cut", "a cut while copies wait", ["bytes"]),
      ("joined ticks", "changes within a tick", ["wrong bytes"]),
      ("later version", "one version", ["wrong bytes"]),
      ("closed map", "ways back of open windows", ["closes a part of a map"]),
      ("unheard handle", "opened by tasks, copies", ["nobody can go on"]),
      ("forgotten zeros", "missing pages", ["zeros that were known"]),
      ("untold zeros", "missing pages", ["nobody was told"]),
      (
        "poisoned edition", "missing pages",
        ["when all is over", "zeros that were known", "fails by"]
      ),
      ("lost span", "spans beside a takeover", ["two spans", "left", "wrong bytes"]),
    ]

    @Test(arguments: planted)
    func isFound(_ fault: String, _ scenario: String, _ signs: [String]) throws {
      let scenario = try #require(Scenario.all.first { $0.name == scenario })
      for seed in UInt64(0)..<2000 {
        let failure = Program.run(scenario, seed: seed, planting: fault).outcome.failure
        guard let failure else { continue }
        print("\(fault): found by seed \(seed): \(failure.message)")
        #expect(signs.contains { failure.message.contains($0) }, "\(failure)")
        return
      }
      Issue.record("\(fault) was not found")
    }

    /// The first failure of a program that is run by so many seeds.
    private func failure(
      _ program: @escaping (Scheduler) -> Void
    ) -> Scheduler.Failure? {
      for seed in UInt64(0)..<500 {
        if let failure = Scheduler.run(seed: seed, program).failure { return failure }
      }
      return nil
    }

    @Test func `Two locks taken in different order are a deadlock`() {
      let failure = failure { scheduler in
        let (one, two) = (Monitor(), Monitor())
        let threads = [(one, two), (two, one)].map { first, second in
          scheduler.start("locker") {
            first.lock()
            second.lock()
            second.unlock()
            first.unlock()
          }
        }
        scheduler.join(threads)
      }
      #expect(failure?.message.contains("nobody can go on") == true)
    }

    @Test func `Who waits for what has happened already waits for ever`() {
      let failure = failure { scheduler in
        let monitor = Monitor()
        let waiter = scheduler.start("waiter") {
          monitor.lock()
          monitor.wait()
          monitor.unlock()
        }
        monitor.lock()
        monitor.broadcast()
        monitor.unlock()
        scheduler.join([waiter])
      }
      #expect(failure?.message.contains("nobody can go on") == true)
    }

    @Test func `A program without an end is ended`() {
      let outcome = Scheduler.run(seed: 1) { scheduler in
        while scheduler.step >= 0 { scheduler.pass("again") }
      }
      #expect(outcome.failure?.message.contains("steps without an end") == true)
    }

    @Test func `What is not given back is told`() {
      let outcome = Scheduler.run(seed: 1) { $0.count("handles", 1) }
      #expect(outcome.failure?.message == "1 handles at the end")
    }

    /// Between a load and a store of one thread another one comes; and a lock forbids it.
    @Test(arguments: [false, true])
    func `Updates are lost without a lock`(_ isLocked: Bool) {
      let failure = failure { scheduler in
        let monitor = Monitor()
        var count = 0
        let threads = (0..<2).map { _ in
          scheduler.start("counter") {
            if isLocked { monitor.lock() }
            let before = count
            scheduler.pass("between")
            count = before + 1
            if isLocked { monitor.unlock() }
          }
        }
        scheduler.join(threads)
        if count != 2 { scheduler.fail("counted \(count)") }
      }
      #expect((failure == nil) == isLocked)
    }
  }
#endif

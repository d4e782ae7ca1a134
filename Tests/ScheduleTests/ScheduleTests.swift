#if Schedule
  import Foundation
  import MapTesting
  import Testing

  /// Programs of few threads, in orders of turns that seeds decide. `make schedule` runs them; CONTRIBUTING.md has the settings.
  struct ScheduleTests {
    private static func setting(_ name: String) -> String? {
      ProcessInfo.processInfo.environment["SLIDING_MAP_\(name)"]
    }

    /// Of each scenario, in one run.
    private static let schedules = setting("SCHEDULES").flatMap { UInt64($0) } ?? 300
    private static let firstSeed = setting("SEED").flatMap { UInt64($0) } ?? 0
    private static let scenario = setting("SCENARIO") ?? ""
    /// Go on after a failure, and tell of each kind of them.
    private static let findsAll = setting("FIND_ALL") != nil
    /// The threads of a schedule that fails stay, wherever they are.
    private static let mostFailures = 30

    @Test(arguments: Scenario.all.indices)
    func explore(_ index: Int) {
      let scenario = Scenario.all[index]
      if !Self.scenario.isEmpty && !scenario.name.contains(Self.scenario) { return }
      let start = ContinuousClock.now
      var (steps, work) = (0, Work())
      var (seen, failures) = (Set<String>(), 0)
      for seed in Self.firstSeed..<Self.firstSeed + Self.schedules {
        let (outcome, done) = CrashNote.during("\(scenario.name), seed \(seed)") {
          Program.run(scenario, seed: seed)
        }
        steps += outcome.steps
        work += done
        guard let failure = outcome.failure else { continue }
        failures += 1
        if seen.insert(failure.kind).inserted {
          let count = seed - Self.firstSeed + 1
          let time = (ContinuousClock.now - start).inSeconds
          Issue.record("\(scenario.name), after \(count) schedules, \(time): \(failure)")
        }
        if !Self.findsAll || failures == Self.mostFailures { break }
      }
      print(
        "\(scenario.name): \(Self.schedules) schedules, \(steps) steps, \(failures) failures,",
        (ContinuousClock.now - start).inSeconds, "-", work)
    }

    /// Seeds by which a fault was found that is mended now. Where the core takes other steps they stand for other orders;
    /// `GrowthTests` has what they found as well, in the one order that brings it about.
    private static let found: [(String, [UInt64])] = [
      // A file larger than the extent that was being made for it.
      ("growth, addresses short", [485, 524, 818]),
      ("growth in copies, addresses short", [215, 485]),
      // An extent asked for that was smaller than the file: a precondition of the backends.
      ("growth, addresses short", [588]),
      ("growth in copies, addresses short", [982]),
      ("growth beside a takeover", [622]),
      ("failing calls, both", [1115]),
      // An extent made anew for a file that was cut short, while a cursor knew the longer one.
      ("truncation, addresses short", [831]),
      ("truncation and tasks", [794]),
      // Copies of two versions in one lease, where the modification time was put back.
      ("writing in place, copies", [9, 10439]),
      // Readers that failed because others used copies of another version.
      ("growth in copies", [1098]),
      ("truncation of copies", [19]),
      // A refresh that kept the old size.
      ("growth in maps", [109, 1063]),
      ("growth in copies", [16, 284, 756]),
      ("growth of whole files", [703, 874]),
      ("growth, hard budget", [104, 874]),
      ("links", [5, 1528, 1904]),
      ("links, copies", [5, 480]),
      ("truncation of copies", [284, 290, 797]),
      ("takeover of files that change", [38, 76]),
      // A hard budget exceeded by growth.
      ("growth, hard budget", [1337]),
      // Another file's size, or bytes, by its number.
      ("empty files, one handle", [12, 107, 2068]),
      ("empty files in maps", [12, 107, 2068]),
      ("replaced files", [414]),
      ("replaced files, copies", [613]),
      // A way back whose end took another thread's next change for its own: an extent made for an edition that had none any more.
      ("takeover of files that change", [14]),
      // Pages that nobody had loaded were taken out while a window came to use them, which gets them back: no fault.
      ("ready in maps", [8766]),
      // Windows of a lease that ended for a look at the file, after which its cursor went on in another edition: nobody was told.
      ("missing pages", [8521]),
      ("bypasses of files that change", [436]),
    ]

    @Test(arguments: found)
    func `What was found stays mended`(_ name: String, _ seeds: [UInt64]) throws {
      let scenario = try #require(Scenario.all.first { $0.name == name })
      for seed in seeds {
        let failure = Program.run(scenario, seed: seed).outcome.failure
        #expect(failure == nil, "\(name): \(failure?.description ?? "")")
      }
    }

    /// Else nothing that was found could be looked at.
    @Test(arguments: [0, 12, 20, 25, 30])
    func `A seed repeats its schedule`(_ index: Int) {
      for seed in UInt64(0)..<20 {
        let (one, two) = (
          Program.run(Scenario.all[index], seed: seed).outcome,
          Program.run(Scenario.all[index], seed: seed).outcome
        )
        #expect(one.steps == two.steps && one.fingerprint == two.fingerprint)
      }
    }
  }

  extension Duration {
    fileprivate var inSeconds: String { String(format: "%.2f s", self / .seconds(1)) }
  }

  extension Scheduler.Failure {
    /// Its message without what differs from one schedule to the next.
    var kind: String { message.filter { !$0.isNumber } }
  }

  extension Scenario: CustomTestStringConvertible {
    var testDescription: String { name }
  }
#endif

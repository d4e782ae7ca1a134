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
      defer { Crash.note(index, nil) }
      let start = ContinuousClock.now
      var steps = 0
      var (seen, failures) = (Set<String>(), 0)
      for seed in Self.firstSeed..<Self.firstSeed + Self.schedules {
        Crash.note(index, "\(scenario.name), seed \(seed)")
        let outcome = Program.run(scenario, seed: seed)
        steps += outcome.steps
        guard let failure = outcome.failure else { continue }
        failures += 1
        if seen.insert(failure.kind).inserted {
          let took = (ContinuousClock.now - start).formatted(.units(allowed: [.seconds], fractionalPart: .show(length: 2)))
          Issue.record(
            "\(scenario.name), after \(seed - Self.firstSeed + 1) schedules, \(took): \(failure)")
        }
        if !Self.findsAll || failures == Self.mostFailures { break }
      }
      print(
        "\(scenario.name): \(Self.schedules) schedules, \(steps) steps, \(failures) failures,",
        ContinuousClock.now - start)
    }

    /// Else nothing that was found could be looked at.
    @Test(arguments: [0, 12, 20, 25, 30])
    func `A seed repeats its schedule`(_ index: Int) {
      for seed in UInt64(0)..<20 {
        let (one, two) = (
          Program.run(Scenario.all[index], seed: seed), Program.run(Scenario.all[index], seed: seed)
        )
        #expect(one.steps == two.steps && one.fingerprint == two.fingerprint)
      }
    }
  }

  extension Scheduler.Failure {
    /// Its message without what differs from one schedule to the next.
    var kind: String { message.filter { !$0.isNumber } }
  }

  extension Scenario: CustomTestStringConvertible {
    var testDescription: String { name }
  }
#endif

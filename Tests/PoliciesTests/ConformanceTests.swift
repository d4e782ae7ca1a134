import MapProtocols
import MapTestSupport
import MapTesting
import Policies
import Testing

/// Every policy under the conformance suite, beside its model; and what holds for any two of them.
struct ConformanceTests {
  @Test(arguments: allPolicies, PolicyConformance.Promise.allCases)
  func keeps(_ subject: PolicyCase, _ promise: PolicyConformance.Promise) throws {
    try PolicyConformance.check(
      subject.policy, promises: [promise],
      operations: ProcessResources.isSanitized ? 20_000 : 1_000_000, model: subject.model)
  }

  /// But for the endless one under a sanitizer, where the suite waits for ten minutes.
  @Test(
    arguments: CarelessPolicy.Fault.allCases.filter {
      !ProcessResources.isSanitized || $0 != .comesToNoEnd
    })
  func findsWhatIsWrong(_ fault: CarelessPolicy.Fault) {
    let (promise, words) = fault.isFoundAs
    // What never ends takes its time at each.
    let promises = PolicyConformance.Promise.allCases.filter {
      fault != .comesToNoEnd || $0.rawValue == promise
    }
    let report = PolicyConformance.report(
      on: CarelessPolicy(fault), promises: promises, operations: 20_000)
    let isNamed = report.findings.contains { $0.promise == promise && $0.text.contains(words) }
    #expect(isNamed, "\(report)")
    #expect(report.description.contains(" breaks "))
  }

  @Test func findsNothingWrongWithACarefulOne() throws {
    let report = PolicyConformance.report(on: CarelessPolicy(nil), operations: 20_000)
    #expect(report.isClean && report.findings.isEmpty)
    #expect(
      report.unchecked.isEmpty && report.kept.count == PolicyConformance.Promise.allCases.count)
    #expect(report.description.hasPrefix("policy \"careless\" keeps all "))
  }

  @Test func findsAMisspelledHit() {
    let report = PolicyConformance.report(on: MisspelledPolicy(), operations: 2_000)
    let text = "it asks for hits in order, but has no `hit(_:)` of its own"
    #expect(report.findings.contains { $0.promise == "heedsHits" && $0.text == text }, "\(report)")
  }

  @Test func findsAnotherDecision() {
    let report = PolicyConformance.report(on: .fifo, promises: [.decidesSoundly]) { LRUModel() }
    #expect(report.findings.contains { $0.text.contains(", the model ") }, "\(report)")
  }

  /// The same seed brings the same calls.
  @Test func aSeedRepeatsWhatWasFound() {
    let reports = (0..<2).map { _ in
      PolicyConformance.report(
        on: CarelessPolicy(.changesItsMind), promises: [.decidesSoundly], seed: 7)
    }
    #expect(reports[0].findings == reports[1].findings && reports[0].seed == 7)
  }

  @Test(arguments: allPolicies, allPolicies)
  func aSuccessorKeepsAllRegions(_ predecessor: PolicyCase, _ successor: PolicyCase) {
    var host = PolicyHost(predecessor.policy, capacity: 50, batch: 8)
    let requests = RequestTrace.skewed.requests(2_000)
    for key in requests { host.request(key) }
    let loaded = Set(host.loaded)
    let order = host.evictionOrder()
    #expect(Set(order) == loaded && order.count == loaded.count)

    host.setPolicy(successor.policy)
    #expect(Set(host.loaded) == loaded)
    #expect(Set(host.evictionOrder()) == loaded)
    if successor.policy.name != "random" { #expect(host.evictionOrder() == order) }
    host.policy._checkInvariants()
    for key in requests { host.request(key) }
    host.policy._checkInvariants()
    #expect(host.loaded.count == 50)
  }

  @Test func namesAreDistinct() {
    let names = allPolicies.map(\.policy.name)
    #expect(
      names == [
        "lru", "fifo", "clock", "clock2bit", "lfu", "lfuda", "sieve", "s3fifo", "twoq", "arc",
        "wtinylfu", "random",
      ])
  }
}

import MapProtocols
import MapTestSupport
import Policies
import Testing

/// Every policy under the conformance suite, beside its model; and what holds for any two of them.
struct ConformanceTests {
  @Test(arguments: allPolicies, PolicyConformance.allCases)
  func keeps(_ subject: PolicyCase, _ promise: PolicyConformance) {
    promise.check(subject.policy, model: subject.model)
  }

  @Test(arguments: CarelessPolicy.Fault.allCases)
  func findsWhatIsWrong(_ fault: CarelessPolicy.Fault) {
    withKnownIssue {
      for promise in PolicyConformance.allCases {
        promise.check(CarelessPolicy(fault))
      }
    }
  }

  @Test func findsAnotherDecision() {
    withKnownIssue { PolicyConformance.decidesSoundly.check(.fifo) { LRUModel() } }
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

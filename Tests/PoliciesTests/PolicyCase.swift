import MapProtocols
import MapTestSupport
import MapTesting
import Policies
import Testing

/// A policy under the conformance suite, and the model that it must agree with.
struct PolicyCase: Sendable, CustomTestStringConvertible {
  let policy: any EvictionPolicy
  let model: @Sendable () -> any PolicyModel

  var testDescription: String { policy.name }
}

/// Every policy of the package; a new one takes one line here and its model.
let allPolicies = [
  PolicyCase(policy: .lru) { LRUModel() },
  PolicyCase(policy: .fifo) { FIFOModel() },
  PolicyCase(policy: .clock) { ClockModel() },
  PolicyCase(policy: .clock2Bit) { Clock2BitModel() },
  PolicyCase(policy: .lfu) { LFUModel() },
  PolicyCase(policy: .lfuda) { LFUDAModel() },
  PolicyCase(policy: .sieve) { SIEVEModel() },
  PolicyCase(policy: .s3fifo) { S3FIFOModel() },
  PolicyCase(policy: .twoQ) { TwoQModel() },
  PolicyCase(policy: .arc) { ARCModel() },
  PolicyCase(policy: .tinyLFU) { TinyLFUModel() },
  PolicyCase(policy: .random) { RandomModel() },
]

internal import Foundation
package import MapProtocols
package import MapTesting
internal import Policies
internal import Testing

/// Misses that the published definitions give for the 200,000 requests of a trace; two independent references agree on each.
package struct GoldenMisses: Sendable, CustomTestStringConvertible {
  /// A policy that holds nothing yet.
  package let policy: any EvictionPolicy
  package let trace: RequestTrace
  /// For each of `capacities`.
  package let misses: [Int]

  package var testDescription: String { "\(policy.name) \(trace)" }

  package init(policy: any EvictionPolicy, trace: RequestTrace, misses: [Int]) {
    self.policy = policy
    self.trace = trace
    self.misses = misses
  }

  /// The name of the backend over which all of them are to be replayed, if one is: some minutes in a release build.
  package static let completeBackend = ProcessInfo.processInfo.environment[
    "SLIDING_MAP_EVERY_CELL"]

  /// How many regions fit.
  package static let capacities = [64, 512, 2048]

  /// Every policy that has a published definition, on every trace.
  package static let all: [GoldenMisses] = [
    GoldenMisses(policy: .lru, trace: .uniform, misses: [196_912, 175_044, 100_536]),
    GoldenMisses(policy: .lru, trace: .skewed, misses: [192_904, 145_146, 25_044]),
    GoldenMisses(policy: .lru, trace: .loop, misses: [200_000, 200_000, 1_500]),
    GoldenMisses(policy: .lru, trace: .scanmix, misses: [192_064, 142_832, 67_216]),
    GoldenMisses(policy: .lru, trace: .phases, misses: [172_227, 26_474, 7_075]),
    GoldenMisses(policy: .lru, trace: .pairs, misses: [161_348, 100_064, 100_064]),
    GoldenMisses(policy: .fifo, trace: .uniform, misses: [196_923, 174_945, 100_465]),
    GoldenMisses(policy: .fifo, trace: .skewed, misses: [192_953, 146_760, 37_851]),
    GoldenMisses(policy: .fifo, trace: .loop, misses: [200_000, 200_000, 1_500]),
    GoldenMisses(policy: .fifo, trace: .scanmix, misses: [192_174, 148_184, 88_223]),
    GoldenMisses(policy: .fifo, trace: .phases, misses: [172_630, 38_699, 7_075]),
    GoldenMisses(policy: .fifo, trace: .pairs, misses: [162_347, 111_625, 103_100]),
    GoldenMisses(policy: .clock, trace: .uniform, misses: [196_906, 174_966, 100_705]),
    GoldenMisses(policy: .clock, trace: .skewed, misses: [192_880, 144_090, 23_336]),
    GoldenMisses(policy: .clock, trace: .loop, misses: [200_000, 200_000, 1_500]),
    GoldenMisses(policy: .clock, trace: .scanmix, misses: [191_971, 139_285, 63_147]),
    GoldenMisses(policy: .clock, trace: .phases, misses: [171_814, 25_350, 7_243]),
    GoldenMisses(policy: .clock, trace: .pairs, misses: [157_682, 100_064, 100_064]),
    GoldenMisses(policy: .clock2Bit, trace: .uniform, misses: [196_905, 174_956, 100_811]),
    GoldenMisses(policy: .clock2Bit, trace: .skewed, misses: [192_877, 143_325, 20_112]),
    GoldenMisses(policy: .clock2Bit, trace: .loop, misses: [200_000, 200_000, 1_500]),
    GoldenMisses(policy: .clock2Bit, trace: .scanmix, misses: [191_960, 136_469, 59_456]),
    GoldenMisses(policy: .clock2Bit, trace: .phases, misses: [171_725, 23_848, 7_410]),
    GoldenMisses(policy: .clock2Bit, trace: .pairs, misses: [155_019, 100_064, 100_064]),
    GoldenMisses(policy: .lfu, trace: .uniform, misses: [196_796, 175_147, 100_893]),
    GoldenMisses(policy: .lfu, trace: .skewed, misses: [191_071, 135_546, 17_891]),
    GoldenMisses(policy: .lfu, trace: .loop, misses: [200_000, 200_000, 1_500]),
    GoldenMisses(policy: .lfu, trace: .scanmix, misses: [186_931, 110_089, 53_810]),
    GoldenMisses(policy: .lfu, trace: .phases, misses: [196_393, 181_670, 139_069]),
    GoldenMisses(policy: .lfu, trace: .pairs, misses: [117_419, 100_064, 100_064]),
    GoldenMisses(policy: .lfuda, trace: .uniform, misses: [196_902, 174_989, 100_519]),
    GoldenMisses(policy: .lfuda, trace: .skewed, misses: [192_865, 134_581, 17_771]),
    GoldenMisses(policy: .lfuda, trace: .loop, misses: [200_000, 200_000, 1_500]),
    GoldenMisses(policy: .lfuda, trace: .scanmix, misses: [191_990, 117_365, 56_574]),
    GoldenMisses(policy: .lfuda, trace: .phases, misses: [171_194, 50_016, 12_339]),
    GoldenMisses(policy: .lfuda, trace: .pairs, misses: [143_853, 100_064, 100_064]),
    GoldenMisses(policy: .sieve, trace: .uniform, misses: [196_864, 174_941, 100_885]),
    GoldenMisses(policy: .sieve, trace: .skewed, misses: [190_833, 129_400, 17_325]),
    GoldenMisses(policy: .sieve, trace: .loop, misses: [200_000, 200_000, 1_500]),
    GoldenMisses(policy: .sieve, trace: .scanmix, misses: [186_630, 106_756, 53_810]),
    GoldenMisses(policy: .sieve, trace: .phases, misses: [166_202, 34_524, 11_516]),
    GoldenMisses(policy: .sieve, trace: .pairs, misses: [117_419, 100_064, 100_064]),
    GoldenMisses(policy: .s3fifo, trace: .uniform, misses: [196_834, 175_288, 100_673]),
    GoldenMisses(policy: .s3fifo, trace: .skewed, misses: [190_800, 134_668, 20_153]),
    GoldenMisses(policy: .s3fifo, trace: .loop, misses: [192_286, 138_699, 1_500]),
    GoldenMisses(policy: .s3fifo, trace: .scanmix, misses: [186_718, 111_163, 53_194]),
    GoldenMisses(policy: .s3fifo, trace: .phases, misses: [165_695, 26_217, 9_357]),
    GoldenMisses(policy: .s3fifo, trace: .pairs, misses: [104_771, 100_064, 100_064]),
    GoldenMisses(policy: .twoQ, trace: .uniform, misses: [196_854, 175_070, 100_662]),
    GoldenMisses(policy: .twoQ, trace: .skewed, misses: [191_507, 138_240, 27_566]),
    GoldenMisses(policy: .twoQ, trace: .loop, misses: [200_000, 200_000, 1_500]),
    GoldenMisses(policy: .twoQ, trace: .scanmix, misses: [188_225, 121_178, 55_035]),
    GoldenMisses(policy: .twoQ, trace: .phases, misses: [167_826, 30_704, 7_075]),
    GoldenMisses(policy: .twoQ, trace: .pairs, misses: [115_141, 100_128, 100_128]),
    GoldenMisses(policy: .arc, trace: .uniform, misses: [196_829, 174_968, 100_531]),
    GoldenMisses(policy: .arc, trace: .skewed, misses: [191_474, 137_511, 24_003]),
    GoldenMisses(policy: .arc, trace: .loop, misses: [200_000, 200_000, 1_500]),
    GoldenMisses(policy: .arc, trace: .scanmix, misses: [187_469, 112_557, 53_045]),
    GoldenMisses(policy: .arc, trace: .phases, misses: [167_786, 27_126, 7_204]),
    GoldenMisses(policy: .arc, trace: .pairs, misses: [104_121, 100_064, 100_064]),
  ]
}

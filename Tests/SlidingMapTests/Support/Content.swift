import Foundation
import SlidingMap
import Testing

/// Bytes that differ from place to place and from file to file; the same for the same arguments.
func content(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
  var dice = Dice(seed: seed)
  return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
    let raw = UnsafeMutableRawBufferPointer(buffer)
    var offset = 0
    while offset + 8 <= count {
      unsafe raw.storeBytes(of: dice.next(), toByteOffset: offset, as: UInt64.self)
      offset += 8
    }
    while offset < count {
      unsafe raw[offset] = UInt8(truncatingIfNeeded: dice.next())
      offset += 1
    }
    filled = count
  }
}

/// Whether a span shows what `model` has from `offset` on.
func shows(_ span: RawSpan, _ model: [UInt8], at offset: Int) -> Bool {
  let count = span.byteCount
  if count == 0 { return true }
  if offset < 0 || offset + count > model.count { return false }
  return unsafe span.withUnsafeBytes { bytes in
    unsafe model.withUnsafeBytes { expected in
      unsafe memcmp(bytes.baseAddress!, expected.baseAddress! + offset, count) == 0
    }
  }
}

func array(_ span: RawSpan) -> [UInt8] {
  unsafe span.withUnsafeBytes { unsafe Array($0) }
}

/// What a cursor shows, for comparisons: a cursor itself can't be copied into an expectation.
struct View: Equatable {
  var isValid: Bool
  var range: Range<Int64>
  var bytes: [UInt8]

  static let none = View(isValid: false, range: 0..<0, bytes: [])

  /// The part of `model` that a use of `range` shows.
  static func of(_ model: [UInt8], _ range: Range<Int>) -> View {
    View(
      isValid: true, range: Int64(range.lowerBound)..<Int64(range.upperBound),
      bytes: Array(model[range]))
  }
}

func view(_ cursor: borrowing WindowCursor) -> View {
  View(isValid: cursor.isValid, range: cursor.range, bytes: array(cursor.bytes))
}

/// SplitMix64: small, seeded, good enough to choose operations.
struct Dice: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }

  /// 0..<`bound`.
  mutating func draw(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}

/// A kind of manager: a window size, or none for whole files.
struct Shape: Sendable, CustomTestStringConvertible {
  let windowSize: Int?

  static let all = [4096, 12288, 65536, 1 << 20, nil].map { Shape(windowSize: $0) }
  static let small = [4096, 12288, nil].map { Shape(windowSize: $0) }

  var testDescription: String { windowSize.map { "windows of \($0)" } ?? "whole files" }

  func manager(
    _ budget: some Budget = .unlimited, policy: some EvictionPolicy = .lru,
    backend: some RegionProvider = .mmap
  ) -> MapManager {
    if let windowSize {
      SlidingWindowMapManager(
        backend: backend, policy: policy, budget: budget, windowSize: windowSize)
    } else {
      StaticWindowMapManager(backend: backend, policy: policy, budget: budget)
    }
  }
}

/// Every policy of the package.
let everyPolicy: [any EvictionPolicy] = [
  LRU(), FIFO(), CLOCK(), CLOCK(bits: 2), LFU(), RandomReplacement(seed: 7), LFUDA(), SIEVE(),
  S3FIFO(), TwoQ(), ARC(), TinyLFU(),
]

/// The error of a throwing body, if it was one of ours.
func mapError(_ body: () throws -> Void) -> MapError? {
  do {
    try body()
    return nil
  } catch {
    return error as? MapError
  }
}

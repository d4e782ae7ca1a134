import BenchmarkSupport
import SlidingMap
import SystemPackage

/// One thread's way of reading the corpus. Subclasses differ in one closure; the loop around it is the same code.
class Reader: @unchecked Sendable {
  /// One of so many accesses is timed by itself; prime, so that it falls into step with no pattern.
  private static let stride = 31

  /// A sum over all words read and their order.
  final private(set) var checksum: UInt64 = 0
  /// Nanoseconds of the accesses that were timed.
  final private(set) var latencies: [UInt64] = []
  /// What stopped the reader.
  final private(set) var failure: (any Error)?

  /// Reads all `accesses`; what it did before is forgotten.
  final func read(_ accesses: ArraySlice<Access>) {
    checksum = 0
    latencies.removeAll(keepingCapacity: true)
    latencies.reserveCapacity(accesses.count / Self.stride + 1)
    do { try perform(accesses) } catch { failure = error }
  }

  /// Drives `accesses` through `drive`.
  func perform(_ accesses: ArraySlice<Access>) throws {
    fatalError("abstract")
  }

  /// The measured loop. Always inlined, so that `load` is part of it.
  @inline(__always)
  final func drive(
    _ accesses: ArraySlice<Access>, _ load: (_ file: Int, _ offset: Int) throws -> UInt64
  ) rethrows {
    var sum: UInt64 = 0
    var untilTimed = Self.stride
    for index in accesses.indices {
      let access = accesses[index]
      let value: UInt64
      untilTimed &-= 1
      if untilTimed == 0 {
        untilTimed = Self.stride
        let start = nanoseconds()
        value = try load(access.file, access.offset)
        latencies.append(nanoseconds() &- start)
      } else {
        value = try load(access.file, access.offset)
      }
      sum &+= value &* UInt64(truncatingIfNeeded: index | 1)
    }
    checksum = sum
  }
}

extension RawSpan {
  /// Four words within `Access.byteCount` bytes from `offset`, mixed so that none can stand for another.
  @inline(__always)
  func fourWords(at offset: Int) -> UInt64 {
    word(at: offset) &+ word(at: offset + 16) &* 3 &+ word(at: offset + 32) &* 5
      &+ word(at: offset + 56) &* 7
  }
}

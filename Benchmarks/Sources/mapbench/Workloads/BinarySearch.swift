import BenchmarkSupport
import SlidingMap
import Synchronization
import SystemPackage

extension UserWork {
  private static let recordSize = 64
  private static let lookups = 40_000

  /// Lookups in a sorted file of sixteen times the budget that the page cache holds: on one thread, and on two.
  static func binarySearch(in directory: FilePath, _ scale: Double) throws -> [UserWork] {
    let path = directory.appending("sorted.bin")
    let fileSize = Int(4 * scale * 1024) << 20
    let count = fileSize / recordSize
    let budget = fileSize / 16
    try writeRecords(count, path)
    let maps = SlidingWindowMapManager(budget: .fixed(bytes: budget))
    return [1, 2].map { threads in
      /// Parts the lookups among threads, each with a reader of its own, which gives the key of a record.
      func way(
        _ name: String, isOurs: Bool,
        _ lookUp: @escaping @Sendable ([UInt64]) throws -> UInt64
      ) -> Way {
        Way(name: name, isOurs: isOurs) {
          let keys = searchKeys(threads, among: count)
          return { try together(keys, lookUp) }
        }
      }
      return UserWork(
        name: "binary search\(threads == 1 ? "" : ", \(threads) threads")",
        work: "\(grouped(lookups)) keys looked up among \(grouped(count)) sorted records of "
          + "\(recordSize) bytes, a budget of \(ByteSize.text(budget))",
        ways: [
          way("a cursor", isOurs: true) { keys in
            var cursor = try maps.cursor(for: path)
            return try search(keys, among: count) { number throws(MapError) in
              try cursor.use(at: Int64(number * recordSize), count: recordSize)
              return cursor.bytes.word(at: 0)
            }
          },
          way("pread", isOurs: false) { keys in
            let file = try FileDescriptor.open(path, .readOnly)
            defer { try? file.close() }
            let buffer = AlignedBuffer(byteCount: recordSize)
            return try search(keys, among: count) { number throws(any Error) in
              _ = try buffer.fill(
                from: file, at: Int64(number * recordSize), count: recordSize)
              return buffer.bytes.word(at: 0)
            }
          },
          way("a raw mapping", isOurs: false) { keys in
            let mapping = try RawMapping(path)
            return search(keys, among: count, in: mapping)
          },
        ], peer: "pread", most: 1)
    }
  }

  /// The sum of the numbers of the records that have some keys.
  @inline(__always)
  private static func search<Failure: Error>(
    _ keys: [UInt64], among count: Int, _ key: (Int) throws(Failure) -> UInt64
  ) throws(Failure) -> UInt64 {
    var sum: UInt64 = 0
    for wanted in keys {
      var range = 0..<count
      while range.count > 1 {
        let middle = range.lowerBound + range.count / 2
        if try key(middle) <= wanted {
          range = middle..<range.upperBound
        } else {
          range = range.lowerBound..<middle
        }
      }
      sum &+= UInt64(range.lowerBound)
    }
    return sum
  }

  @inline(never)
  private static func search(
    _ keys: [UInt64], among count: Int, in mapping: borrowing RawMapping
  ) -> UInt64 {
    search(keys, among: count) { mapping.bytes.word(at: $0 * recordSize) }
  }

  /// Keys at random, a part for each thread, the same for each way and round.
  private static func searchKeys(_ threads: Int, among count: Int) -> [[UInt64]] {
    (0..<threads).map { thread in
      var generator = SeededGenerator(seed: UInt64(thread))
      return (0..<lookups / threads).map { _ in key(of: generator.below(count)) }
    }
  }

  private static func together(
    _ keys: [[UInt64]], _ lookUp: @escaping @Sendable ([UInt64]) throws -> UInt64
  ) throws -> UInt64 {
    let outcome = Mutex<Result<UInt64, any Error>>(.success(0))
    Worker.together(keys.count) { thread in
      let result = Result { try lookUp(keys[thread]) }
      outcome.withLock { total in
        total = total.flatMap { sum in result.map { sum &+ $0 } }
      }
    }
    return try outcome.withLock { $0 }.get()
  }

  /// Keys rise by 1 to 64.
  private static func key(of number: Int) -> UInt64 {
    UInt64(number) << 6 | PatternFile.word(number, seed: 19) & 63
  }

  private static func writeRecords(_ count: Int, _ path: FilePath) throws {
    let file = try FileDescriptor.open(
      path, .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
    defer { try? file.close() }
    var generator = SeededGenerator(seed: 20)
    let wordsPerRecord = recordSize / 8
    var block = (0..<1 << 17).map { _ in generator.next() }
    let recordsPerBlock = block.count / wordsPerRecord
    for first in stride(from: 0, to: count, by: recordsPerBlock) {
      for index in 0..<recordsPerBlock { block[index * wordsPerRecord] = key(of: first + index) }
      try unsafe block.withUnsafeBytes { _ = try unsafe file.writeAll($0) }
    }
  }
}

import BenchmarkSupport
import Glibc
import SlidingMap
import SystemPackage

/// Reads every byte of files through a manager, twice, and compares it with what pread(2) gives.
struct Verifier: ~Copyable {
  /// What the random pass asks for at once: no divisor of a window, so that requests cross windows.
  static let blockSize = 96 << 10
  /// What the process may hold beside the budget: the tool's own lists, stacks, the C library's pages, and the error of
  /// the kernel's counters, which it keeps for each CPU.
  static let slack = 8 << 20

  let files: [FoundFile]
  let budget: Int
  let windowSize: Int
  let seed: UInt64
  private let buffer: AlignedBuffer
  /// Every block of every file, in a seeded order.
  private let blocks: [Access]

  init(_ files: [FoundFile], budget: Int, windowSize: Int, seed: UInt64) {
    self.files = files
    self.budget = budget
    self.windowSize = windowSize
    self.seed = seed
    buffer = AlignedBuffer(byteCount: max(Self.blockSize, windowSize))
    var blocks: [Access] = []
    for (index, file) in files.enumerated() {
      for offset in stride(from: 0, to: Int(file.size), by: Self.blockSize) {
        blocks.append(Access(file: index, offset: offset))
      }
    }
    var generator = SeededGenerator(seed: seed)
    blocks.shuffle(using: &generator)
    self.blocks = blocks
  }

  /// Both passes through one manager.
  func run(_ backend: BackendName, _ policy: PolicyName) throws -> VerifyResult {
    var result = VerifyResult(
      backend: backend.rawValue, policy: policy.rawValue, budgetBytes: budget,
      allowedBytes: budget + Self.slack)
    result.files = files.count
    let sampler = MemorySampler(every: 2000)
    result.seconds = try seconds {
      let maps = policy.slidingManager(
        .fixed(bytes: budget, handles: 64), windowSize: windowSize, backend: try backend.make())
      var ours = BlockDigest()
      var theirs = BlockDigest()
      sequentially(maps, sampler, &result, &ours, &theirs)
      atRandom(maps, sampler, &result, &ours, &theirs)
      result.digest = String(ours.value, radix: 16)
      result.expectedDigest = String(theirs.value, radix: 16)
      result.peakBudgetBytes = maps.statistics.peak.bytes
      maps.shutdown()
    }
    (result.peakFileBytes, result.peakAnonymousBytes) = sampler.stop()
    result.judge()
    return result
  }

  /// Front to back, a window at a time, as `use(at:)` gives it.
  private func sequentially(
    _ maps: MapManager, _ sampler: MemorySampler, _ result: inout VerifyResult,
    _ ours: inout BlockDigest, _ theirs: inout BlockDigest
  ) {
    for (index, file) in files.enumerated() {
      do {
        var cursor = try maps.cursor(for: file.path)
        let peer = try FileDescriptor.open(file.path, .readOnly)
        defer { try? peer.close() }
        var offset: Int64 = 0
        while try cursor.use(at: offset) {
          let count = cursor.bytes.byteCount
          compare(cursor.bytes, peer, index, offset, count, &result, &ours, &theirs)
          offset += Int64(count)
        }
        if try buffer.fill(from: peer, at: offset, count: 1) > 0 {
          result.differences += 1
          result.note("\(file.path) goes on after \(offset)")
        }
      } catch {
        result.errors += 1
        result.note("\(file.path): \(error)")
      }
      sampler.sample()
    }
  }

  /// Block by block in a random order over all files, each through a new cursor.
  private func atRandom(
    _ maps: MapManager, _ sampler: MemorySampler, _ result: inout VerifyResult,
    _ ours: inout BlockDigest, _ theirs: inout BlockDigest
  ) {
    for (step, block) in blocks.enumerated() {
      let file = files[block.file]
      let offset = Int64(block.offset)
      let count = Int(min(Int64(Self.blockSize), file.size - offset))
      do {
        var cursor = try maps.cursor(for: file.path)
        let peer = try FileDescriptor.open(file.path, .readOnly)
        defer { try? peer.close() }
        try cursor.use(at: offset, count: count)
        compare(cursor.bytes, peer, block.file, offset, count, &result, &ours, &theirs)
      } catch {
        result.errors += 1
        result.note("\(file.path) at \(offset): \(error)")
      }
      if step % 256 == 0 { sampler.sample() }
    }
  }

  /// Compares `bytes` with `count` bytes of the file by memcmp(3), and adds both sides to their digests.
  private func compare(
    _ bytes: RawSpan, _ peer: FileDescriptor, _ file: Int, _ offset: Int64, _ count: Int,
    _ result: inout VerifyResult, _ ours: inout BlockDigest, _ theirs: inout BlockDigest
  ) {
    let read = (try? buffer.fill(from: peer, at: offset, count: count)) ?? -1
    guard read == count, bytes.byteCount == count else {
      result.differences += 1
      result.note(
        "\(files[file].path) at \(offset): \(bytes.byteCount) bytes mapped, \(read) read")
      return
    }
    let reference = buffer.bytes.extracting(first: count)
    if !Self.areEqual(bytes, reference) {
      result.differences += 1
      result.note("\(files[file].path) at \(offset): other bytes")
    }
    ours.add(bytes, file: file, offset: offset)
    theirs.add(reference, file: file, offset: offset)
    result.bytes += Int64(count)
  }

  private static func areEqual(_ one: RawSpan, _ other: RawSpan) -> Bool {
    unsafe one.withUnsafeBytes { left in
      unsafe other.withUnsafeBytes { right in
        guard left.count == right.count else { return false }
        guard let a = left.baseAddress, let b = right.baseAddress else {
          return one.isEmpty
        }
        return unsafe memcmp(a, b, left.count) == 0
      }
    }
  }
}

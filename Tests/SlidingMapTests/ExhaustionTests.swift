import Foundation
import MapTestSupport
import MapTesting
import SlidingMap
import SystemPackage
import Testing

/// Limits that are reached in earnest, in processes of their own: whatever runs out, the bytes are right, and the program
/// around can still allocate and start threads.
@Suite(.serialized)
struct ExhaustionTests {
  @Test(
    .enabled(if: canOpenWithoutDescriptors, "opening without descriptors needs io_uring"),
    arguments: [true, false])
  func `Ten thousand files at the limit of descriptors`(hasRing: Bool) async {
    await #expect(processExitsWith: .success) { [hasRing] in
      let scratch = try Scratch()
      let files = try Files(scratch, count: 10_000)
      let backend =
        hasRing
        ? MMapProvider.automatic : MMapProvider(takeover: Takeover(provider: URingProvider.pread))
      let maps = SlidingWindowMapManager(backend: backend, budget: .fixed(bytes: 128 << 20))
      let descriptors = openDescriptors()
      try setLimit(RLIMIT_NOFILE, to: UInt(highestDescriptor() + 1))
      let fillers = try fillDescriptorTable()
      var held: [Held] = []
      for index in 0..<files.count {
        var cursor = try maps.cursor(for: files.path(index))
        try cursor.use(at: 0, count: 1 << 20)
        let isRight = files.match(cursor.bytes, index, at: 0)
        #expect(isRight)
        // Some are kept, and read again when their windows have long gone.
        if index % 25 == 0 { held.append(Held(cursor)) }
        if index % 1000 == 0 { try hostIsWell() }
      }
      for (index, held) in zip(stride(from: 0, to: files.count, by: 25), held) {
        for offset in [0, 5000, 12_345] {
          let isRight = try held.cursor.withBytes(at: Int64(offset), count: 4000) {
            files.match($0, index, at: offset)
          }
          #expect(isRight)
        }
      }
      #expect(openDescriptors() == descriptors + fillers.count)
      let pressed = maps.statistics
      #expect(pressed.counts.takeovers >= files.count && pressed.counts.copies > 0)
      for filler in fillers { try filler.close() }

      try setLimit(RLIMIT_NOFILE, to: 4096)
      let (index, cursor) = (0, held[0])
      try cursor.cursor.use(at: 1, count: 16_000)
      cursor.cursor.release()
      maps.collect()
      let isRight = try cursor.cursor.withBytes(at: 7, count: 16_000) {
        files.match($0, index, at: 7)
      }
      #expect(isRight)
      #expect(try ProcessResources.maps(under: files.path(index)) == 1, "mapped again")
      #expect(maps.statistics.counts.returnsToPrimary > 0)
      maps.shutdown()
    }
  }

  @Test(.enabled(if: canOpenWithoutDescriptors, "opening without descriptors needs io_uring"))
  func `Without descriptors any path to a file tells how it is`() async {
    await #expect(processExitsWith: .success) {
      let scratch = try Scratch()
      let tells = BackendKind.withTellingHandles.contains(.direct)
      let descriptor = try FileDescriptor.open(
        scratch.write("first", content(40_000)), .readWrite)
      try scratch.hardLink("first", as: "second")
      let maps = SlidingWindowMapManager(backend: try BackendKind.direct.make(), windowSize: 4096)
      let cursors = try ["first", "second"].map { Held(try maps.cursor(for: scratch[$0])) }
      let descriptors = openDescriptors()
      try setLimit(RLIMIT_NOFILE, to: UInt(highestDescriptor() + 1))
      let fillers = try fillDescriptorTable()
      func check(size: Int64) throws {
        for held in cursors {
          try held.cursor.refresh()
          #expect(held.cursor.fileSize == size)
        }
      }
      try scratch.remove("first")
      try descriptor.resize(to: 50_000)
      try check(size: 50_000)
      try scratch.remove("second")
      try descriptor.resize(to: 60_000)
      if tells {
        try check(size: 60_000)
      } else {
        for held in cursors {
          let error = mapError { try held.cursor.refresh() }
          #expect(error?.code == .fileChanged)
          #expect(held.cursor.fileSize == 50_000)
        }
      }
      for filler in fillers { try filler.close() }
      #expect(openDescriptors() == descriptors)
      maps.shutdown()
    }
  }

  @Test func `Eight gibibytes in two hundred mebibytes of addresses`() async {
    await #expect(processExitsWith: .success) {
      let scratch = try Scratch()
      let files = try LargeFiles(scratch)
      let used = try ProcessResources().addressSpaceBytes
      let early = SlidingWindowMapManager()
      try setLimit(RLIMIT_AS, to: UInt(used + 200 << 20))
      let maps = SlidingWindowMapManager()
      try files.read(through: maps)
      let statistics = maps.statistics
      // Only across windows it is copies.
      let (copies, loads) = (statistics.counts.copies, statistics.counts.loads)
      #expect(copies > 0 && copies < 400 && statistics.counts.takeovers == copies, "\(copies)")
      #expect(loads > 50, "\(loads)")
      #expect(statistics.peak.addresses <= 100 << 20)
      maps.shutdown()
      // This one was made when there was no limit, and learns of it by a refusal.
      try files.read(through: early)
      #expect(early.statistics.counts.loads > 50)
      try setLimit(RLIMIT_AS, to: .max)
      try files.comeBack(through: early)
      early.shutdown()
    }
  }

  @Test(
    .disabled(if: ProcessResources.isSanitized, "a sanitizer ends the process when it gets no map"))
  func `Eight gibibytes with hardly a kernel map left`() async {
    await #expect(processExitsWith: .success) {
      let scratch = try Scratch()
      let files = try LargeFiles(scratch)
      let early = SlidingWindowMapManager()
      let host = try HostMaps(leaving: 40)
      let maps = SlidingWindowMapManager()
      try files.read(through: maps)
      let statistics = maps.statistics
      #expect(statistics.counts.takeovers > 0 && statistics.peak.maps < 30)
      maps.shutdown()
      // This one was made when there were maps enough, and learns of it by a refusal.
      let rest = try HostMaps(leaving: 20)
      try files.read(through: early)
      #expect(early.statistics.counts.takeovers > 0)
      rest.giveBack()
      host.giveBack()
      try files.comeBack(through: early)
      early.shutdown()
    }
  }
}

/// Whether a ring opens files where no descriptor is left.
let canOpenWithoutDescriptors = (try? URingProvider.uring(method: .ring)) != nil

/// What the program around needs: memory of a size that malloc takes from the kernel, and threads.
private func hostIsWell() throws {
  guard let memory = unsafe malloc(1 << 20) else {
    Issue.record("no memory")
    return
  }
  unsafe memset(memory, 1, 1 << 20)
  unsafe free(memory)
  var thread = pthread_t()
  let failure = unsafe pthread_create(&thread, nil, { _ in nil }, nil)
  #expect(failure == 0, "no thread: \(Errno(rawValue: failure))")
  if failure == 0 { _ = pthread_join(thread, nil) }
}

// MARK: Descriptors

/// How many descriptors are open; needs none itself.
private func openDescriptors() -> Int {
  var status = stat()
  _ = unsafe stat("/proc/self/fd", &status)
  return Int(status.st_size)
}

func highestDescriptor() -> Int {
  (0..<4096).last { (descriptor: Int) in fcntl(CInt(descriptor), F_GETFD) != -1 } ?? 0
}

/// Takes what is left below the limit.
func fillDescriptorTable() throws -> [FileDescriptor] {
  var fillers: [FileDescriptor] = []
  while let filler = try? FileDescriptor.open(FilePath("/dev/null"), .readOnly) {
    fillers.append(filler)
  }
  return fillers
}

/// Files of 16 to 256 KiB, each with content of its own.
private struct Files {
  let scratch: Scratch
  let count: Int
  private let pattern = content(1 << 19)

  init(_ scratch: Scratch, count: Int) throws {
    (self.scratch, self.count) = (scratch, count)
    for index in 0..<count { try scratch.write("\(index)", Array(bytes(index))) }
  }

  func path(_ index: Int) -> FilePath { scratch["\(index)"] }

  private func bytes(_ index: Int) -> ArraySlice<UInt8> {
    let start = index * 26 % (1 << 18)
    return pattern[start..<start + 16_384 + index * 7919 % 245_760]
  }

  /// Whether a span shows what a file has from `offset` on: all of it if `offset` is 0, and 4,000 bytes at least.
  func match(_ span: RawSpan, _ index: Int, at offset: Int) -> Bool {
    let bytes = bytes(index)
    return span.byteCount >= min(bytes.count - offset, 4000)
      && (offset > 0 || span.byteCount == bytes.count || span.byteCount <= 16_384)
      && shows(span, pattern, at: bytes.startIndex + offset)
  }
}

// MARK: Addresses and maps

/// Files of 8 GiB together, some of holes and some full.
private struct LargeFiles {
  let scratch: Scratch
  private let sizes: [String: Int64] = ["huge": 5 << 30, "large": 2 << 30, "half": 1 << 29]
  private let full = 24
  private let fullSize = 24 << 20
  private let pattern = content(1 << 20)

  init(_ scratch: Scratch) throws {
    self.scratch = scratch
    for (name, size) in sizes {
      try scratch.resize(name, to: size)
      let file = try FileDescriptor.open(scratch[name], .writeOnly)
      try file.closeAfter {
        for offset in stride(from: 0, to: size - 1 << 20, by: 1 << 27) {
          _ = try file.writeAll(toAbsoluteOffset: offset, pattern)
        }
      }
    }
    for index in 0..<full {
      var bytes: [UInt8] = []
      while bytes.count < fullSize { bytes += pattern[index...] + pattern[..<index] }
      try scratch.write("full\(index)", bytes)
    }
  }

  /// Reads here and there in all files, with cursors that stay, and compares with pread(2).
  func read(through maps: MapManager) throws {
    var dice = Dice(seed: 5)
    let names = Array(sizes.keys) + (0..<full).map { "full\($0)" }
    var cursors: [Held] = []
    for name in names { cursors.append(Held(try maps.cursor(for: scratch[name]))) }
    let files = try names.map { try FileDescriptor.open(scratch[$0], .readOnly) }
    var expected = [UInt8](repeating: 0, count: 1 << 20)
    for round in 0..<3000 {
      let index = dice.draw(names.count)
      let size = cursors[index].cursor.fileSize
      let offset = Int64.random(in: 0..<size, using: &dice)
      let count = round % 20 == 0 ? 1 << 20 : 1 + dice.draw(9000)
      let read = try unsafe expected.withUnsafeMutableBytes {
        try unsafe files[index].read(
          fromAbsoluteOffset: offset, into: UnsafeMutableRawBufferPointer(rebasing: $0[..<count]))
      }
      let isRight = try cursors[index].cursor.withBytes(at: offset, count: count) {
        $0.byteCount == read && shows($0, expected, at: 0)
      }
      #expect(isRight, "\(names[index]) at \(offset), \(count) bytes")
      if round % 3 == 0 { cursors[index].cursor.release() }
      if round % 100 == 0 { try hostIsWell() }
    }
    for file in files { try file.close() }
  }

  /// Once there is room again, windows are mapped.
  func comeBack(through maps: MapManager) throws {
    var cursor = try maps.cursor(for: scratch["huge"])
    var offset: Int64 = 3 << 30
    // The budget learns of it within a second, and so does a file in spans, by what it misses.
    while maps.statistics.usage.addresses < 5 << 30 {
      // Often enough that the window is not read past.
      for _ in 0..<10 {
        try cursor.use(at: offset, count: 4096)
        cursor.release()
      }
      offset = (offset + 1 << 20) % (5 << 30)
    }
    let kernelMaps = try ProcessResources.maps(under: scratch["huge"])
    #expect(kernelMaps == 1, "\(kernelMaps)")
  }
}

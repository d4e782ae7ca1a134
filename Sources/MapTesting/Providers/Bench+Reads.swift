internal import MapProtocols
internal import Policies
internal import Synchronization

extension Bench {
  func describesItself() {
    let name = provider.name
    checks.expect(!name.isEmpty, "it has no name")
    checks.expect(provider.name == name, "its name changes")
    checks.expect(provider.reloadCost >= 0, "`reloadCost` is \(provider.reloadCost)")
    checks.expect(provider.bypassLimit >= 0, "`bypassLimit` is \(provider.bypassLimit)")
    if let size = provider.preferredWindowSize {
      checks.expect(
        size > 0 && size % SystemPage.size == 0,
        "`preferredWindowSize` is \(size), which is no multiple of the page")
    }
  }

  func readsEveryByte() throws {
    var dice = SplitMix64(seed: seed)
    for (name, content) in contents {
      try withHandle(name) { opened in
        let size = content.count
        checks.expect(
          opened.status.size == size,
          "a file of \(size) bytes is said to have \(opened.status.size)")
        var places = [
          (0, 1), (0, size), (0, size + 50_000), (max(size - 4, 0), 100), (size, 10),
          (size + 100_000, 5), (17, 0), (size, 0), (4_095, 2), (4_096, 4_096), (1, 4_096),
        ]
        for _ in 0..<40 {
          places.append(
            (dice.draw(below: size + 10), 1 + dice.draw(below: 1 << dice.draw(below: 18))))
        }
        for (offset, count) in places {
          checks.step()
          let bytes = try read(opened.handle, at: offset, count)
          expect(bytes, at: offset, count, of: content, "a read")
        }
      }
    }
  }

  func readsSeveralAtOnce() throws {
    let content = contents[Self.large]!
    try withHandle(Self.large) { large in
      try withHandle("4097") { small in
        let places = (0..<24).map { ($0 * 43_000, $0 % 5 == 0 ? 1 : 40_000) }
        let reads = Reads(
          places.map { (large.handle, content, $0.0, $0.1) } + [
            (small.handle, contents["4097"]!, 4_000, 4_096)
          ])
        var requests = reads.requests
        provider.read(&requests)
        try checks.require(
          requests.map(\.tag) == reads.requests.map(\.tag),
          "`read` of several requests changes which they are")
        for request in requests { reads.compare(request, self) }
        reads.settle()
      }
    }
  }

  private static let sharing = "; do threads share a file's offset, or a buffer?"

  func readsOnSeveralThreads() throws {
    let content = contents[Self.large]!
    let opens = Guarded<Set<Handle>>([], isScheduled: false)
    try withHandle(Self.large) { opened in
      let seed = seed
      let threads = try (0..<4).map { index in
        try ServiceThread { [self] in
          var dice = SplitMix64(seed: seed &+ UInt64(index))
          for round in 0..<300 {
            let (offset, count) = (dice.draw(below: content.count), 1 + dice.draw(below: 20_000))
            do throws(MapError) {
              let bytes = try read(opened.handle, at: offset, count)
              expect(
                bytes, at: offset, count, of: content, "a read beside others", hint: Self.sharing)
              if round % 10 == 0 { try openBesideOthers(index, opens) }
            } catch {
              checks.note("a call beside others failed: \(error)")
            }
            checks.step()
          }
        }
      }
      for thread in threads { thread.join() }
    }
  }

  /// Opens, reads and closes a file; no other may have the handle meanwhile.
  private func openBesideOthers(_ index: Int, _ opens: Guarded<Set<Handle>>) throws(MapError) {
    let name = ["4095", "4096", "4097", "100003"][index % 4]
    let opened = try provider.open(source(name))
    let isNew = opens.withLock { $0.insert(opened.handle).inserted }
    checks.expect(isNew, "two threads that open at the same time get the same handle")
    let bytes = try read(opened.handle, at: 7, 500)
    expect(
      bytes, at: 7, 500, of: contents[name]!, "a read of a file opened beside others",
      hint: Self.sharing)
    opens.withLock { _ = $0.remove(opened.handle) }
    provider.close(opened.handle)
  }
}

/// Requests with memory of their own, by tags 0, 1, 2 …, and what they must bring.
@safe
final class Reads: @unchecked Sendable {
  let requests: [ReadRequest]
  private let truths: [(content: [UInt8], offset: Int)]
  private let memory: UnsafeMutableRawBufferPointer
  /// Whether nobody writes to the memory any more; until then it is not given back, whatever becomes of the check.
  private let isSettled = Atomic(false)

  private static let untouched = UInt8.random(in: 1...255)

  init(_ places: [(handle: Handle, content: [UInt8], offset: Int, count: Int)]) {
    let total = places.reduce(0) { $0 + $1.count }
    unsafe memory = .allocate(byteCount: max(total, 1), alignment: 16)
    unsafe memory.initializeMemory(as: UInt8.self, repeating: Self.untouched)
    var start = 0
    var requests: [ReadRequest] = []
    for (tag, place) in places.enumerated() {
      let buffer = unsafe UnsafeMutableRawBufferPointer(
        rebasing: memory[start..<start + place.count])
      requests.append(
        unsafe ReadRequest(place.handle, at: Int64(place.offset), into: buffer, tag: tag))
      start += place.count
    }
    self.requests = requests
    truths = places.map { ($0.content, $0.offset) }
  }

  deinit {
    if isSettled.load(ordering: .relaxed) {
      unsafe memory.deallocate()
    } else {
      let memory = unsafe Abandoned(memory: memory)
      Self.abandoned.withLock { $0.append(memory) }
    }
  }

  /// Memory that a backend may write to for ever. Kept where a leak checker sees it.
  private static let abandoned = Guarded<[Abandoned]>([], isScheduled: false)

  @safe
  private struct Abandoned: @unchecked Sendable {
    let memory: UnsafeMutableRawBufferPointer
  }

  /// Every read has ended.
  func settle() { isSettled.store(true, ordering: .relaxed) }

  /// Notes what is wrong with a request that has ended, unless it failed with one of `codes`.
  func compare(_ ended: ReadRequest, _ bench: Bench, or codes: Set<MapError.Code> = []) {
    guard requests.indices.contains(ended.tag) else {
      return bench.checks.note("the end of a read is told that was never asked for")
    }
    let request = requests[ended.tag]
    let (content, offset) = truths[ended.tag]
    switch ended.result {
    case .success(let count):
      guard unsafe (0...request.buffer.count).contains(count) else {
        return bench.checks.note("a request says that it gave \(count) bytes")
      }
      let bytes = unsafe Array(request.buffer[..<count])
      unsafe bench.expect(bytes, at: offset, request.buffer.count, of: content, "a request")
      let isUntouched = unsafe request.buffer[count...].allSatisfy { $0 == Self.untouched }
      bench.checks.expect(isUntouched, "a request that gave \(count) bytes wrote behind them")
    case .failure(let error):
      if codes.contains(error.code) { return }
      bench.checks.note("a request failed: \(error)")
    }
  }

  /// Whether the memory is as it was when all reads had ended, each with what it should.
  var areStillRight: Bool {
    zip(requests, truths).allSatisfy { request, truth in
      let bytes = unsafe truth.content.dropFirst(truth.offset).prefix(request.buffer.count)
      let read = unsafe request.buffer[..<bytes.count]
      let rest = unsafe request.buffer[bytes.count...]
      return unsafe read.elementsEqual(bytes) && rest.allSatisfy { $0 == Self.untouched }
    }
  }

  /// Whoever is done with the memory must not write to it any more.
  func forget() { unsafe memory.initializeMemory(as: UInt8.self, repeating: Self.untouched) }
  var areForgotten: Bool { unsafe memory.allSatisfy { $0 == Self.untouched } }
}

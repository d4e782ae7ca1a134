internal import MapProtocols
internal import Policies

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
      }
    }
  }

  func readsOnSeveralThreads() throws {
    let content = contents[Self.large]!
    try withHandle(Self.large) { opened in
      let seed = seed
      let threads = try (0..<4).map { index in
        try ServiceThread { [self] in
          var dice = SplitMix64(seed: seed &+ UInt64(index))
          for _ in 0..<300 {
            let (offset, count) = (dice.draw(below: content.count), 1 + dice.draw(below: 20_000))
            do throws(MapError) {
              let bytes = try read(opened.handle, at: offset, count)
              expect(bytes, at: offset, count, of: content, "a read beside others")
            } catch {
              checks.note("a read beside others failed: \(error)")
            }
            checks.step()
          }
        }
      }
      for thread in threads { thread.join() }
    }
  }
}

/// Requests with memory of their own, by tags 0, 1, 2 …, and what they must bring.
@safe
final class Reads: @unchecked Sendable {
  let requests: [ReadRequest]
  private let truths: [(content: [UInt8], offset: Int)]
  private let memory: UnsafeMutableRawBufferPointer

  private static let untouched: UInt8 = 0xEE

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

  deinit { unsafe memory.deallocate() }

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
    case .failure(let error):
      if codes.contains(error.code) { return }
      bench.checks.note("a request failed: \(error)")
    }
  }

  /// Whoever is done with the memory must not write to it any more.
  func forget() { unsafe memory.initializeMemory(as: UInt8.self, repeating: Self.untouched) }
  var areForgotten: Bool { unsafe memory.allSatisfy { $0 == Self.untouched } }
}

internal import Foundation
internal import MapProtocols
internal import Synchronization

extension Bench {
  /// How long ends may take, in seconds, before they count as forgotten; generous, as machines may be busy, and
  /// more so under a sanitizer.
  private static let patience = ProcessResources.isSanitized ? 120 : 40

  private func places(_ handle: Handle, _ count: Int) -> [(Handle, [UInt8], Int, Int)] {
    let content = contents[Self.large]!
    return (0..<count).map { index in
      (handle, content, index * 7_919 % content.count, 1 + index * 613 % 9_000)
    }
  }

  func submitsReads() throws {
    try withHandle(Self.large) { opened in
      let count = 400
      let reads = Reads(places(opened.handle, count))
      let tally = Tally(count)
      let threads = try (0..<2).map { thread in
        let mine = reads.requests.filter { $0.tag % 2 == thread }
        return try ServiceThread { [self] in
          // Some alone, some together.
          var rest = mine[...]
          var size = 1
          while !rest.isEmpty {
            provider.submit(Array(rest.prefix(size))) { [self] ended in
              for request in ended { reads.compare(request, self) }
              tally.note(ended.map(\.tag))
            }
            rest = rest.dropFirst(size)
            size = size * 2 % 29 + 1
            checks.step()
          }
        }
      }
      for thread in threads { thread.join() }
      try expectEnds(tally, of: count)
      try submitsFromCompletions(opened.handle)
      // No end comes late.
      provider.shutdown()
      expectOneEndEach(tally)
      checks.expect(
        !checks.texts.isEmpty || reads.areStillRight,
        "memory was written to after the end of its read was told")
      reads.settle()
    }
  }

  /// Each end submits the next read: no lock of the backend's may be held meanwhile.
  private func submitsFromCompletions(_ handle: Handle) throws {
    checks.calls("`submit` within a completion, which must not be called under a lock")
    let reads = Reads(places(handle, 50))
    let tally = Tally(50)
    submitNext(0, reads, tally)
    try expectEnds(tally, of: 50)
    expectOneEndEach(tally)
    reads.settle()
  }

  private func submitNext(_ index: Int, _ reads: Reads, _ tally: Tally) {
    provider.submit([reads.requests[index]]) { [self] ended in
      for request in ended { reads.compare(request, self) }
      checks.step()
      let isFirst = tally.note(ended.map(\.tag))
      if isFirst && index + 1 < reads.requests.count { submitNext(index + 1, reads, tally) }
    }
  }

  func endsCancelledReads() throws {
    try withHandle(Self.large) { opened in
      let count = 200
      let reads = Reads(places(opened.handle, count))
      let tally = Tally(count)
      let cancellations = reads.requests.map { request in
        checks.step()
        return provider.submit([request]) { [self] ended in
          checks.step()
          for request in ended { reads.compare(request, self, or: [.cancelled]) }
          tally.note(ended.map(\.tag))
        }
      }
      for (index, cancellation) in cancellations.enumerated() where index % 3 != 0 {
        cancellation.cancel()
        if index % 2 == 0 { cancellation.cancel() }
      }
      try expectEnds(tally, of: count)
      // Nothing asked for may be written to memory that was given back.
      reads.forget()
      for cancellation in cancellations { cancellation.cancel() }
      provider.shutdown()
      checks.expect(reads.areForgotten, "memory was written to after the end of its read was told")
      expectOneEndEach(tally)
      reads.settle()
    }
  }

  func endsReadsAtShutdown() throws {
    let opened = try open(source(Self.large))
    let count = 500
    let reads = Reads(places(opened.handle, count))
    let tally = Tally(count)
    for request in reads.requests {
      checks.step()
      provider.submit([request]) { [self] ended in
        checks.step()
        for request in ended { reads.compare(request, self, or: [.shutdown, .cancelled]) }
        tally.note(ended.map(\.tag))
      }
    }
    let second = try ServiceThread { [provider] in provider.shutdown() }
    provider.shutdown()
    let missing = tally.missing
    checks.expect(
      missing == 0,
      "`shutdown` returned before the ends of \(missing) reads of \(count) were told")
    reads.forget()
    second.join()
    checks.expect(reads.areForgotten, "memory was written to after the end of its read was told")
    provider.close(opened.handle)
    expectOneEndEach(tally)
    if missing == 0 { reads.settle() }
  }

  private func expectEnds(_ tally: Tally, of count: Int) throws {
    let missing = tally.waitForAll(seconds: Self.patience, checks)
    try checks.require(
      missing == 0,
      "the ends of \(missing) of \(count) reads were not told within \(Self.patience) seconds")
  }

  private func expectOneEndEach(_ tally: Tally) {
    checks.expect(
      tally.repeated == 0, "the ends of \(tally.repeated) reads were told more than once")
  }
}

/// Counts how often each of some reads ended, by their tags 0, 1, 2 …
final class Tally: Sendable {
  private let ends: Guarded<[Int]>
  private let told = DispatchSemaphore(value: 0)

  init(_ count: Int) { ends = Guarded(Array(repeating: 0, count: count), isScheduled: false) }

  /// - Returns: whether none of them has ended before.
  @discardableResult
  func note(_ tags: [Int]) -> Bool {
    let isFirst = ends.withLock { ends in
      let known = tags.filter(ends.indices.contains)
      for tag in known { ends[tag] += 1 }
      return known.allSatisfy { ends[$0] == 1 }
    }
    told.signal()
    return isFirst
  }

  /// Waits until each has ended.
  ///
  /// - Returns: how many have not, after so many seconds without an end.
  func waitForAll(seconds: Int, _ checks: Checks) -> Int {
    while true {
      let missing = missing
      if missing == 0 { return 0 }
      if told.wait(timeout: .now() + .seconds(seconds)) == .timedOut { return missing }
      checks.step()
    }
  }

  /// How many have not ended.
  var missing: Int { ends.withLock { $0.count { $0 == 0 } } }
  /// How many have ended more than once.
  var repeated: Int { ends.withLock { $0.count { $0 > 1 } } }
}

import Foundation
import SlidingMap
import SystemPackage
import Testing

/// Files that were written just now, so that the next write may leave their version as it is.
struct UnsettledVersionTests {
  @Test func whatWasReadWithinATickIsNotGivenToWhoComesLater() throws {
    let (files, maps) = ChangingFile.justWritten()
    var first = try maps.cursor(for: ChangingFile.path)
    try first.use(at: 0, count: 100)
    files.writeInSecret(ChangingFile.path, ChangingFile.new)
    var second = try maps.cursor(for: ChangingFile.path)
    try second.use(at: 0, count: 100)
    #expect(
      view(second) == .of(ChangingFile.new, 0..<100)
        && view(first) == .of(ChangingFile.old, 0..<100))
    files.writeInSecret(ChangingFile.path, ChangingFile.old)
    try second.refresh()
    try second.use(at: 50, count: 100)
    #expect(view(second) == .of(ChangingFile.old, 50..<150))
    // Once it is settled its windows are shared again.
    files.isSettled = true
    var third = try maps.cursor(for: ChangingFile.path)
    try third.use(at: 0, count: 5000)
    let loads = maps.statistics.counts.loads
    var fourth = try maps.cursor(for: ChangingFile.path)
    try fourth.use(at: 100, count: 4500)
    #expect(maps.statistics.counts.loads == loads && maps.statistics.counts.copies == 0)
    #expect(view(fourth) == .of(ChangingFile.old, 100..<4600))
  }

  @Test func aLeaseDoesNotJoinWhatWasReadWithinATick() throws {
    let (files, maps) = ChangingFile.justWritten()
    var cursor = try maps.cursor(for: ChangingFile.path)
    try cursor.use(at: 4096, count: 4096)
    files.writeInSecret(ChangingFile.path, ChangingFile.new)
    try cursor.use(at: 8192, count: 4096)
    // Both windows are loaded, each of another content.
    try cursor.use(at: 4096, count: 8192)
    #expect(view(cursor) == .of(ChangingFile.new, 4096..<12_288))
    #expect(maps.statistics.counts.copies == 1)
    files.isSettled = true
    try cursor.use(at: 0, count: 12_288)
    #expect(view(cursor) == .of(ChangingFile.new, 0..<12_288))
    #expect(maps.statistics.counts.copies == 1 && maps.statistics.usage.regions == 3)
  }

  @Test func aHardBudgetOfWindowsInUseHasNoRoomForWhatIsReadAtOneGo() throws {
    let other: FilePath = "other"
    let files = MemoryProvider([
      ChangingFile.path: ChangingFile.old, other: content(16_384, seed: 3),
    ])
    let maps = SlidingWindowMapManager(
      backend: files, budget: .fixed(bytes: 16_384), windowSize: 4096)
    var held = try maps.cursor(for: other)
    try held.use(at: 0, count: 12_288)
    files.isSettled = false
    var cursor = try maps.cursor(for: ChangingFile.path)
    let error = #expect(throws: MapError.self) { try cursor.use(at: 4096, count: 8192) }
    #expect(error?.code == .budgetExhausted)
    held.release()
    try cursor.use(at: 4096, count: 8192)
    #expect(view(cursor) == .of(ChangingFile.old, 4096..<12_288))
  }

  @Test func mapsNeedNoTick() throws {
    let scratch = try Scratch()
    let path = try scratch.write("file", ChangingFile.old)
    let maps = ChangingFile.maps(.mmap)
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: 0, count: 20_000)
    #expect(maps.statistics.counts.copies == 0 && maps.statistics.usage.regions == 5)
  }

  /// Of the same size, as fast as it goes: on every file system here each change has its own time, or none counts.
  @Test(arguments: BackendKind.allCases)
  func aFileWrittenAgainAndAgainIsSeenEachTime(_ kind: BackendKind) throws {
    let scratch = try Scratch()
    let maps = ChangingFile.maps(try kind.make())
    let path = try scratch.write("file", ChangingFile.old)
    var reader = try maps.cursor(for: path)
    for round in 0..<200 {
      let model = content(9000, seed: UInt64(round))
      let writer = try FileDescriptor.open(path, .writeOnly)
      try writer.closeAfter { _ = try writer.writeAll(toAbsoluteOffset: 0, model) }
      var cursor = try maps.cursor(for: path)
      try cursor.use(at: 100, count: 8000)
      #expect(view(cursor) == .of(model, 100..<8100))
      try reader.refresh()
      try reader.use(at: 0, count: 4096)
      #expect(view(reader) == .of(model, 0..<4096))
    }
  }

  /// A log that is copied elsewhere and cut to nothing, as logrotate's copytruncate does, and written to again.
  @Test(arguments: BackendKind.allCases)
  func aLogThatIsCutAndFilledAgainIsReadAsItIs(_ kind: BackendKind) throws {
    let scratch = try Scratch()
    let maps = ChangingFile.maps(try kind.make())
    let path = try scratch.write("log", ChangingFile.old)
    var reader = try maps.cursor(for: path)
    try reader.use(at: 0, count: 100)
    for round in 0..<20 {
      try scratch.resize("log", to: 0)
      let model = content(20_000 + round * 1000, seed: UInt64(round))
      try scratch.append("log", model)
      reader.release()
      try reader.refresh()
      #expect(reader.fileSize == Int64(model.count))
      try reader.use(at: 5000, count: 14_000)
      #expect(view(reader) == .of(model, 5000..<19_000))
      var cursor = try maps.cursor(for: path)
      try cursor.use(at: 0, count: model.count)
      #expect(view(cursor) == .of(model, 0..<model.count))
    }
  }

  /// Another file by the same path, as fast as it goes; ext4 gives it the number of the one that went.
  @Test(arguments: BackendKind.allCases)
  func aFileReplacedAgainAndAgainIsSeenEachTime(_ kind: BackendKind) throws {
    let scratch = try Scratch()
    let maps = ChangingFile.maps(try kind.make())
    let path = try scratch.write("file", ChangingFile.old)
    for round in 0..<200 {
      let model = content(9000, seed: UInt64(round))
      if round % 2 == 0 {
        try scratch.replace("file", by: model)
      } else {
        try scratch.remove("file")
        try scratch.write("file", model)
      }
      var cursor = try maps.cursor(for: path)
      try cursor.use(at: 0, count: 9000)
      #expect(view(cursor) == .of(model, 0..<9000))
    }
  }

  /// A version that is adopted while the addresses for a lease are being made is none that its windows may be of.
  @Test func aLeaseIsOfOneVersionAlsoWhereItsAddressesTakeLong() throws {
    let writes = Locked<(@Sendable () -> Void)?>(nil)
    // It holds the backend, which holds it.
    defer { writes.withLock { $0 = nil } }
    let looked = DispatchSemaphore(value: 0)
    let files = MemoryProvider(
      [ChangingFile.path: ChangingFile.old, "/memory/other": ChangingFile.new],
      beforeLoad: { request in
        // The first window was read, and the second is written within the same tick.
        if request.offset == 4096 { writes.withLock { $0 }?() }
        return nil
      }, afterLook: { _ in looked.signal() })
    let maps = SlidingWindowMapManager(
      backend: files, budget: .fixed(maps: 2), windowSize: 4096)
    var cursor = try maps.cursor(for: ChangingFile.path)
    let other = Held(try maps.cursor(for: ChangingFile.path))
    var giver = try maps.cursor(for: "/memory/other")
    try giver.use(at: 0, count: 10)
    giver.release()
    #expect(maps.statistics.usage.maps == 2)
    defer { files.beforeReserving {} }
    files.beforeReserving {
      files.isSettled = false
      files[ChangingFile.path] = ChangingFile.new
      writes.withLock { $0 = { files.writeInSecret(ChangingFile.path, ChangingFile.old) } }
      while looked.wait(timeout: .now()) == .success {}
      Thread { try? other.cursor.refresh() }.start()
      looked.wait()
      // It goes on to the lock, which whoever asks for statistics takes and leaves to it. Should it come late all the same, nothing is
      // proved, and nothing fails.
      for _ in 0..<1000 {
        _ = maps.statistics
        sched_yield()
      }
    }
    try cursor.use(at: 4000, count: 200)
    let seen = view(cursor)
    #expect(
      seen == .of(ChangingFile.new, 4000..<4200) || seen == .of(ChangingFile.old, 4000..<4200))
    #expect(maps.statistics.counts.copies == 1)
  }

  @Test func moreThanIsReadAtOneGoWaitsForTheTickToEnd() throws {
    let model = content(80 << 20)
    let looks = Locked(0)
    let settles = Locked<(@Sendable () -> Void)?>(nil)
    let files = MemoryProvider(
      [ChangingFile.path: model],
      afterLook: { _ in
        let count = looks.withLock { looks in
          looks += 1
          return looks
        }
        if count == 9 { settles.withLock { $0 }?() }
      })
    settles.withLock { $0 = { files.isSettled = true } }
    // It holds the backend, which holds it.
    defer { settles.withLock { $0 = nil } }
    files.isSettled = false
    let maps = SlidingWindowMapManager(backend: files, budget: .fixed(bytes: 512 << 20))
    var cursor = try maps.cursor(for: ChangingFile.path)
    try cursor.use(at: 0, count: model.count)
    let isRight = shows(cursor.bytes, model, at: 0)
    #expect(isRight && maps.statistics.counts.copies == 0 && looks.withLock { $0 } >= 9)
  }
}

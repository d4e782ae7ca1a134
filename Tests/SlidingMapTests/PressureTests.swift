import Foundation
import SlidingMap
import Synchronization
import SystemPackage
import Testing

/// Limits so small that threads stand in each other's way.
struct PressureTests {
  @Test(arguments: [false, true])
  func `Threads that share one map and one handle never wait for each other for good`(
    isHard: Bool
  ) throws {
    let scratch = try Scratch()
    let models = (0..<4).map { content(1 << 16, seed: UInt64($0)) }
    for (index, model) in models.enumerated() { try scratch.write("file\(index)", model) }
    let manager = SlidingWindowMapManager(
      budget: .fixed(bytes: 12288, regions: 3, maps: 1, handles: 1, isHard: isHard),
      windowSize: 4096)
    try onThreads(8) { thread in
      var dice = Dice(seed: UInt64(thread))
      for _ in 0..<100 {
        let index = dice.draw(4)
        var cursor = try manager.cursor(for: scratch["file\(index)"])
        for _ in 0..<dice.draw(20) {
          let offset = dice.draw(1 << 16)
          do {
            try cursor.use(at: Int64(offset), count: 1 + dice.draw(9000))
            let isRight = shows(cursor.bytes, models[index], at: offset)
            #expect(isRight)
          } catch {
            #expect(isHard && (error as? MapError)?.code == .budgetExhausted)
          }
        }
      }
    }
    manager.collect()
    #expect(manager.statistics.usage.handles == 0 && manager.statistics.usage.maps == 0)
  }

  /// What is known to be in use is not looked at again until a lease ends.
  @Test(arguments: everyPolicy.indices)
  func `Where all is in use nothing is scanned`(_ policy: Int) throws {
    let scratch = try Scratch()
    let path = try scratch.resize("file", to: 400 * 4096)
    let policy = everyPolicy[policy]
    let maps = SlidingWindowMapManager(
      policy: policy, budget: .fixed(regions: 4), windowSize: 4096)
    func hold(_ window: Int, _ count: Int = 1) throws -> Held {
      var cursor = try maps.cursor(for: path)
      try cursor.use(at: Int64(window) * 4096, count: count * 4096)
      return Held(cursor)
    }
    var held = try (0..<20).map { try hold($0) }
    let scans = maps.statistics.counts.pinScans
    held += try (20..<200).map { try hold($0) }
    #expect(maps.statistics.counts.pinScans == scans)
    #expect(maps.statistics.usage.regions == 200 && maps.statistics.pinned == 200)

    // A lease that moves frees what it leaves, whatever others do.
    for (window, cursor) in zip(200..<250, held) {
      try cursor.cursor.use(at: Int64(window) * 4096, count: 1)
    }
    #expect(maps.statistics.usage.regions == 200 && maps.statistics.pinned == 200)
    // A shared window stays, several at once go.
    let shared = Held(held[60].cursor.copy())
    held[60].cursor.release()
    #expect(maps.statistics.usage.regions == 200)
    shared.cursor.release()
    let wide = try hold(300, 50)
    #expect(maps.statistics.usage.regions == 249)
    wide.cursor.release()
    #expect(maps.statistics.usage.regions == 199)
    for (index, cursor) in held.enumerated() where index != 60 {
      cursor.cursor.release()
      #expect(maps.statistics.usage.regions == max(maps.statistics.pinned, 4))
    }
    #expect(maps.statistics.counts.pinScans - scans < 350)
  }

  /// A refresh leaves a lease fewer bytes than windows.
  @Test(arguments: [false, true])
  func `A lease on a file cut short gives all its windows back`(isShutDown: Bool) throws {
    let scratch = try Scratch()
    let path = try scratch.resize("file", to: 64 * 4096)
    let other = try scratch.resize("other", to: 64 * 4096)
    let maps = SlidingWindowMapManager(budget: .fixed(regions: 4), windowSize: 4096)
    var full = try maps.cursor(for: other)
    try full.use(at: 0, count: 4 * 4096)
    var cursor = try maps.cursor(for: path)
    try cursor.use(at: 8 * 4096, count: 8 * 4096)
    #expect(maps.statistics.usage.regions == 12)
    try scratch.resize("file", to: 4096)
    try cursor.refresh()
    if isShutDown { maps.shutdown() }
    let error = mapError { try cursor.use(at: 0, count: 1) }
    #expect(error?.code == (isShutDown ? .shutdown : nil))
    #expect(maps.statistics.usage.regions == (isShutDown ? 4 : 5))
    full.release()
    cursor.release()
    #expect(maps.statistics.usage.regions == (isShutDown ? 0 : 4))
  }

  /// A file whose map stays for one window's sake keeps the others, too.
  @Test(arguments: [BackendKind.mmap, .automatic])
  func `Where maps are short nothing is unloaded in vain`(_ backend: BackendKind) throws {
    let scratch = try Scratch()
    let maps = SlidingWindowMapManager(
      backend: try backend.make(), budget: .fixed(maps: 3), windowSize: 4096)
    let models = (0..<4).map { content(8 * 4096, seed: UInt64($0)) }
    var holders: [Held] = []
    for (index, model) in models.prefix(3).enumerated() {
      let held = Held(try maps.cursor(for: scratch.write("file\(index)", model)))
      for window in 0..<8 { try held.cursor.use(at: Int64(window * 4096), count: 1) }
      holders.append(held)
    }
    let last = Held(try maps.cursor(for: scratch.write("last", models[3])))
    try last.cursor.use(at: 5000, count: 100)
    #expect(view(last.cursor) == .of(models[3], 5000..<5100))
    #expect(maps.statistics.counts.evictions == 0)
    // One that nobody reads gives its map up, with all windows.
    holders[1].cursor.release()
    let more = Held(try maps.cursor(for: scratch.write("more", models[3])))
    try more.cursor.use(at: 0, count: 100)
    #expect(maps.statistics.counts.evictions == 8)
    for (index, held) in holders.enumerated() {
      try held.cursor.use(at: 6000, count: 100)
      #expect(view(held.cursor) == .of(models[index], 6000..<6100))
    }
  }

  @Test func `Cursors of one thread used on many lose hits at most`() throws {
    let scratch = try Scratch()
    let path = try scratch.resize("file", to: 1 << 18)
    let manager = SlidingWindowMapManager(
      policy: .lru, budget: .fixed(bytes: 1 << 20), windowSize: 4096)
    var warm = try manager.cursor(for: path)
    for window in 0..<64 { try warm.use(at: Int64(window) * 4096, count: 1) }
    var moved: [Held] = []
    for _ in 0..<6 { moved.append(Held(try manager.cursor(for: path))) }
    let cursors = moved
    try onThreads(6) { thread in
      var dice = Dice(seed: UInt64(thread))
      for _ in 0..<50_000 {
        try cursors[thread].cursor.use(at: Int64(dice.draw(64)) * 4096, count: 1)
      }
    }
    #expect(manager.statistics.counts.loads == 64)
  }

  @Test func `A file at the end of all offsets is refused`() throws {
    let path = FilePath("/dev/shm/slidingmap-\(getpid())")
    guard
      let descriptor = try? FileDescriptor.open(
        path, .readWrite, options: .create, permissions: .ownerReadWrite)
    else { return }
    defer {
      try? descriptor.close()
      try? FileManager.default.removeItem(atPath: path.string)
    }
    // Only tmpfs has files as large as that.
    guard (try? descriptor.resize(to: .max)) != nil else { return }
    let managers: [MapManager] = [StaticWindowMapManager(), SlidingWindowMapManager()]
    for manager in managers {
      let error = mapError { _ = try manager.cursor(for: path) }
      #expect(error?.code == .addressSpaceExhausted)
      #expect(manager.statistics.usage.handles == 0)
    }
  }

  @Test func `What a use made while the manager was shut down goes with the use`() throws {
    let scratch = try Scratch()
    try scratch.write("file", content(1 << 16))
    for round in 0..<50 {
      let manager = SlidingWindowMapManager(
        budget: .fixed(bytes: 8192, maps: 1, handles: 1), windowSize: 4096)
      let kept = Locked<[Held]>([])
      let made = Atomic<Int>(0)
      try onThreads(3) { thread in
        if thread == 0 {
          // A later moment each round, told by what the others have done.
          while made.load(ordering: .relaxed) < round * 2 { sched_yield() }
          manager.shutdown()
          return
        }
        do throws(MapError) {
          while true {
            let held = Held(try manager.cursor(for: scratch["file"]))
            kept.withLock { $0.append(held) }
            made.add(1, ordering: .relaxed)
            try held.cursor.use(at: 0, count: 9000)
            held.cursor.release()
          }
        } catch {
          // Should it be another error, the first thread must not wait for more.
          made.add(1 << 20, ordering: .relaxed)
          #expect(error.code == MapError.Code.shutdown)
        }
      }
      #expect(manager.statistics.usage.regions == 0)
      #expect(manager.statistics.usage.maps == 0 && manager.statistics.usage.handles == 0)
    }
  }
}

import Foundation
import MapTestSupport
import MapTesting
import SlidingMap
import SystemPackage
import Testing

/// A sandbox that is closed while the program runs: budgets hold all the same, and the bytes are right. In processes of their own.
struct SandboxTests {
  private static let windowSize = 1 << 20
  private static let budget = 8 * windowSize

  /// What the process has in memory, of files and of its own, in bytes.
  private static func resident() throws -> Int {
    let text = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    return text.split(separator: "\n").reduce(0) { sum, line in
      guard line.hasPrefix("RssFile:") || line.hasPrefix("RssAnon:") else { return sum }
      return sum + (Int(line.filter(\.isNumber)) ?? 0) << 10
    }
  }

  @Test(arguments: BackendKind.allCases, ForbiddenCall.allCases)
  func `Budgets hold, whatever call is forbidden later`(
    _ kind: BackendKind, _ call: ForbiddenCall
  ) async {
    // What is open in the ring's table is out of reach without it.
    if kind == .direct && call == .enterRing { return }
    await #expect(processExitsWith: .success) { [kind, call] in
      let scratch = try Scratch()
      let model = content(48 * SandboxTests.windowSize)
      let path = try scratch.write("file", model)
      let maps = SlidingWindowMapManager(
        backend: try kind.make(), budget: .fixed(bytes: SandboxTests.budget),
        windowSize: SandboxTests.windowSize)
      let cursors = try (0..<4).map { _ in Held(try maps.cursor(for: path)) }
      func pass() throws {
        try onThreads(4) { thread in
          for window in stride(from: thread, to: 48, by: 2) {
            let offset = window * SandboxTests.windowSize
            let isRight = try cursors[thread].cursor.withBytes(
              at: Int64(offset), count: 700_000
            ) { shows($0, model, at: offset) }
            #expect(isRight)
          }
        }
      }
      try pass()
      let before = try SandboxTests.resident()
      try call.forbid()
      for _ in 0..<2 { try pass() }
      let statistics = maps.statistics
      #expect(statistics.usage.bytes <= SandboxTests.budget, "\(statistics)")
      // Some pages of the program's own may have come meanwhile, and a sanitizer keeps what was freed.
      let resident = try SandboxTests.resident()
      #expect(resident < before + SandboxTests.budget || ProcessResources.isSanitized)
      for held in cursors { held.cursor.release() }
      maps.collect()
      #expect(maps.statistics.usage.regions == 0 && maps.statistics.pinned == 0)
      // One that is made in the sandbox.
      let late = SlidingWindowMapManager(
        backend: try kind.make(), budget: .fixed(bytes: SandboxTests.budget),
        windowSize: SandboxTests.windowSize)
      do {
        var cursor = try late.cursor(for: path)
        for window in 0..<48 {
          let offset = window * SandboxTests.windowSize
          let isRight = try cursor.withBytes(at: Int64(offset), count: 100_000) {
            shows($0, model, at: offset)
          }
          #expect(isRight)
        }
      }
      #expect(late.statistics.usage.bytes <= SandboxTests.budget)
      late.shutdown()
      maps.shutdown()
      #expect(scratch.maps == 0 && scratch.descriptors == 0)
    }
  }
}

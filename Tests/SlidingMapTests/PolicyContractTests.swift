import Foundation
import SlidingMap
import Testing

/// A policy that breaks its contract is told so by name, at once.
struct PolicyContractTests {
  enum Fault: String, CaseIterable, Codable, Sendable {
    case namesWhatLeft, namesWhatNeverWas, namesNone, sticksToThePinned, announcesWhatLeft
    case takesItsVictimBack, namesAnotherFirst, forgetsWhatItHolds, repeatsItself, hasNoHit
  }

  private struct Faulty: EvictionPolicy {
    let fault: Fault
    var queue: [RegionSlot] = []
    var left: RegionSlot?

    init(_ fault: Fault) { self.fault = fault }
    var name: String { "faulty one" }
    var hits: HitReporting { fault == .hasNoHit ? .ordered : .none }
    mutating func insert(_ slot: RegionSlot, _ region: RegionInfo) { queue.append(slot) }
    mutating func victim(_ references: ReferenceTable) -> RegionSlot? {
      switch fault {
      case .namesWhatLeft: left ?? queue.first
      case .namesWhatNeverWas: RegionSlot(100_000)
      case .namesNone: nil
      default: queue.first
      }
    }
    mutating func pinned(_ slot: RegionSlot) {
      if fault == .sticksToThePinned { return }
      queue.removeAll { $0 == slot }
      queue.append(slot)
    }
    mutating func remove(_ slot: RegionSlot, evicted: Bool) {
      queue.removeAll { $0 == slot }
      left = slot
    }
    func upcoming(_ count: Int, _ references: ReferenceTable, into slots: inout [RegionSlot]) {
      switch fault {
      case .announcesWhatLeft: slots += left.map { [$0] } ?? []
      case .takesItsVictimBack: slots = []
      case .namesAnotherFirst: slots = queue.suffix(1)
      default: break
      }
    }
    func evictionOrder() -> [RegionSlot] {
      switch fault {
      case .forgetsWhatItHolds: Array(queue.dropFirst())
      case .repeatsItself: queue + queue.prefix(1)
      default: queue
      }
    }
  }

  @Test(arguments: Fault.allCases)
  func aFaultIsToldByThePolicysName(_ fault: Fault) async throws {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { [fault] in
      let scratch = try Scratch()
      let maps = SlidingWindowMapManager(
        backend: .mmap, policy: Faulty(fault), budget: .fixed(regions: 8), windowSize: 4096)
      let path = try scratch.write("file", content(64 * 4096))
      var pinned = try maps.cursor(for: path)
      try pinned.use(at: 0, count: 1)
      var cursor = try maps.cursor(for: path)
      for window in [1, 2, 3, 1] { try cursor.use(at: Int64(window * 4096), count: 1) }
      cursor.release()
      // Told of as not evicted.
      maps.unload(under: path)
      for window in 4..<30 { try cursor.use(at: Int64(window * 4096), count: 1) }
      if fault == .forgetsWhatItHolds || fault == .repeatsItself { maps.setPolicy(.lru) }
      exit(EXIT_SUCCESS)
    }
    let report = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    #expect(report.contains("the eviction policy \"faulty one\" "))
  }
}

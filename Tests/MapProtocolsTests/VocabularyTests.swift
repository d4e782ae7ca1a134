import MapProtocols
import SystemPackage
import Testing

@Suite struct VocabularyTests {
  @Test func `an error tells code, file, range and errno in one line`() {
    let error = MapError(.openFailed, errno: .noSuchFileOrDirectory)
      .about(.path("/data/x"), range: 3..<9)
    #expect(error.code == .openFailed)
    #expect(error.source?.path == "/data/x")
    #expect(error.range == 3..<9)
    #expect(error.errno == .noSuchFileOrDirectory)
    let line = "\(error)"
    for part in ["openFailed", "/data/x", "3..<9", "\(Errno.noSuchFileOrDirectory)"] {
      #expect(line.contains(part))
    }
  }

  @Test func `what an error already knows stays`() {
    let known = MapError(.readFailed, source: .path("/a"), range: 0..<1)
    #expect(known.about(.path("/b"), range: 5..<6) == known)
  }

  @Test func `a budget of nothing is the caller's mistake`() async {
    await #expect(processExitsWith: .failure) { _ = BudgetLimits(bytes: 0) }
    await #expect(processExitsWith: .failure) { _ = BudgetLimits(handles: -1) }
  }

  @Test func `reference counts stop at the limit and are set by the policy`() {
    let table = ReferenceTable(slots: 3)
    let slot = RegionSlot(1)
    for _ in 0..<5 { table.mark(slot, limit: 3) }
    #expect(table.count(of: slot) == 3)
    #expect(table.count(of: RegionSlot(0)) == 0)
    table.setCount(of: slot, to: 2)
    #expect(table.count(of: slot) == 2)
  }

  @Test func `a hit limit is one to 255`() async {
    #expect(HitReporting.counted(upTo: 3).limit == 3)
    #expect(HitReporting.ordered.limit == nil)
    #expect(HitReporting.none.limit == 0)
    await #expect(processExitsWith: .failure) { _ = HitReporting.counted(upTo: 0) }
  }
}

import MapProtocols
import MapTesting
import Testing

/// What the suite for backends finds, and says.
struct ProviderConformanceTests {
  private func report(
    _ fault: CarelessBackend.Fault?, _ promises: [ProviderConformance.Promise]
  ) async -> ConformanceReport {
    await ProviderConformance.report(
      promises: promises, change: { backend, name, bytes in backend.put(bytes, at: name) },
      damage: { backend, name in backend.damage(name) }
    ) { contents in CarelessBackend(fault, contents) }
  }

  @Test(arguments: CarelessBackend.Fault.allCases)
  func findsWhatIsWrong(_ fault: CarelessBackend.Fault) async throws {
    let (name, words) = fault.isFoundAs
    let promise = try #require(ProviderConformance.Promise(rawValue: name))
    let report = await report(fault, [promise])
    let isNamed = report.findings.contains { $0.promise == name && $0.text.contains(words) }
    #expect(isNamed, "\(report)")
  }

  @Test func findsNothingWrongWithACarefulOne() async throws {
    let report = await report(nil, ProviderConformance.Promise.allCases)
    #expect(report.isClean, "\(report)")
    #expect(
      report.unchecked.map(\.promise) == [
        "showsWrites", "replacesAnExtent", "mapsSpans", "warmsBytes",
      ])
    #expect(report.kept.count == 16)
  }

  /// Changed files that are others, in a version that every file has.
  @Test func findsNothingWrongWithOneThatReplacesFiles() async throws {
    let report = await ProviderConformance.report(
      change: { backend, name, bytes in backend.put(bytes, at: name) }
    ) { contents in ReplacingBackend(contents) }
    #expect(report.isClean, "\(report)")
    #expect(report.kept.contains("mixesNoVersions"))
  }

  /// Files that never change, opened by paths: an archive.
  @Test func checksWhatNeverChanges() async throws {
    let report = await ProviderConformance.report(source: { .name($0) }) { contents in
      CarelessBackend(nil, contents)
    }
    #expect(report.isClean, "\(report)")
    #expect(report.unchecked.map(\.promise).contains("tellsVersions"))
    #expect(report.description.contains("tellsVersions: no `change` was given"))
  }

  @Test func tellsOfABackendThatCanNotBeMade() async {
    struct Missing: Error {}
    let report = await ProviderConformance.report(promises: [.readsEveryByte]) {
      contents -> CarelessBackend in throw Missing()
    }
    #expect(report.findings.first?.text == "it threw Missing()")
  }
}

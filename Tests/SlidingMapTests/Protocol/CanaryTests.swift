#if SLIDING_MAP_CANARY
  @testable import SlidingMap
  import Synchronization
  import Testing

  /// That the thread sanitizer sees the pin protocol: silent as it stands, and loud if leases are stored without release.
  ///
  /// Runs with `make sanitize`, whose first build has the canaries.
  @Suite struct CanaryTests {
    /// A reader goes from window to window by the fast path while a collector unloads behind it.
    private static func race() throws {
      let scratch = try Scratch()
      let path = try scratch.write("file", content(8 * 4096))
      let maps = SlidingWindowMapManager(policy: .clock, windowSize: 4096)
      try onThreads(2) { thread in
        if thread == 1 {
          for _ in 0..<2_000 { maps.collect() }
          return
        }
        var cursor = try maps.cursor(for: path)
        for step in 0..<200_000 {
          try cursor.use(at: Int64(step * 5 % 8) * 4096, count: 4096)
          if cursor.bytes.byteCount != 4096 { throw MapError(.fileTruncated) }
        }
      }
    }

    @Test func silentAsItStands() async {
      await #expect(processExitsWith: .success) { try Self.race() }
    }

    @Test func aRelaxedLeaseIsReported() async throws {
      let result = await #expect(
        processExitsWith: .failure, observing: [\.standardErrorContent]
      ) {
        Canary.storesLeasesRelaxed.store(true, ordering: .relaxed)
        try Self.race()
      }
      let report = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
      #expect(report.contains("data race") && report.contains("Canary"))
    }
  }
#endif

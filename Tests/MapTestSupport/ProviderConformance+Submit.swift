internal import MapProtocols
internal import SystemPackage
internal import Testing

extension ProviderConformance {
  /// A file of many windows, each of which begins with a number of its own; the rest are holes.
  private func numberedFile(_ bench: Bench, windows: Int) throws -> FilePath {
    var islands: [Int64: [UInt8]] = [:]
    for window in 0..<windows {
      islands[Int64(window * Bench.windowSize)] = number(of: window)
    }
    return try bench.directory.sparseFile(
      "numbered", size: Int64(windows * Bench.windowSize), islands: islands)
  }

  private func number(of window: Int) -> [UInt8] {
    patternedBytes(16, seed: UInt64(window))
  }

  func submitsManyAtOnce(_ bench: Bench) throws {
    let count = 400
    let file = try Bench.File(bench, try numberedFile(bench, windows: count))
    let tally = LoadTally(count)
    let (provider, windows) = (bench.provider, bench.windows)
    let threads = try (0..<2).map { thread in
      let loads = file.windows.filter { $0 % 2 == thread }.map(file.makeLoad)
      return try ServiceThread {
        // Some alone, some together.
        var rest = loads[...]
        var size = 1
        while !rest.isEmpty {
          windows.submit(Array(rest.prefix(size)), completion: tally.note)
          rest = rest.dropFirst(size)
          size = size * 2 % 29
        }
      }
    }
    for thread in threads { thread.join() }
    tally.waitForAll()
    #expect(tally.errors == [])
    try file.expectResident()
    for window in file.windows {
      let start = file.offsets(of: window).lowerBound
      #expect(file.bytes(start..<start + 16) == number(of: window))
    }
    // No end comes late.
    provider.shutDown()
    tally.expectOneEndEach()
    file.close()
  }

  func endsWhatIsSubmitted(_ bench: Bench) throws {
    let count = 500
    let file = try Bench.File(bench, try numberedFile(bench, windows: count))
    let tally = LoadTally(count)
    for window in file.windows {
      bench.windows.submit([file.makeLoad(window)], completion: tally.note)
    }
    bench.provider.shutDown()
    tally.expectOneEndEach()
    #expect(tally.errors.allSatisfy { $0.code == .shutDown })
    // Cursors may outlive their manager's service: what they held is given back afterwards.
    file.close()
    tally.expectOneEndEach()
  }
}

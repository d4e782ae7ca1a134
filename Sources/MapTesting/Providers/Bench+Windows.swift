internal import MapProtocols

extension Bench {
  func loadsWindows() throws {
    for (name, content) in contents where !content.isEmpty {
      try withFile(name) { file in
        let all = 0..<file.size
        for _ in 0..<2 {
          for window in file.windows {
            try file.load([window])
            checks.step()
          }
          file.expect(all, of: content, "windows loaded one by one")
          file.unload(file.windows)
        }
        // All at once, and unloaded back to front with a gap.
        try file.load(file.windows)
        file.unload(file.windows.reversed().filter { $0 % 3 != 1 })
        try file.load(file.windows)
        file.expect(all, of: content, "windows loaded together")
      }
    }
    try submitsLoads()
    try sharesNoWindows()
  }

  private func submitsLoads() throws {
    try withFile(Self.large) { file in
      let tally = Tally(file.windows.count)
      windows.submit(file.windows.map(file.makeLoad)) { [checks] loads in
        for load in loads {
          if let error = load.error { checks.note("a load that was submitted failed: \(error)") }
        }
        tally.note(loads.map(\.tag))
      }
      let missing = tally.waitForAll(seconds: 15, checks)
      try checks.require(missing == 0, "the ends of \(missing) loads were not told")
      if windows.loadsWhenTouched && ProcessResources.isAvailable {
        let pages = try unsafe ProcessResources.residentPages(
          from: file.extent.base, byteCount: Int(file.size))
        let expected = (Int(file.size) + SystemPage.size - 1) / SystemPage.size
        // The system may have taken some of them back.
        checks.expect(
          pages.count > expected / 2,
          "of \(expected) pages whose load was submitted \(pages.count) are in memory")
      }
      file.expect(0..<file.size, of: contents[Self.large]!, "windows whose load was submitted")
    }
  }

  private func sharesNoWindows() throws {
    let content = contents["100003"]!
    try withFile("100003") { first in
      try withFile("100003") { second in
        try first.load(first.windows)
        try second.load(second.windows)
        first.unload(first.windows)
        second.expect(0..<second.size, of: content, "after windows of another extent were unloaded")
        try first.load(first.windows)
        first.expect(0..<first.size, of: content, "after unloading")
      }
    }
  }

  func showsWrites() throws {
    guard windows.areMaps else { return checks.skip("its windows are copies") }
    guard let change else { return }
    var content = contents["4097"]!
    try withFile("4097") { file in
      try file.load([0])
      file.expect(0..<4_097, of: content, "a map")
      content.replaceSubrange(10..<13, with: [1, 2, 3])
      content += patternedBytes(2 * BenchFile.windowSize, seed: 2)
      try change("4097", content)
      if try provider.status(of: source("4097")).identity != file.opened.status.identity {
        return checks.skip("`change` replaces the file")
      }
      file.expect(0..<7_000, of: content, "writes and growth in a window that is loaded")
      file.size = Int64(content.count)
      file.unload([0])
      try file.load(file.windows)
      file.expect(0..<file.size, of: content, "after unloading, growth")
    }
  }
}

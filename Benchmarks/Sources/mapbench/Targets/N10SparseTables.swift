import BenchmarkSupport
import SlidingMap
import SystemPackage

#if canImport(Glibc)
  import Glibc
#endif

/// N10, first part: what the tables of a huge file take.
enum N10SparseTables: Target {
  static let number = "N10"
  private static let fileSize: Int64 = 1 << 40

  /// What earlier targets freed must not hide what the tables take: malloc_trim(3), where there is one.
  private static func returnFreedMemory() {
    typealias Trim = @convention(c) (Int) -> Int32
    guard let symbol = unsafe dlsym(nil, "malloc_trim") else { return }
    _ = unsafe unsafeBitCast(symbol, to: Trim.self)(0)
  }

  static func measure(_ bench: Workbench) throws -> [TargetResult] {
    let path = bench.directory.appending("sparse.bin")
    let file = try FileDescriptor.open(
      path, .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
    try file.resize(to: fileSize)
    try file.close()

    var pairs: [Pair] = []
    var pageTables = 0
    for _ in 0..<2 {
      returnFreedMemory()
      let sampler = MemorySampler()
      let before = ProcessMemory.current()
      let maps = SlidingWindowMapManager(
        budget: .fixed(bytes: 64 << 20), windowSize: Workbench.windowSize)
      var cursor = try maps.cursor(for: path)
      let windows = Int(fileSize) / Workbench.windowSize
      for window in 0..<windows {
        try cursor.use(at: Int64(window) * Int64(Workbench.windowSize), count: 8)
        // Touching all of them would fill the page cache with zeros.
        if window % 4096 == 0 { blackHole(cursor.bytes.word(at: 0)) }
        if window % 65536 == 0 { sampler.sample() }
      }
      pageTables = max(pageTables, ProcessMemory.current().pageTables - before.pageTables)
      pairs.append(.alone(Double(sampler.stop().anonymous) / Double(1 << 20)))
      maps.shutdown()
    }
    // The second time finds the allocator's memory grown already: only the first tells.
    return [
      .atMost(
        16, "MiB", name: "N10 tables", work: "RssAnon, all 1 MiB windows of sparse 1 TiB used",
        measure: "MiB", [pairs[0]],
        note: "page tables of the process grew by \(ByteSize.text(pageTables)) beside that, "
          + "with 256 of the windows touched")
    ]
  }
}

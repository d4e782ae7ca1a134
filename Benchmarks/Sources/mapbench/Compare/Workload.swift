import ArgumentParser
import BenchmarkSupport

/// The patterns of access that are compared.
enum Workload: String, CaseIterable, Sendable {
  case hot, zipf, scan, mixed, random

  /// How many accesses are measured, all threads together; a quarter of that comes before, unmeasured.
  var operations: Int {
    switch self {
    case .hot: 1_000_000
    case .zipf, .mixed: 96_000
    case .scan: 200_000
    case .random: 40_000
    }
  }

  /// How many of them are measured where each miss copies a whole window, which takes a hundred times as long as mapping one.
  /// Where few are missed there is nothing to shorten.
  var copyingOperations: Int {
    switch self {
    case .hot, .scan: operations
    case .zipf, .mixed, .random: operations / 16
    }
  }

  /// What a reader of the table should know.
  func summary(_ shape: WorkloadShape) -> String {
    switch self {
    case .hot: "hot: random over \(shape.hotWindows) windows that fit the budget"
    case .zipf: "zipf: windows by Zipf's law (0.99) over all \(shape.windowCount)"
    case .scan: "scan: page after page, over all \(shape.windowCount) windows, again and again"
    case .mixed: "mixed: scan and zipf in turn"
    case .random: "random: any page of all \(shape.windowCount) windows, over the budget"
    }
  }

  /// The accesses of one thread, the same for every row.
  func accesses(
    _ corpus: Corpus, _ shape: WorkloadShape, count: Int, thread: Int, seed: UInt64
  ) -> [Access] {
    var generator = SeededGenerator(seed: seed ^ UInt64(thread + 1) &* 0xD1B5_4A32_D192_ED03)
    let zipf = ZipfSampler(count: shape.windowCount)
    // Which window is the hottest must not depend on the thread.
    var layout = SeededGenerator(seed: seed)
    let places = (0..<shape.windowCount).shuffled(using: &layout)
    var next = corpus.pageCount / 4 * thread
    var accesses: [Access] = []
    accesses.reserveCapacity(count)

    func pageOf(window: Int, _ generator: inout SeededGenerator) -> Int {
      let first = window * shape.pagesPerWindow
      return first + generator.below(min(shape.pagesPerWindow, corpus.pageCount - first))
    }
    func scanned() -> Int {
      defer { next += 1 }
      return next % corpus.pageCount
    }
    for index in 0..<count {
      let page =
        switch self {
        case .hot: pageOf(window: generator.below(shape.hotWindows), &generator)
        case .zipf: pageOf(window: places[zipf.draw(&generator)], &generator)
        case .scan: scanned()
        case .mixed:
          index % 2 == 0 ? scanned() : pageOf(window: places[zipf.draw(&generator)], &generator)
        case .random: generator.below(corpus.pageCount)
        }
      let (file, offset) = corpus.locate(page: page)
      let line = generator.below(Corpus.pageSize / Access.byteCount)
      accesses.append(Access(file: file, offset: offset + line * Access.byteCount))
    }
    return accesses
  }
}

/// How a corpus falls into windows.
struct WorkloadShape: Sendable {
  let pagesPerWindow: Int
  let windowCount: Int
  /// Windows of the hot set: half of what the budget holds.
  let hotWindows: Int

  init(_ corpus: Corpus, windowSize: Int, budget: Int) {
    pagesPerWindow = windowSize / Corpus.pageSize
    windowCount = (corpus.pageCount + pagesPerWindow - 1) / pagesPerWindow
    hotWindows = min(windowCount, max(1, budget / windowSize / 2))
  }
}

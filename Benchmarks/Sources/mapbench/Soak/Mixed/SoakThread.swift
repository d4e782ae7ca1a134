import BenchmarkSupport
import SlidingMap

/// One of the threads of a mixed soak, with the cursors and buffers that it keeps.
struct SoakThread: ~Copyable {
  static let cursorCount = 12
  static let bufferCount = 2
  /// The most windows that a thread has pinned: each cursor two and one of them those of a wide use, each buffer
  /// three, a task two.
  static let mostPinned = 2 * cursorCount + wideWindows + 3 * bufferCount + 2
  /// The windows of the largest request.
  static let wideWindows = 5

  let soak: MixedSoak
  let maps: MapManager
  let tally: SoakTally
  let readers: OwnedPlaces<SoakReader?>
  var buffers: [SoakBuffer?]
  var generator: SeededGenerator
  /// What an error would be about.
  var subject: (file: SoakFile, stamp: Int)?
  private var counts: [SoakOperation: Int] = [:]

  init(_ soak: MixedSoak, _ maps: MapManager, _ tally: SoakTally, number: Int) throws {
    self.soak = soak
    self.maps = maps
    self.tally = tally
    generator = SeededGenerator(seed: soak.seed, after: number << 40)
    readers = try OwnedPlaces(count: Self.cursorCount) { _ in nil }
    buffers = Array(repeating: nil, count: Self.bufferCount)
  }

  /// Does so many random things.
  mutating func run(operations: Int) {
    var left = operations
    while left > 0 {
      let step = min(left, 1024)
      let deck = SoakOperation.decks[tally.phase % SoakOperation.decks.count]
      for _ in 0..<step { perform(deck[generator.below(deck.count)]) }
      tally.advance(by: step)
      left -= step
    }
    tally.add(counts)
  }

  private mutating func perform(_ operation: SoakOperation) {
    let place = generator.below(Self.cursorCount)
    subject = nil
    do {
      if operation.needsCursor {
        let reader = unsafe readers.start + place
        let isOpen = unsafe reader.pointee != nil
        if !isOpen { try open(place) }
        try unsafe perform(operation, on: &reader.pointee!, place)
      } else {
        try perform(operation, place)
      }
    } catch {
      tally.judge(error, subject, "\(operation)")
      unsafe readers.start[place] = nil
      buffers[place % Self.bufferCount] = nil
    }
    counts[operation, default: 0] += 1
  }

  mutating func open(_ place: Int) throws {
    let file = draw(soak.files.all)
    unsafe readers.start[place] = nil
    let stamp = begin(file)
    unsafe readers.start[place] = try SoakReader(maps, file, stamp)
  }

  /// Names the file that errors to come are about.
  mutating func begin(_ file: SoakFile) -> Int {
    let stamp = file.stamp
    subject = (file, stamp)
    return stamp
  }

  mutating func draw(_ files: [SoakFile]) -> SoakFile { files[generator.below(files.count)] }
}

extension SoakOperation {
  /// Whether it is done to a cursor.
  fileprivate var needsCursor: Bool {
    switch self {
    case .use, .look, .release, .copy, .refresh, .wide: true
    default: false
    }
  }
}

import BenchmarkSupport
import SlidingMap

/// One of the threads of a soak over files that change, with the cursors and the buffer that it keeps.
struct ChangesThread: ~Copyable {
  private static let cursorCount = 6

  let round: ChangesRound
  let maps: MapManager
  private let readers: OwnedPlaces<ChangesReader?>
  private var buffer: ChangesBuffer?
  var generator: SeededGenerator
  /// What an error would be about.
  private var subject: SeenFile?

  init(_ round: ChangesRound, _ maps: MapManager, number: Int) throws {
    self.round = round
    self.maps = maps
    generator = SeededGenerator(seed: round.seed, after: (round.plan.number << 8 + number) << 32)
    readers = try OwnedPlaces(count: Self.cursorCount) { _ in nil }
  }

  /// Does random things until the round is over.
  mutating func run() {
    let deck = ChangesOperation.deck
    while nanoseconds() < round.end {
      for _ in 0..<32 { perform(deck[generator.below(deck.count)]) }
    }
  }

  private mutating func perform(_ operation: ChangesOperation) {
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
      round.judge(error, subject, "\(operation)")
      // Some cursors go on after an error.
      if generator.below(2) == 0 { unsafe readers.start[place] = nil }
      if buffer?.isSpent == true { buffer = nil }
    }
    round.tally.advance()
  }

  private mutating func open(_ place: Int) throws {
    unsafe readers.start[place] = nil
    let file = draw()
    unsafe readers.start[place] = try ChangesReader(maps, file, round.tally)
  }

  /// A random file, which errors to come are about; every fourth by its second name.
  mutating func draw() -> SeenFile {
    let file = round.file(
      generator.below(round.table.count), isLink: generator.below(4) == 0)
    subject = file
    return file
  }

  private mutating func perform(
    _ operation: ChangesOperation, on reader: inout ChangesReader, _ place: Int
  ) throws {
    subject = reader.file
    switch operation {
    case .use: try reader.use(at: drawOffset(reader.fileSize), count: drawCount())
    case .useWithBytes:
      try reader.useWithBytes(at: drawOffset(reader.fileSize), count: drawCount())
    case .look: try reader.look()
    case .release: try reader.release()
    case .refresh: try reader.refresh()
    default:
      // Any other place than its own.
      let other = (place + 1 + generator.below(Self.cursorCount - 1)) % Self.cursorCount
      unsafe readers.start[other] = try reader.copy()
    }
  }

  private mutating func perform(_ operation: ChangesOperation, _ place: Int) throws {
    switch operation {
    case .open: try open(place)
    case .lease: try awaitBytes()
    case .makeBuffer: try makeBuffer()
    case .readBuffer:
      if buffer == nil { try makeBuffer() }
      subject = buffer?.file
      try buffer?.read(&generator)
    case .windows: try readInOrder()
    case .prefetch: try prefetch()
    case .statistics: try lookAtStatistics()
    case .collect: maps.collect()
    case .unload: maps.unload(under: draw().path)
    default: maps.setPolicy(PolicyName.allCases[generator.below(PolicyName.allCases.count)].make())
    }
  }

  private mutating func makeBuffer() throws {
    buffer = nil
    buffer = try ChangesBuffer(maps, draw(), round.tally, &generator)
  }

  /// One in a hundred lies past the end, and half of the others near it, where files change most.
  private mutating func drawOffset(_ size: Int) -> Int {
    if generator.below(100) == 0 { return size + generator.below(100) }
    let isNearEnd = generator.below(2) == 0
    let start = isNearEnd ? max(size - 2 * ChangesSoak.windowSize, 0) : 0
    return start + generator.below(size - start + 1)
  }

  /// Most are small; one in 16 is of up to three windows.
  private mutating func drawCount() -> Int {
    switch generator.below(64) {
    case 0: 0
    case 1..<5: generator.below(3 * ChangesSoak.windowSize)
    case 5..<20: generator.below(8192)
    default: generator.below(256)
    }
  }
}

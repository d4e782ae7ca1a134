import BenchmarkSupport

extension SoakThread {
  /// What is done to a cursor.
  mutating func perform(
    _ operation: SoakOperation, on reader: inout SoakReader, _ place: Int
  ) throws {
    subject = (reader.file, reader.stamp)
    switch operation {
    case .use: try use(&reader)
    case .look: try reader.look()
    case .release: try reader.release()
    case .refresh: try reader.refresh()
    case .wide:
      let windows = 1 + generator.below(Self.wideWindows - 1)
      try reader.useWide(
        at: generator.below(reader.fileSize + 1), count: windows * MixedSoak.windowSize)
    default:
      // Any other place than its own.
      let other = (place + 1 + generator.below(Self.cursorCount - 1)) % Self.cursorCount
      unsafe readers.start[other] = try reader.copy()
    }
  }

  /// Most uses are of few bytes near the start of the file, where they are found loaded; some go on for long, past
  /// the end, or to the window's end.
  private mutating func use(_ reader: inout SoakReader) throws {
    let dice = generator.below(256)
    let size = reader.fileSize
    let offset =
      dice == 0
      ? size + generator.below(100)
      : generator.below((dice < 26 ? size : min(size, MixedSoak.hotBytes)) + 1)
    switch generator.below(256) {
    case 0: try reader.use(at: offset, count: generator.below(MixedSoak.windowSize))
    case 1: try reader.use(at: offset, windowSize: MixedSoak.windowSize)
    case 2: try reader.use(at: offset, count: 0)
    case 3..<20: try reader.use(at: offset, count: generator.below(8192))
    default: try reader.use(at: offset, count: generator.below(256))
    }
  }
}

internal import MapProtocols
internal import Policies
internal import SlidingMap

/// A thread with a cursor at a time, which uses it at any place and looks at the bytes.
struct RandomReader {
  /// A file, and what it must hold at an offset.
  struct File: Sendable {
    let source: FileSource
    let size: Int64
    let byte: @Sendable (Int64) -> UInt8
  }

  private let maps: MapManager
  private let files: [File]
  private let checks: Checks
  private var dice: SplitMix64
  /// Errors that may come.
  var expects: (MapError) -> Bool = { _ in false }

  init(_ maps: MapManager, _ files: [File], seed: UInt64, _ checks: Checks) {
    self.maps = maps
    self.files = files
    self.checks = checks
    dice = SplitMix64(seed: seed)
  }

  mutating func read(_ count: Int) {
    for _ in 0..<count / 50 {
      checks.step()
      let file = files[dice.draw(below: files.count)]
      do throws(MapError) {
        var cursor = try maps.cursor(for: file.source)
        for _ in 0..<50 {
          do throws(MapError) {
            try use(&cursor, file)
          } catch {
            if !expects(error) { throw error }
          }
        }
      } catch {
        if !expects(error) { checks.note("a cursor failed: \(error)") }
      }
    }
  }

  private mutating func use(_ cursor: inout WindowCursor, _ file: File) throws(MapError) {
    let nearStart = min(Int(file.size), 10 * 4096)
    let offset = Int64(dice.draw(below: dice.draw(below: 3) == 0 ? Int(file.size) : nearStart))
    let wanted = 1 + dice.draw(below: dice.draw(below: 8) == 0 ? 3 * 4096 : 200)
    try cursor.use(at: offset, count: wanted)
    let count = Int(min(Int64(wanted), file.size - offset))
    let bytes = cursor.bytes
    checks.expect(
      bytes.byteCount == count, "a lease of \(bytes.byteCount) bytes where \(count) were asked for")
    for index in [0, count / 2, count - 1] where index < bytes.byteCount {
      let byte = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt8.self)
      checks.expect(
        byte == file.byte(offset + Int64(index)),
        "a reader saw another byte than the file's at \(offset + Int64(index))")
    }
  }
}

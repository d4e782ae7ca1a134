import Foundation
import SlidingMap
import SystemPackage
import Testing

#if os(Linux)
  /// A huge sparse file with content here and there.
  struct SparseBench {
    let scratch: Scratch
    let provider: any RegionProvider
    let size: Int64
    let path: FilePath
    private let places: [Int64]
    private let content: [UInt8]

    init(_ kind: BackendKind, size: Int64 = 64 << 30) throws {
      scratch = try Scratch()
      provider = try kind.make()
      self.size = size
      path = try scratch.resize("sparse", to: size)
      content = SlidingMapTests.content(10_000)
      let file = try FileDescriptor.open(path, .writeOnly)
      defer { try? file.close() }
      var dice = Dice(seed: 7)
      places = (0..<20).map { _ in Int64(dice.draw(Int(size) - 20_000)) }.sorted()
      for place in places { try file.writeAll(toAbsoluteOffset: place, content) }
      // For whoever the test becomes.
      try chmod(scratch.path, 0o755)
      try chmod(path, 0o644)
    }

    /// Reads at random, and looks at each byte.
    func read(through maps: MapManager, times: Int) throws {
      var dice = Dice(seed: 11)
      var cursor = try maps.cursor(for: path)
      for index in 0..<times {
        let isContent = index % 10 == 0
        let offset =
          isContent ? places[dice.draw(places.count)] : Int64(dice.draw(Int(size) - 20_000))
        let count = isContent ? content.count : 5_000
        let model = expected(offset, count)
        let isRight = try cursor.withBytes(at: offset, count: count) { shows($0, model, at: 0) }
        #expect(isRight, "at \(offset)")
      }
    }

    private func expected(_ offset: Int64, _ count: Int) -> [UInt8] {
      var bytes = [UInt8](repeating: 0, count: count)
      for place in places {
        let there = (place..<place + Int64(content.count)).clamped(
          to: offset..<offset + Int64(count))
        for at in there { bytes[Int(at - offset)] = content[Int(at - place)] }
      }
      return bytes
    }

    private func chmod(_ path: FilePath, _ mode: mode_t) throws {
      try #require(unsafe Glibc.chmod(path.string, mode) == 0)
    }
  }
#endif

import SlidingMap

/// A cursor that a task uses while the fuzzer's thread waits.
final class Held: @unchecked Sendable {
  var cursor: WindowCursor
  var isInside = false

  init(_ cursor: consuming WindowCursor) { self.cursor = cursor }

  func lease(at offset: Int64, count: Int) async throws(MapError) {
    isInside = try await cursor.lease(at: offset, count: count)
  }
}

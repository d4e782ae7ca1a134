import SlidingMap

/// A cursor that threads pass on, one using it at a time.
final class Held: @unchecked Sendable {
  var cursor: WindowCursor
  init(_ cursor: consuming WindowCursor) { self.cursor = cursor }
}

import SlidingMap

/// A cursor that closures share.
final class HeldCursor {
  var cursor: WindowCursor
  init(_ cursor: consuming WindowCursor) { self.cursor = cursor }
}

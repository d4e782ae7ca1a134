import FuzzSupport
import SlidingMap

/// What surrounds a request, by which its errors are judged.
struct Surroundings {
  let setup: Setup
  /// Whether nobody else holds windows, and no loads are under way.
  var isAlone = true
  /// Files that cursors are on and that may be kept by nothing but a handle: no path need lead to them, or there is nothing to map.
  var keepers = 0
  /// Whether loads may be under way.
  var mayLoad = false
  var isShutDown = false
}

extension MapError {
  /// Whether what happened to a file explains the error of a request for `range` of it.
  ///
  /// - Parameter version: the version that the cursor was made for, or last refreshed to.
  func isExplained(
    by file: ModelFile, since version: Int, _ range: Range<Int>, in around: Surroundings
  ) -> Bool {
    let setup = around.setup
    switch code {
    case .fileTruncated: return range.upperBound > file.size || setup.kind.mayMap && file.wasCut
    // Zeros that stand where the file has bytes again.
    case .readFailed: return setup.kind.mayMap && file.wasCut
    case .fileChanged: return file.latest > version || file.mayBeLost
    case .budgetExhausted:
      return !around.isAlone || setup.isTooMuch(range, of: file, since: version)
    case .handlesExhausted: return around.mayLoad || around.keepers >= setup.limits.handles
    case .shutdown: return around.isShutDown
    default: return false
    }
  }
}

extension Setup {
  /// The versions that copies may be of, for a reader that knows one. What is read past the windows of a map is as the map is at that
  /// moment.
  func versions(of file: ModelFile, since version: Int) -> Range<Int> {
    version..<(changes == .oneVersion && !kind.mayMap ? version : file.latest) + 1
  }

  /// Whether a request may have no room though nobody else holds any.
  fileprivate func isTooMuch(
    _ range: Range<Int>, of file: ModelFile, since version: Int
  ) -> Bool {
    // The manager may count by a size that the file had, until it looks at it again.
    let size = file.versions[version...].map(\.count).max() ?? 0
    let cost = cost(range, ofSize: size)
    let isOver = cost.windows > limits.regions || cost.bytes > limits.bytes
    if isHard { return isOver }
    // What the takeover reads has memory for four windows, and no more of the budget than there is.
    return kind == .automatic && (cost.windows > 4 || isOver)
  }
}

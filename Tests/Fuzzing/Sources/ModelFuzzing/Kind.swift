import FuzzSupport
import SlidingMap

/// The backends of the package.
enum Kind: CaseIterable {
  case mmap, populated, automatic, uring, direct, pread

  func make() -> any RegionProvider {
    do {
      return switch self {
      case .mmap: MMapProvider()
      case .populated: MMapProvider(populate: true)
      case .automatic: MMapProvider.automatic
      case .uring: try URingProvider()
      case .direct: try URingProvider(opensDirectly: true)
      case .pread: URingProvider.pread
      }
    } catch {
      fail("no backend \(self): \(error)")
    }
  }

  /// Whether bytes may be those of maps, which show the file as it is.
  var mayMap: Bool { self == .mmap || self == .populated || self == .automatic }
  /// Whether windows may be copies, which show a version of the file.
  var mayCopy: Bool { self != .mmap && self != .populated }
}

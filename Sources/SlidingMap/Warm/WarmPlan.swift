import MapProtocols
import Policies

/// Which bytes a warm-up reads, in which order: the files as they were given, each from its start, until a limit is reached.
///
/// It says what comes next when it is asked, as a file may be as large as a size can say. Guarded by the warm-up's lock.
struct WarmPlan {
  /// Bytes of one file that one thread reads, one after the other.
  struct Stretch {
    let file: WarmFile
    /// Which of the file's ranges they are of.
    let index: Int
    let range: Range<Int64>
  }

  private let files: [WarmFile]
  // What comes next: of which file, of which of its ranges, and what is left of that, nil before its start.
  private var file = 0
  private var index = 0
  private var rest: Range<Int64>?
  /// The last window of the file that counted.
  private var last = -1

  private var bytesLeft: Int
  private var windowsLeft = Int.max
  private var isFull = false
  private let pageSize: Int

  /// Long, so that the kernel reads ahead as for any reader in order; but other threads, and who waits for a handle, don't wait long.
  private static let longest = 64 << 20
  /// Of copies, as many windows as a ring reads well together.
  private static let mostLoaded = 8 << 20

  init(_ core: MapCore, _ files: [WarmFile], limit: Int?, isLocking: Bool) {
    self.files = files
    pageSize = core.pageSize
    if isLocking {
      // Refused by whoever has no room.
      bytesLeft = .max
    } else if core.primary.isCopying {
      let limits = core.locked { core.ledger.limits }
      bytesLeft = min(limit ?? .max, limits.bytes)
      windowsLeft = limits.regions
    } else {
      bytesLeft = limit ?? SystemLimits.cacheRoom()
    }
  }

  /// What is to be read next, of files that have not failed; nil where nothing is left, or there is no room for more. O(windows of it),
  /// and O(n) for n files that are skipped.
  mutating func next() -> Stretch? {
    while !isFull && file < files.count {
      let file = files[file]
      guard file.failure == nil, index < file.ranges.count else {
        self.file += 1
        (index, rest, last) = (0, nil, -1)
        continue
      }
      let index = index
      let left = rest ?? file.ranges[index]
      let part = file.cursor.map { takeWindows(of: left, file, $0) } ?? takeBytes(of: left)
      rest = part.upperBound..<left.upperBound
      if part.upperBound == left.upperBound {
        self.index += 1
        rest = nil
      }
      if !part.isEmpty { return Stretch(file: file, index: index, range: part) }
    }
    return nil
  }

  private mutating func takeBytes(of left: Range<Int64>) -> Range<Int64> {
    let part = left.firstBytes(min(Self.longest, bytesLeft))
    bytesLeft -= part.count
    isFull = part.isEmpty
    return part
  }

  /// Windows count whole, as in the budget.
  private mutating func takeWindows(
    of left: Range<Int64>, _ file: WarmFile, _ cursor: SharedCursor
  ) -> Range<Int64> {
    let grid = cursor.grid
    var part = left.lowerBound..<left.lowerBound
    for window in grid.windows(of: left) {
      let bytes = grid.bytes(of: window, fileSize: file.size).clamped(to: left)
      if !part.isEmpty && Int(bytes.upperBound - part.lowerBound) > Self.mostLoaded { break }
      if window != last {
        let charge = cursor.charge(for: window, pageSize: pageSize)
        if charge > bytesLeft || windowsLeft == 0 {
          isFull = true
          break
        }
        bytesLeft -= charge
        windowsLeft -= 1
        last = window
      }
      part = part.lowerBound..<bytes.upperBound
    }
    return part
  }
}

extension Range<Int64> {
  /// The same without what lies behind so many bytes.
  func firstBytes(_ byteCount: Int) -> Range<Int64> {
    byteCount >= count ? self : lowerBound..<lowerBound + Int64(byteCount)
  }
}

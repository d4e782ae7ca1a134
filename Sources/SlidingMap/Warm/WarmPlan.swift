import MapProtocols
import Policies

/// Which bytes a warm-up reads, in which order: the files as they were given, each from its start, until a limit is reached.
struct WarmPlan {
  /// Bytes of one file that one thread reads, one after the other.
  struct Stretch {
    let file: WarmFile
    let range: Range<Int64>
  }

  private(set) var stretches: [Stretch] = []
  private var bytesLeft: Int
  private var windowsLeft = Int.max
  private let pageSize: Int

  /// Long, so that the kernel reads ahead as for any reader in order; but other threads, and who waits for a handle, don't wait long.
  private static let longest: Int64 = 64 << 20
  /// Of copies, as many windows as a ring reads well together.
  private static let mostLoaded: Int64 = 8 << 20

  /// Plans nothing yet.
  init(_ core: MapCore, limit: Int?, isLocking: Bool) {
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

  /// Plans for one file more; false if there is no room for more.
  mutating func add(_ file: WarmFile) -> Bool {
    var last = -1
    for range in file.ranges {
      let isAdded =
        if let cursor = file.cursor {
          addWindows(of: range, file, cursor, after: &last)
        } else {
          addBytes(of: range, file)
        }
      if !isAdded { return false }
    }
    return true
  }

  private mutating func addBytes(of range: Range<Int64>, _ file: WarmFile) -> Bool {
    let part = range.prefix(bytesLeft)
    bytesLeft -= part.count
    var rest = part
    while !rest.isEmpty {
      let end = min(rest.lowerBound + Self.longest, rest.upperBound)
      stretches.append(Stretch(file: file, range: rest.lowerBound..<end))
      rest = end..<rest.upperBound
    }
    return part.upperBound == range.upperBound
  }

  /// Windows count whole, as in the budget.
  private mutating func addWindows(
    of range: Range<Int64>, _ file: WarmFile, _ cursor: SharedCursor, after last: inout Int
  ) -> Bool {
    let grid = cursor.grid
    var stretch = range.lowerBound..<range.lowerBound
    defer { if !stretch.isEmpty { stretches.append(Stretch(file: file, range: stretch)) } }
    for window in grid.windows(of: range) {
      if window != last {
        let charge = cursor.charge(for: window, pageSize: pageSize)
        if charge > bytesLeft || windowsLeft == 0 { return false }
        bytesLeft -= charge
        windowsLeft -= 1
        last = window
      }
      let bytes = grid.bytes(of: window, fileSize: file.size).clamped(to: range)
      if !stretch.isEmpty && bytes.upperBound - stretch.lowerBound > Self.mostLoaded {
        stretches.append(Stretch(file: file, range: stretch))
        stretch = bytes
      } else {
        stretch = stretch.lowerBound..<bytes.upperBound
      }
    }
    return true
  }
}

extension Range<Int64> {
  fileprivate func prefix(_ byteCount: Int) -> Range<Int64> {
    byteCount >= count ? self : lowerBound..<lowerBound + Int64(byteCount)
  }
}

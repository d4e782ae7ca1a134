/// The addresses in which windows of a file lie: mostly all of it, byte `n` of the file at `base + n`; a span where there are too few
/// addresses, byte `n` at `base + (n − offset)`.
@safe
public struct Extent: @unchecked Sendable {
  /// The address of the first byte.
  public let base: UnsafeMutableRawPointer
  /// The file's offset of the first byte, in bytes: 0 but for spans.
  public let offset: Int64
  /// How far the addresses reach, the room for growth included.
  public let byteCount: Int
  /// Whether its windows are given access one by one, before they are loaded, and lose it when they are emptied: so it is with copies
  /// where the system counts all memory that may be written to. Who makes the extent decides it.
  package let opensWindows: Bool

  /// Describes an extent.
  ///
  /// - Parameters:
  ///   - base: the first of `byteCount` addresses that stay reserved until it is given back.
  ///   - offset: of a span, where in the file it begins.
  @unsafe
  public init(base: UnsafeMutableRawPointer, byteCount: Int, offset: Int64 = 0) {
    unsafe self.init(base: base, byteCount: byteCount, offset: offset, opensWindows: false)
  }

  /// The same for one whose windows may be opened one by one.
  @unsafe
  package init(
    base: UnsafeMutableRawPointer, byteCount: Int, offset: Int64 = 0, opensWindows: Bool
  ) {
    unsafe self.base = base
    self.offset = offset
    self.byteCount = byteCount
    self.opensWindows = opensWindows
  }

  /// Kernel maps that each loaded window takes beside the extent's own: an open window is one, and parts the addresses around it.
  package var mapsPerWindow: Int { opensWindows ? 2 : 0 }

  /// The same extent, of which no window is closed when it is emptied.
  package var withoutClosing: Extent {
    unsafe Extent(base: base, byteCount: byteCount, offset: offset, opensWindows: false)
  }

  /// The same addresses for the windows from an offset of the file on.
  package func moved(to offset: Int64) -> Extent {
    unsafe Extent(base: base, byteCount: byteCount, offset: offset, opensWindows: opensWindows)
  }

  /// What of the file may lie there, in bytes.
  public var range: Range<Int64> { offset..<offset + Int64(byteCount) }
}

/// Bytes of an extent, in whole pages: the last page of a file counts whole.
public struct ExtentRange: Sendable {
  /// Where they lie.
  public let extent: Extent
  /// The file's offset of the first.
  public let offset: Int64
  /// How many.
  public let byteCount: Int

  /// The address of the first byte.
  public var start: UnsafeMutableRawPointer {
    unsafe extent.base + Int(offset - extent.offset)
  }

  /// Describes a range.
  public init(extent: Extent, offset: Int64, byteCount: Int) {
    self.extent = extent
    self.offset = offset
    self.byteCount = byteCount
  }
}

/// One window to be loaded, and how that went.
public struct RegionLoad: Sendable {
  /// What to load, and where to.
  public let region: ExtentRange
  /// The file's handle, where it is open; always there for copies.
  public let handle: Handle?
  /// How many bytes the file has there at least, as far as is known: a read that gives fewer has found another end.
  package let least: Int
  /// Nil if the bytes are there, else what went wrong.
  public var error: MapError?
  /// A number for the manager's own use.
  public let tag: Int

  /// Describes a load.
  public init(region: ExtentRange, handle: Handle?, tag: Int = 0) {
    // The file may end within the last page.
    let isWhole = region.byteCount % SystemPage.size == 0
    let least = isWhole ? region.byteCount - SystemPage.size + 1 : region.byteCount
    self.init(region: region, handle: handle, least: least, tag: tag)
  }

  /// Describes the load of a region in which a file has so many bytes.
  package init(region: ExtentRange, handle: Handle?, least: Int, tag: Int) {
    self.region = region
    self.handle = handle
    self.least = least
    self.tag = tag
  }
}

/// How a range will be read.
public enum AccessAdvice: Hashable, Sendable {
  /// Nothing special: the kernel's own reading ahead.
  case normal
  /// Here and there: read nothing ahead.
  case random
  /// Front to back: read far ahead.
  case sequential
  /// Soon: start reading now.
  case willNeed
}

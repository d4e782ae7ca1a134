import MapProtocols
import SystemPackage

/// One file of a warm-up. Guarded by the warm-up's lock, save for what is constant once it was looked at.
final class WarmFile: @unchecked Sendable {
  /// What the caller wrote, and what it means wherever the program goes.
  let source: FileSource
  let place: FileSource
  /// What is asked for; nil is all.
  private let wanted: [Range<Int64>]?
  /// What is asked for and there; ascending, apart, none of them empty.
  private(set) var ranges: [Range<Int64>] = []
  private(set) var size: Int64 = 0
  private(set) var bytesAsked = 0
  /// Of a backend that copies: whose windows are loaded.
  private(set) var cursor: SharedCursor?
  /// Of maps: how the file was found. It is opened again for each stretch.
  private(set) var status: FileStatus?
  /// Of maps that are locked.
  private(set) var map: LockedMap?
  var bytesWarmed = 0
  /// Whether it was counted among the warm ones; and whether its map is among those that are kept.
  var isCounted = false
  var isKept = false
  private(set) var failure: MapError?

  init(_ source: FileSource, at place: FileSource, _ wanted: [Range<Int64>]?) {
    self.source = source
    self.place = place
    self.wanted = wanted
  }

  /// Notes how large the file was found.
  ///
  /// - Parameter isLocking: whether what is asked for is rounded to whole pages, which are what is locked.
  func note(size: Int64, isLocking: Bool) {
    self.size = size
    ranges = (wanted ?? [0..<size]).map { $0.clamped(to: 0..<size) }.runs()
    if isLocking { ranges = ranges.map { $0.inPages(fileSize: size) }.runs() }
    bytesAsked = ranges.reduce(0) { $0 + $1.count }
  }

  func note(cursor: SharedCursor) { self.cursor = cursor }
  func note(status: FileStatus) { self.status = status }
  func note(map: LockedMap) { self.map = map }

  /// Notes what went wrong, of several errors the first.
  func fail(_ error: MapError) {
    failure =
      failure
      ?? MapError(
        error.code, source: source, range: error.range, errno: error.errno,
        underlying: error.underlying)
  }

  var isWarm: Bool { failure == nil && bytesWarmed == bytesAsked }

  // MARK: Paths that lead elsewhere

  /// Whether a file that was opened once more is the one that was found, for sure.
  func isSame(_ found: FileStatus) -> Bool {
    guard !isDescriptor, let status else { return true }
    return found.identity == status.identity
      && (!found.isAmbiguous || found.version == status.version)
  }

  /// Whether it is another one for sure. Where files may have the same number they may also get new ones.
  func isOther(_ found: FileStatus) -> Bool {
    !found.isAmbiguous && !isSame(found)
  }

  private var isDescriptor: Bool {
    if case .descriptor = place { true } else { false }
  }
}

extension Range<Int64> {
  /// The pages that hold these bytes, of the last one what the file has of it.
  fileprivate func inPages(fileSize: Int64) -> Range<Int64> {
    let page = Int64(SystemPage.size)
    // Not past the largest offset there is.
    let missing = (page - upperBound % page) % page
    let end = fileSize - upperBound < missing ? fileSize : upperBound + missing
    return lowerBound / page * page..<end
  }
}

/// A cursor from which threads make their own.
final class SharedCursor: Sendable {
  private let cursor: WindowCursor

  init(_ cursor: consuming WindowCursor) { self.cursor = cursor }

  var fileSize: Int64 { cursor.fileSize }
  var edition: Edition { cursor.edition }
  var grid: WindowGrid { cursor.edition.grid }
  func charge(for window: Int, pageSize: Int) -> Int {
    cursor.edition.charge(for: window, fileSize: cursor.fileSize, pageSize: pageSize)
  }
  func copy() -> WindowCursor { cursor.copy() }

  /// Locks the memory of its lease.
  func lock(by addresses: LockedAddresses) throws(Errno) -> Range<UInt> {
    // Safe: the lease keeps the memory where it is.
    try cursor.lend { bytes throws(Errno) in
      try unsafe bytes.withUnsafeBytes { buffer throws(Errno) in
        guard let base = buffer.baseAddress else { return 0..<0 }
        return try unsafe addresses.lock(base, byteCount: buffer.count)
      }
    }
  }
}

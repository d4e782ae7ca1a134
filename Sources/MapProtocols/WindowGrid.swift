/// The grid of windows laid over a file: which windows a range of bytes touches, and which bytes a window holds.
///
/// All windows have one size, a multiple of the page; the last of a file is cut at the file's end.
@usableFromInline
package struct WindowGrid: Hashable, Sendable {
  /// The size of a window in bytes.
  @usableFromInline package let windowSize: Int64
  /// log2 of the size where that is whole, else -1; it spares a division on each access.
  @usableFromInline package let shift: Int

  /// A grid of windows of `windowSize` bytes.
  ///
  /// - Precondition: `windowSize` is positive and a multiple of `pageSize`.
  package init(windowSize: Int, pageSize: Int) {
    precondition(windowSize > 0, "the window size must be positive")
    precondition(
      windowSize % pageSize == 0,
      "the window size must be a multiple of the page size")
    self.windowSize = Int64(windowSize)
    shift = windowSize & (windowSize - 1) == 0 ? windowSize.trailingZeroBitCount : -1
  }

  /// A grid of one window, which holds a file of any size whole.
  package static let wholeFile = WindowGrid()

  private init() {
    shift = 62
    windowSize = 1 << 62
  }

  /// The window that holds the byte at `offset`. O(1).
  @inlinable
  package func window(at offset: Int64) -> Int {
    shift >= 0 ? Int(offset &>> Int64(shift)) : Int(offset / windowSize)
  }

  /// The offset of a window's first byte. O(1).
  @inlinable
  package func start(of window: Int) -> Int64 {
    shift >= 0 ? Int64(window) &<< Int64(shift) : Int64(window) &* windowSize
  }

  /// The windows that hold a byte of `range`, ascending. O(1).
  ///
  /// - Precondition: `range` is not empty and does not begin below 0.
  package func windows(of range: Range<Int64>) -> ClosedRange<Int> {
    precondition(!range.isEmpty && range.lowerBound >= 0)
    return window(at: range.lowerBound)...window(at: range.upperBound - 1)
  }

  /// The bytes of `window` in a file of `fileSize` bytes; empty past the end. O(1).
  package func bytes(of window: Int, fileSize: Int64) -> Range<Int64> {
    let start = min(start(of: window), fileSize)
    return start..<start + min(windowSize, fileSize - start)
  }

  /// How many windows a file of `fileSize` bytes has. O(1).
  package func count(fileSize: Int64) -> Int {
    fileSize == 0 ? 0 : window(at: fileSize - 1) + 1
  }
}

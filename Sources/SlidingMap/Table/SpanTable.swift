import MapProtocols
import Synchronization

/// Where the windows of an edition lie that has no addresses for its whole file: each in a span of its own.
///
/// An address changes only while its window is neither resident nor marked. It is published by the release of the word that will say
/// resident, and read after the acquiring load of that word: hence all is relaxed.
struct SpanTable {
  /// By window, the address of its first byte, at a page, and in its lowest bit whether it is opened before it is loaded; 0 where it has
  /// none.
  private let bases: ZeroedMemory<Atomic<UInt>>
  private let grid: WindowGrid
  private static let opened: UInt = 1

  /// Nil if there is no memory for it.
  init?(_ grid: WindowGrid, windowCount: Int) {
    guard let bases = ZeroedMemory<Atomic<UInt>>(count: windowCount) else { return nil }
    self.bases = bases
    self.grid = grid
  }

  /// What of a file the span of a window is for: whole pages, also past the file's end.
  func range(of window: Int) -> Range<Int64> {
    let start = grid.start(of: window)
    return start..<start + grid.windowSize
  }

  /// Where a window lies; nil if it has no span.
  func span(of window: Int) -> Extent? {
    let bits = unsafe bases.start[window].load(ordering: .relaxed)
    guard let base = unsafe UnsafeMutableRawPointer(bitPattern: bits & ~Self.opened) else {
      return nil
    }
    let range = range(of: window)
    return unsafe Extent(
      base: base, byteCount: range.count, offset: range.lowerBound,
      opensWindows: bits & Self.opened != 0)
  }

  /// Enters the span of a window that has none. False where byte 0 of the file would lie at address 0, which no pointer has.
  func enter(_ span: Extent, of window: Int) -> Bool {
    let address = unsafe UInt(bitPattern: span.base)
    if Int64(bitPattern: UInt64(address)) == span.offset { return false }
    let bits = address | (span.opensWindows ? Self.opened : 0)
    let old = unsafe bases.start[window].exchange(bits, ordering: .relaxed)
    precondition(old == 0, "a window has two spans")
    return true
  }

  /// Takes the span of a window away, if it has one.
  func take(of window: Int) -> Extent? {
    defer { unsafe bases.start[window].store(0, ordering: .relaxed) }
    return span(of: window)
  }

  /// Where byte 0 of the file would lie, seen from the span of a window. No byte is ever read there.
  func origin(of window: Int) -> UnsafeRawPointer {
    let address = unsafe bases.start[window].load(ordering: .relaxed) & ~Self.opened
    precondition(address != 0, "a window in use has no span")
    return unsafe UnsafeRawPointer(
      bitPattern: address &- UInt(truncatingIfNeeded: grid.start(of: window)))!
  }
}

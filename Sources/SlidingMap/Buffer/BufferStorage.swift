import CMapShims
import MapProtocols
import Synchronization

/// What all slices of a `MapBuffer` share: the file, the error, and a few cursors that accesses borrow.
///
/// A lane is a cursor with a busy flag. An access takes one that is free, the calling thread's favourite first, so that a
/// loop over subscripts stays inside one lease and threads don't fight over it; when all are busy it makes a cursor of its
/// own for the occasion.
@safe
@usableFromInline
final class BufferStorage: @unchecked Sendable {
  let core: MapCore
  let edition: Edition
  let source: FileSource
  let fileSize: Int64
  private let lanes: [Lane]
  private let sticky = Mutex<MapError?>(nil)

  private final class Lane: @unchecked Sendable {
    /// Taken with acquire and given back with release, so that one holder's changes to the cursor reach the next.
    let isBusy = Atomic<Bool>(false)
    var cursor: WindowCursor?
  }

  private static let laneCount = 4

  init(_ cursor: consuming WindowCursor) {
    core = cursor.core
    edition = cursor.edition
    source = cursor.source
    fileSize = cursor.fileSize
    lanes = (0..<Self.laneCount).map { _ in Lane() }
    lanes[0].cursor = consume cursor
  }

  var error: MapError? { sticky.withLock { $0 } }

  /// Keeps the first error.
  func note(_ error: MapError) {
    sticky.withLock { if $0 == nil { $0 = error } }
  }

  /// A cursor of its own, without a lease.
  func makeCursor() -> WindowCursor {
    core.reopen(edition, source, fileSize)
  }

  /// Lends a cursor to `body`.
  func withCursor<R, E: Error>(
    _ body: (inout WindowCursor) throws(E) -> R
  ) throws(E) -> R {
    let first = Int(Turn.threadOrdinal)
    for step in 0..<Self.laneCount {
      let lane = lanes[(first + step) % Self.laneCount]
      if lane.isBusy.exchange(true, ordering: .acquiring) { continue }
      defer { lane.isBusy.store(false, ordering: .releasing) }
      if lane.cursor == nil { lane.cursor = makeCursor() }
      return try body(&lane.cursor!)
    }
    var cursor = makeCursor()
    return try body(&cursor)
  }

  /// Ends the leases of all cursors that nobody uses at this moment.
  func release() {
    for lane in lanes {
      if lane.isBusy.exchange(true, ordering: .acquiring) { continue }
      lane.cursor?.release()
      lane.isBusy.store(false, ordering: .releasing)
    }
  }

  /// One byte of the file, or 0 and a sticky error.
  func byte(at offset: Int64) -> UInt8 {
    withCursor { cursor in
      do throws(MapError) {
        if try cursor.useChecked(at: offset, count: 1) {
          let byte = unsafe cursor.bytes.unsafeLoad(as: UInt8.self)
          try cursor.checkShown()
          return byte
        }
        throw MapError(.fileTruncated, source: source, range: offset..<offset + 1)
      } catch {
        note(error)
        return 0
      }
    }
  }
}

extension WindowCursor {
  /// Uses, for who asks `checkShown` afterwards, the rest of the window at `offset`, or of it no more than `count` bytes, or fewer where the budget or the reserve
  /// has no room for so many.
  @discardableResult
  mutating func useWhatFits(at offset: Int64, atMost count: Int = .max) throws(MapError) -> Bool {
    let grid = state.grid
    let window = grid.bytes(of: grid.window(at: offset), fileSize: fileSize)
    let count = Int(min(Int64(count), max(window.upperBound - offset, 0)))
    do throws(MapError) {
      return try useChecked(at: offset, count: count)
    } catch {
      if error.code != .budgetExhausted { throw error }
      return try useChecked(at: offset, count: min(count, 64 << 10))
    }
  }

  /// Lets go of a lease on several windows: between accesses a buffer keeps one window in each lane, not all that were
  /// looked at together.
  mutating func releaseIfWide() {
    if state.leaseLength > UInt64(state.grid.windowSize) { release() }
  }
}

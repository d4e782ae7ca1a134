public import CMapShims
import MapProtocols
public import Synchronization

/// The part of a cursor that its fast path works on: raw addresses, so that a hit touches no reference count.
///
/// All of it is valid as long as the cursor keeps its core and file. What bounds a hit over many windows is how many of
/// them the processor keeps in flight while each waits for memory (its reorder buffer and store queue), so everything
/// here is chosen for few instructions and few stores: the view's offset follows from its address, whether the fast path
/// is open stands in the pin's own cache line, and a lease of another shape than one whole window closes it by `fastSize`.
@usableFromInline
@safe
struct CursorState {
  @usableFromInline var pin: Pin
  @usableFromInline let windows: WindowTable
  @usableFromInline var log: AccessLog
  let control: ControlBlock

  /// The extent's base: byte `n` of the file lies at `base + n`. Before the first lease an address that is nobody's, and
  /// not `noAddress`, so that a view of no bytes at offset 0 is valid.
  @usableFromInline var base = unsafe UnsafeRawPointer(bitPattern: 2)!
  /// Where reference counts stop.
  @usableFromInline var limit: UInt8 = 0
  /// How far the file consists of whole windows of a power of two; 0 while the fast path is closed because the lease is
  /// not exactly one such window.
  @usableFromInline var fastSize: UInt64 = 0
  /// What of an offset is its window's start, where windows have a power of two.
  @usableFromInline let startMask: UInt64
  /// From a window's start to its entry in the table, in bytes.
  @usableFromInline let entryShift: UInt64
  let grid: WindowGrid
  @usableFromInline var fileSize: Int64

  /// The bytes of the leased windows, cut at the end of the file; the length is 0 without a lease.
  @usableFromInline var leaseStart: UInt64 = 0
  @usableFromInline var leaseLength: UInt64 = 0
  /// What `bytes` shows.
  @usableFromInline var viewAddress = unsafe Self.noAddress
  @usableFromInline var viewCount = 0

  /// The view's address while the cursor is not valid. No byte is ever read there.
  @usableFromInline static var noAddress: UnsafeRawPointer {
    unsafe UnsafeRawPointer(bitPattern: 1)!
  }

  init(core: MapCore, attachment: MapCore.Attachment) {
    unsafe pin = attachment.pin
    unsafe windows = attachment.edition.windows
    unsafe control = core.control
    log = attachment.log
    grid = attachment.edition.grid
    // A window has at least a page, and so more bytes than its entry.
    let shift = UInt64(max(grid.shift, WindowEntry.shift))
    startMask = ~0 << shift
    entryShift = shift - UInt64(WindowEntry.shift)
    fileSize = attachment.size
  }

  mutating func setFileSize(_ size: Int64, mayShowMore: Bool) {
    fileSize = size
    fastSize = 0
    if leaseLength > 0 && leaseStart + leaseLength > UInt64(size) {
      // After truncation the lease and the view end where the file does.
      leaseLength = max(UInt64(size), leaseStart) - leaseStart
      let start = unsafe base.distance(to: viewAddress)
      viewCount = max(min(viewCount, Int(size) - start), 0)
    } else if leaseLength > 0 && mayShowMore {
      // After growth the last leased window may hold more.
      let last = grid.window(at: Int64(leaseStart + leaseLength) - 1)
      let end = grid.bytes(of: last, fileSize: size).upperBound
      leaseLength = max(leaseLength, UInt64(end) - leaseStart)
    }
  }

  /// The windows that the lease covers; while it moves, those of the old one.
  var leasedWindows: Range<Int> {
    // Once the file was found cut short, fewer bytes are left than windows pinned. Only the fast path changes the pin
    // first, and that is open to a lease on one whole window.
    if fastSize == 0 { return unsafe pin.pointee.windows(grid) }
    return Range(grid.windows(of: Int64(leaseStart)..<Int64(leaseStart + leaseLength)))
  }

  /// Gives the lease up. True if the core wants to be told.
  mutating func release() -> Bool {
    fastSize = 0
    leaseLength = 0
    unsafe viewAddress = Self.noAddress
    viewCount = 0
    unsafe pin.pointee.store(0)
    Turn.pass("lease ended")
    // As in the pin protocol, between the store and the load.
    smap_compiler_fence()
    if unsafe control.pointee.load(ordering: .relaxed) & Control.fences != 0 {
      atomicMemoryFence(ordering: .sequentiallyConsistent)
    }
    return unsafe control.pointee.load(ordering: .relaxed) & Control.overshoot != 0
  }

  /// Publishes a lease on any number of windows, which holds once they are found loaded.
  func publishLease(on windows: ClosedRange<Int>) {
    unsafe pin.pointee.publish(start: grid.start(of: windows.lowerBound), count: windows.count)
  }

  /// Publishes a lease on any number of windows; true if all are loaded and the lease holds. Otherwise the lease is
  /// published and the core goes on from there.
  mutating func pinResident(_ windows: ClosedRange<Int>, _ core: MapCore) -> Bool {
    publishLease(on: windows)
    smap_compiler_fence()
    let flags = unsafe control.pointee.load(ordering: .relaxed)
    if flags & Control.fences != 0 {
      // Pairs with the evictor's fence between its marks and its scan.
      atomicMemoryFence(ordering: .sequentiallyConsistent)
    }
    let isOvershot = unsafe control.pointee.load(ordering: .relaxed) & Control.overshoot != 0
    if isOvershot && !core.isForked { return false }
    for window in windows {
      Turn.pass("looks at a word")
      let word = unsafe self.windows.word(window)
      if word.isResident { continue }
      // A forked child unloads nothing, so there a mark means as little as an overshoot.
      if word.state != .candidate || !core.isForked { return false }
    }
    for window in windows {
      let word = unsafe self.windows.word(window)
      if flags & Control.ordered != 0 {
        if log.append(word) { core.drain(log) }
      } else {
        unsafe pin.pointee.countHit()
        unsafe self.windows.mark(window, UInt8(truncatingIfNeeded: flags & Control.limitMask))
      }
    }
    return true
  }

  /// Sets lease and view after the pin was found to hold, and learns what the fast path needs.
  mutating func adoptLease(
    on windows: ClosedRange<Int>, _ edition: Edition, offset: Int64, count: Int
  ) {
    Turn.pass("lease held")
    // Acquire pairs with the release in `callAttention`: either this sees the change behind it, or the flag stays up.
    _ = unsafe pin.pointee.attention.exchange(PinSlot.marks, ordering: .acquiring)
    Turn.pass("attention paid")
    let bits = unsafe control.pointee.load(ordering: .relaxed)
    // What is missing is noted before attention is called for it: the same.
    if bits & Control.closed != 0 || edition.isPoisoned {
      unsafe pin.pointee.attention.store(PinSlot.called, ordering: .relaxed)
    } else if bits & Control.ordered != 0 {
      // Unless the core has called again.
      _ = unsafe pin.pointee.attention.compareExchange(
        expected: PinSlot.marks, desired: PinSlot.logs, ordering: .relaxed)
    }
    Turn.pass("control word read")
    limit = UInt8(truncatingIfNeeded: bits & Control.limitMask)
    // The acquiring load of the words came first, and no place changes under a pin.
    unsafe base = edition.origin(of: windows.lowerBound)
    let start = grid.start(of: windows.lowerBound)
    // The edition may be shorter than the file that this cursor knows.
    let isClamped = !Turn.isPlanted("unwatched end")
    let served = isClamped ? max(min(fileSize, edition.servedEnd), offset + Int64(count)) : fileSize
    let end = grid.bytes(of: windows.upperBound, fileSize: served).upperBound
    // The fast path knows one base alone.
    var isFast =
      grid.shift >= 0 && end - start == grid.windowSize && windows.count == 1
      && !edition.isScattered
    var lease = start..<end
    // Zeros that are known to stand for something else are not shown.
    if edition.isPoisoned {
      isFast = false
      lease = edition.poison.known(lease, around: offset..<offset + Int64(count))
    }
    leaseStart = UInt64(lease.lowerBound)
    leaseLength = UInt64(lease.count)
    fastSize = isFast ? UInt64(served) & startMask : 0
    unsafe viewAddress = base + Int(truncatingIfNeeded: offset)
    viewCount = count
  }
}

extension CursorState {
  /// Shows bytes of a private copy, under which nothing is pinned.
  mutating func show(_ copy: HeldCopy, offset: Int64, count: Int) {
    unsafe pin.pointee.store(0)
    Turn.pass("lease ended")
    fastSize = 0
    leaseStart = UInt64(copy.range.lowerBound)
    // The copy may have been read from a file that has grown since this cursor looked.
    leaseLength = UInt64(min(copy.range.upperBound, fileSize) - copy.range.lowerBound)
    // Where the file's first byte would lie; only bytes of the copy are ever read there.
    let start = unsafe UInt(bitPattern: copy.chunk.start) &- UInt(copy.range.lowerBound)
    unsafe base = UnsafeRawPointer(bitPattern: start) ?? Self.noAddress
    unsafe viewAddress = UnsafeRawPointer(copy.chunk.start) + Int(offset - copy.range.lowerBound)
    viewCount = count
  }

  /// Shows bytes inside the lease; false if they are not.
  @inlinable
  @inline(__always)
  mutating func showLeased(_ offset: UInt64, _ count: Int) -> Bool {
    let inside = offset &- leaseStart
    // The hints keep the compiler from computing both comparisons before it branches, and let a hit run straight on: each
    // jump taken would cost a quarter of it.
    if _slowPath(inside >= leaseLength) { return false }
    if _slowPath(UInt64(bitPattern: Int64(count)) > leaseLength &- inside) { return false }
    unsafe viewAddress = base + Int(truncatingIfNeeded: offset)
    viewCount = count
    return true
  }

  /// The fast path: from one whole window to another one that is loaded. False if the slow path has to go on from there.
  @inlinable
  @inline(__always)
  mutating func moveWithinOneWindow(_ offset: UInt64, _ count: Int) -> Bool {
    if offset >= fastSize || count <= 0 { return false }
    let last = offset &+ UInt64(bitPattern: Int64(count)) &- 1
    if (last ^ offset) & startMask != 0 { return false }
    let start = offset & startMask

    // The pin protocol; see `PinSlot`.
    unsafe pin.pointee.store(start &+ 1)
    #if Schedule
      passTurn("lease published")
    #endif
    let place =
      unsafe UnsafeMutableRawPointer(windows) + Int(truncatingIfNeeded: start &>> entryShift)
    let entry = unsafe smap_compiler_fence_before(place).assumingMemoryBound(to: WindowEntry.self)
    let word = WindowWord(bits: unsafe entry.pointee.word.load(ordering: .acquiring))
    if !word.isResident { return false }
    #if Schedule
      passTurn("word read")
    #endif
    // After the word: whoever sees a window of a new extent also sees that the base has changed.
    let attention = unsafe pin.pointee.attention.load(ordering: .relaxed)
    if attention != PinSlot.marks {
      if attention != PinSlot.logs || !log.appendWithinTurn(word) { return false }
    } else {
      unsafe pin.pointee.countHit()
      unsafe entry.mark(0, limit)
    }
    leaseStart = start
    unsafe viewAddress = base + Int(truncatingIfNeeded: offset)
    viewCount = count
    return true
  }
}

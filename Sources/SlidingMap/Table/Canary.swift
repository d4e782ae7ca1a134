#if SLIDING_MAP_CANARY
  public import Synchronization
#endif

/// A plain byte for each window that says whether it is loaded, for the thread sanitizer: it can't see bytes that come and go
/// by system calls, but loader and evictor write this one and `WindowCursor.bytes` reads it, with nothing but the pin protocol
/// to order them. In builds with `-DSLIDING_MAP_CANARY`; in others nothing happens.
@usableFromInline
@safe
struct Canary {
  private let windows: WindowTable
  private let window: Int

  init(_ windows: WindowTable, _ window: Int) {
    unsafe self.windows = windows
    self.window = window
  }

  #if SLIDING_MAP_CANARY
    /// Plants a fault that the sanitizer must report: leases are stored with relaxed order. Set before any thread starts.
    @usableFromInline static let storesLeasesRelaxed = Atomic(false)

    /// The last of an entry's eight bytes, which is to spare.
    private var place: UnsafeMutablePointer<UInt8> {
      unsafe UnsafeMutableRawPointer(windows + window).assumingMemoryBound(to: UInt8.self)
        .advanced(by: 7)
    }
  #endif

  func set(isLoaded: Bool) {
    #if SLIDING_MAP_CANARY
      unsafe place.pointee = isLoaded ? 1 : 0
    #endif
  }

  func check() {
    #if SLIDING_MAP_CANARY
      unsafe precondition(place.pointee == 1, "a pinned window was unloaded")
    #endif
  }
}

#if SLIDING_MAP_CANARY
  extension CursorState {
    /// Looks at the canaries of all windows of the lease.
    @usableFromInline
    func checkCanaries() {
      // A private copy has no windows.
      if unsafe leaseLength == 0 || pin.pointee.lease.load(ordering: .relaxed) == 0 { return }
      let lease = Int64(leaseStart)..<Int64(leaseStart + leaseLength)
      for window in grid.windows(of: lease) { unsafe Canary(windows, window).check() }
    }
  }
#endif

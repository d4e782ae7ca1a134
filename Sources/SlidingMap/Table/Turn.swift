import CMapShims
import MapProtocols

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Where the core meets time, other threads and the system's barrier. In builds with the trait `Schedule` a scheduler decides
/// there who goes on, what time it is, and what the system says; in others these are the things themselves.
enum Turn {
  /// A place between two accesses to memory that several threads look at.
  @inline(__always)
  static func pass(_ place: StaticString) {
    #if Schedule
      Schedule.pass(place)
    #endif
  }

  /// Whether a mistake is to be made on purpose, for a schedule to find.
  @inline(__always)
  static func isPlanted(_ fault: StaticString) -> Bool {
    #if Schedule
      Schedule.current?.isPlanted(fault) ?? false
    #else
      false
    #endif
  }

  static var now: ContinuousClock.Instant {
    #if Schedule
      if let turns = Schedule.current { return turns.now }
    #endif
    return .now
  }

  /// A small number of the calling thread's.
  static var threadOrdinal: UInt32 {
    #if Schedule
      if let turns = Schedule.current { return turns.ordinal }
    #endif
    return smap_thread_ordinal()
  }

  /// membarrier(2). False if the system refuses it.
  static func barrier() -> Bool {
    #if Schedule
      if let turns = Schedule.current { return turns.barrier() }
    #endif
    return smap_membarrier()
  }

  /// Waits until what other threads have stored before shows: 10 ms, some thousand times what a processor takes to drain its stores.
  static func grace() {
    #if Schedule
      if Schedule.current != nil { return pass("grace") }
    #endif
    let end = ContinuousClock.now + .milliseconds(10)
    // A signal ends a sleep, and a sandbox may forbid it.
    while ContinuousClock.now < end { usleep(1_000) }
  }

  /// Calls a body that empties regions of maps. Those that are named may come to be used meanwhile: their bytes come back by being
  /// touched.
  @inline(__always)
  static func allowUse(of regions: [ExtentRange], during body: () -> Void) {
    #if Schedule
      if let turns = Schedule.current { return turns.allowUse(of: regions, during: body) }
    #endif
    body()
  }

  /// Lets a task go on.
  static func resume(_ task: CheckedContinuation<Void, Never>) {
    #if Schedule
      Schedule.current?.waitToResume()
    #endif
    task.resume()
  }

  #if Schedule
    /// What memory holds that was given back.
    static let emptied: UInt8 = 0xDD
  #endif
}

#if Schedule
  /// For the fast path, which is compiled into the caller.
  @usableFromInline
  func passTurn(_ place: StaticString) { Schedule.pass(place) }
#endif

#if Schedule
  #if canImport(Darwin)
    internal import Darwin
  #else
    internal import Glibc
  #endif

  /// Decides which of a schedule's threads goes on, one at a time; see MapTesting's `Scheduler`.
  ///
  /// Called on the thread that has the turn.
  package protocol TurnKeeper: AnyObject {
    /// A place where another thread may get the turn.
    func pass(_ place: StaticString)
    /// Lets others have the turn until a condition holds; it is asked on any of the schedule's threads.
    func wait(_ place: StaticString, until isReady: @escaping () -> Bool)
    /// Ends the schedule: something is wrong.
    func fail(_ message: String) -> Never
    /// membarrier(2). False if it is refused.
    func barrier() -> Bool
    /// The number of the thread that has the turn.
    var thread: Int { get }
    /// The number that the thread says it has; two may say the same.
    var ordinal: UInt32 { get }
    var now: ContinuousClock.Instant { get }
    /// Whether a mistake is to be made on purpose, for a test that looks whether it is found.
    func isPlanted(_ fault: StaticString) -> Bool
    /// Waits until tasks may be resumed.
    func waitToResume()
    /// Tells of a lock that the thread which has the turn has taken, or given up.
    func noteLock(_ isHeld: Bool)
    /// Calls a body that empties regions of maps, among them some that a reader may come to use meanwhile.
    func allowUse(of regions: [ExtentRange], during body: () -> Void)
    /// Counts what must be gone when the schedule is over.
    func count(_ what: String, _ change: Int)
  }

  /// The way from a thread to who decides about it.
  package enum Schedule {
    private static let key: pthread_key_t = {
      var key = pthread_key_t()
      unsafe pthread_key_create(&key, nil)
      return key
    }()

    /// Nil on a thread that no schedule has to do with.
    package static var current: (any TurnKeeper)? {
      guard let pointer = unsafe pthread_getspecific(key) else { return nil }
      return unsafe Unmanaged<Place>.fromOpaque(pointer).takeUnretainedValue().keeper
    }

    private final class Place {
      unowned let keeper: any TurnKeeper
      init(_ keeper: any TurnKeeper) { self.keeper = keeper }
    }

    /// Makes the calling thread one of a schedule's for the time of a call.
    package static func join(_ keeper: any TurnKeeper, _ body: () -> Void) {
      let place = Place(keeper)
      unsafe pthread_setspecific(key, Unmanaged.passUnretained(place).toOpaque())
      withExtendedLifetime(place) { body() }
      pthread_setspecific(key, nil)
    }

    /// A place where another thread may get the turn.
    package static func pass(_ place: StaticString) { current?.pass(place) }
  }
#endif

internal import CURing
internal import MapProtocols
internal import SystemPackage

/// A ring of io_uring(7), and the direct descriptors in its table.
@safe
final class Ring: @unchecked Sendable {
  struct Options: OptionSet, Sendable {
    let rawValue: Int
    static let cooperativeTaskRun = Options(rawValue: SMAP_RING_COOP_TASKRUN)
    static let singleIssuer = Options(rawValue: SMAP_RING_SINGLE_ISSUER)
    static let deferredTaskRun = Options(rawValue: SMAP_RING_DEFER_TASKRUN)
    static let submitsAll = Options(rawValue: SMAP_RING_SUBMIT_ALL)
    static let disabled = Options(rawValue: SMAP_RING_DISABLED)
  }

  typealias Request = smap_ring_request

  private let ring: OpaquePointer

  init(entries: Int, options: Options) throws(Errno) {
    var made: OpaquePointer?
    let failure = unsafe smap_ring_create(
      &made, CUnsignedInt(entries), CUnsignedInt(options.rawValue))
    guard failure == 0, let made = unsafe made else { throw Errno(rawValue: failure) }
    unsafe ring = made
  }

  deinit {
    shut()
    unsafe smap_ring_destroy(ring)
  }

  /// How many requests may be given to the kernel at once.
  var entries: Int { Int(unsafe smap_ring_entries(ring)) }

  /// Waits for calls of `run` to end, lets go of the table's files and closes the ring. Idempotent.
  func shut() { unsafe smap_ring_shut(ring) }

  // MARK: For any number of threads

  /// Carries out requests and returns when all have ended, each with its `result`.
  ///
  /// - Throws: `.shutdown`, `.forked`, and `.readFailed` where the kernel refuses the ring.
  @unsafe
  func run(_ requests: UnsafeMutableBufferPointer<Request>) throws(MapError) {
    guard let first = requests.baseAddress, !requests.isEmpty else { return }
    try Self.check(unsafe smap_ring_run(ring, first, requests.count))
  }

  /// Carries out one request and gives its result.
  @unsafe
  func run(_ request: Request) throws(MapError) -> Int32 {
    var request = unsafe request
    try Self.check(unsafe smap_ring_run(ring, &request, 1))
    return unsafe request.result
  }

  private static func check(_ outcome: CInt) throws(MapError) {
    switch Int(outcome) {
    case 0: return
    case SMAP_RING_SHUT: throw MapError(.shutdown)
    case SMAP_RING_FORKED: throw MapError(.forked)
    default: throw MapError(.readFailed, errno: Errno(rawValue: -outcome))
    }
  }

  // MARK: Direct descriptors

  /// Makes the table, and finds out whether descriptors can be put into it.
  func makeTable(slots: Int) throws(Errno) {
    let failure = unsafe smap_ring_make_table(ring, CUnsignedInt(slots))
    if failure != 0 { throw Errno(rawValue: failure) }
  }

  /// A slot for a file; nil if none is free.
  func takeSlot() -> Int32? {
    let slot = unsafe smap_ring_take_slot(ring)
    return slot < 0 ? nil : slot
  }

  /// Gives back a slot that no file is in.
  func putSlot(_ slot: Int32) { unsafe smap_ring_put_slot(ring, slot) }

  /// Closes the file in a slot and gives the slot back.
  func closeSlot(_ slot: Int32) { unsafe smap_ring_close_slot(ring, slot) }

  /// A descriptor that only keeps its number from others: a duplicate of the ring's own.
  func holdPlace() throws(Errno) -> FileDescriptor {
    let result = unsafe smap_ring_hold_place(ring)
    if result < 0 { throw Errno(rawValue: -result) }
    return FileDescriptor(rawValue: result)
  }

  // MARK: For one thread

  /// Makes the calling thread the one that submits.
  func enable() throws(Errno) {
    let failure = unsafe smap_ring_enable(ring)
    if failure != 0 { throw Errno(rawValue: failure) }
  }

  /// Adds a read, which the next `enter` starts; false if there is no room.
  @unsafe
  func push(_ request: Request, tag: UInt64) -> Bool {
    var request = unsafe request
    return unsafe smap_ring_push(ring, &request, tag)
  }

  /// Starts what was pushed and waits for at least so many ends.
  func enter(least: Int) throws(Errno) {
    let failure = unsafe smap_ring_enter(ring, CUnsignedInt(least))
    if failure != 0 { throw Errno(rawValue: failure) }
  }

  /// Takes up to `count` ended requests: their tags and results.
  func reap(atMost count: Int, _ body: (_ tag: UInt64, _ result: Int32) -> Void) {
    unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: count) { tags in
      unsafe withUnsafeTemporaryAllocation(of: Int32.self, capacity: count) { results in
        let ended = unsafe smap_ring_reap(
          ring, tags.baseAddress, results.baseAddress, CUnsignedInt(count))
        for index in 0..<Int(ended) { unsafe body(tags[index], results[index]) }
      }
    }
  }
}

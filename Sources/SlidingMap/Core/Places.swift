import MapProtocols
import Synchronization

/// Where files lie: a handle for each file and an extent for each edition, both in order of use; and what the system refused lately.
///
/// What a system call under way forbids stands in the state of an edition's extent, and each change of state is one function, which
/// checks what must hold: no edition is larger than its extent, and a handle belongs to one file.
struct Places: ~Copyable {
  private var editions = UseOrder<Edition>()
  private var files = UseOrder<TrackedFile>()
  private var refusal: Refusal?
  private var shortOfHandlesUntil: ContinuousClock.Instant?
  private var shortOfAddressesUntil: ContinuousClock.Instant?
  private var gatheredUntil: ContinuousClock.Instant?
  private var spansRefusedUntil: ContinuousClock.Instant?
  private var mayHaveEmpty = false

  init() {}

  // MARK: Editions, in order of use

  /// What an edition's record keeps of its extent.
  struct ExtentRecord {
    /// Whose the extent is, or will be.
    fileprivate var backend: Backend
    fileprivate var state = State.absent
    fileprivate var users = 0

    init(_ backend: Backend) { self.backend = backend }

    fileprivate enum State {
      /// There is none.
      case absent
      /// A thread is about to have one made, to give it up, or to put another in its place: no window is claimed.
      case changing(Extent?)
      /// A thread is having one made of so many bytes: nor does the file outgrow that.
      case making(byteCount: Int)
      /// There is one.
      case present(Extent)
      /// There are no addresses for one: each window has a span of its own.
      case spans
    }

    var owner: Backend { backend }

    var extent: Extent? {
      switch state {
      case .present(let extent): extent
      case .changing(let extent): extent
      case .absent, .making, .spans: nil
      }
    }

    /// Whether windows have addresses of their own, one by one.
    var isInSpans: Bool { if case .spans = state { true } else { false } }

    /// Whether a thread is making, replacing or dropping it, outside the lock.
    var isChanging: Bool {
      switch state {
      case .changing, .making: true
      case .absent, .present, .spans: false
      }
    }

    /// Whether calls to the backend are under way for which it must stay.
    var isInUse: Bool { users > 0 }

    /// How many bytes it has, or will have; nil where that is still open.
    var byteCount: Int? {
      if case .making(let byteCount) = state { return byteCount }
      return extent?.byteCount
    }
  }

  /// How many editions there are.
  var editionCount: Int { editions.count }

  /// The one that was used least recently.
  var firstEdition: Edition? { editions.first }

  mutating func enter(_ edition: Edition) { editions.append(edition) }
  mutating func remove(_ edition: Edition) { editions.remove(edition) }

  /// Makes an edition the most recently used.
  mutating func touch(_ edition: Edition) { editions.touch(edition) }

  /// Asks for what `touch` looks at.
  func prefetch(for edition: Edition) { editions.prefetchNeighbours(of: edition) }

  /// Calls `body` with each edition, the least recently used first.
  func forEachEdition(_ body: (Edition) -> Void) { editions.forEach(body) }

  // MARK: Extents

  /// From absent or present, or from spans that no window has, to changing, so that nobody else changes it meanwhile.
  func beginChange(of edition: Edition) {
    switch edition.place.state {
    case .spans where edition.regions > 0: preconditionFailure("windows have spans")
    case .absent, .spans: edition.place.state = .changing(nil)
    case .present(let extent): edition.place.state = .changing(extent)
    case .changing, .making: preconditionFailure("two threads change one extent")
    }
  }

  /// From changing back to what it was.
  func endChange(of edition: Edition) {
    switch edition.place.state {
    case .changing(.some(let extent)): edition.place.state = .present(extent)
    case .changing(nil), .making: edition.place.state = .absent
    case .absent, .present, .spans: break
    }
  }

  /// From absent to spans, which a backend will give. Regions of an extent that it had may still be leaving.
  func spread(_ edition: Edition, of backend: Backend) {
    guard case .absent = edition.place.state else {
      preconditionFailure("has a place, or is getting one")
    }
    edition.place.backend = backend
    edition.noteJoining()
    edition.place.state = .spans
  }

  /// From changing to making: a backend is asked for an extent.
  func ask(_ backend: Backend, for byteCount: Int, of edition: Edition) {
    guard case .changing(nil) = edition.place.state else { preconditionFailure("has an extent") }
    edition.place.backend = backend
    edition.noteJoining()
    if !Turn.isPlanted("outgrown extent") { edition.place.state = .making(byteCount: byteCount) }
  }

  /// From making back to changing: it is to be asked for anew.
  func refuse(_ edition: Edition) { edition.place.state = .changing(nil) }

  /// From making to present.
  func have(_ extent: Extent, of edition: Edition) {
    precondition(
      edition.size <= extent.byteCount || Turn.isPlanted("outgrown extent"),
      "an edition is larger than its extent")
    edition.place.state = .present(extent)
    // Published by the release of the first word that will say resident.
    unsafe edition.base.store(UInt(bitPattern: extent.base), ordering: .relaxed)
  }

  /// From changing to present, at the same addresses but another backend's; or to absent.
  func replace(by extent: Extent?, of backend: Backend, _ edition: Edition) {
    guard case .changing = edition.place.state else { preconditionFailure("nobody changes it") }
    edition.place.backend = backend
    edition.noteJoining()
    edition.place.state = extent.map { .present($0) } ?? .absent
  }

  /// From present, or changing, to absent.
  ///
  /// - Returns: what is to be given back.
  func drop(_ edition: Edition) -> (extent: Extent, owner: Backend)? {
    guard let extent = edition.place.extent else { return nil }
    edition.place.state = .absent
    edition.base.store(0, ordering: .relaxed)
    edition.pins.callAttention()
    return (extent, edition.place.backend)
  }

  /// Whether there may be extents without windows that nobody uses.
  var mayHaveEmptyExtents: Bool { mayHaveEmpty }
  /// Notes that an extent's last window has left.
  mutating func noteEmptyExtent() { mayHaveEmpty = true }
  /// Notes that none was found.
  mutating func noteNoEmptyExtents() { mayHaveEmpty = false }

  /// Begins a call for which an extent must stay.
  func beginExtentUse(of edition: Edition) { edition.place.users += 1 }
  func endExtentUse(of edition: Edition) {
    edition.place.users -= 1
    precondition(edition.place.users >= 0, "an extent is let go twice")
  }

  // MARK: Handles

  /// What a file's record keeps of its handle.
  struct HandleRecord {
    fileprivate var open: Handle?
    /// Whose the handle is, or was.
    fileprivate var backend: Backend
    fileprivate var users = 0

    init(_ handle: Handle, _ backend: Backend) {
      open = handle
      self.backend = backend
    }

    var handle: Handle? { open }
    var owner: Backend { backend }
    /// Whether calls to the backend are under way for which it must stay.
    var isInUse: Bool { users > 0 }
  }

  /// How many files have one.
  var handleCount: Int { files.count }

  /// Enters a file that came with a handle.
  mutating func enter(_ file: TrackedFile) { files.append(file) }

  /// Makes an open handle a file's own; an edition that has neither extent nor windows goes over to its backend.
  mutating func take(_ handle: Handle, of backend: Backend, _ file: TrackedFile) {
    precondition(file.place.open == nil, "a file has two handles")
    file.place.open = handle
    file.place.backend = backend
    if let current = file.current, current.extent == nil, current.regions == 0 {
      current.place.backend = backend
      current.noteJoining()
    }
    files.append(file)
  }

  /// Takes a file's handle away.
  mutating func giveUpHandle(of file: TrackedFile) -> (handle: Handle, owner: Backend)? {
    guard let handle = file.place.open else { return nil }
    file.place.open = nil
    files.remove(file)
    return (handle, file.place.backend)
  }

  /// Makes a file's handle the most recently used, as bytes are about to be read through it. Hits don't come here: they need no
  /// handle.
  mutating func touchHandle(of file: TrackedFile) {
    if file.place.open != nil { files.touch(file) }
  }

  /// Begins a call for which a file's handle must stay.
  func beginHandleUse(of file: TrackedFile) { file.place.users += 1 }
  func endHandleUse(of file: TrackedFile) {
    file.place.users -= 1
    precondition(file.place.users >= 0, "a handle is let go twice")
  }

  /// Whether the place of a file with a handle is being changed, which ends soon; its handle can perhaps be closed then.
  var areHandlesMoving: Bool {
    var isAny = false
    files.forEach { isAny = isAny || $0.isChangingPlace }
    return isAny
  }

  /// Takes the handles of up to `count` files away, of those that `isWanted` names, the least recently used first.
  mutating func giveUpHandles(
    _ count: Int, where isWanted: (TrackedFile) -> Bool
  ) -> [(handle: Handle, owner: Backend)] {
    var handles: [(handle: Handle, owner: Backend)] = []
    var next = files.first
    while let file = next, handles.count < count {
      next = files.next(after: file)
      if isWanted(file), let given = giveUpHandle(of: file) { handles.append(given) }
    }
    return handles
  }

  /// Calls `body` with each file that has a handle, the least recently used first.
  func forEachHandle(_ body: (TrackedFile) -> Void) { files.forEach(body) }

  // MARK: Refusals

  /// What the system refused lately.
  private struct Refusal {
    let maps: Int
    let addresses: Int
    let end: ContinuousClock.Instant
  }

  /// A few threads' worth.
  private static let spareMaps = 16
  private static let spareAddresses = 32 << 20

  /// For how long a refused descriptor is not asked for again where there is another way.
  private static let shortage = Duration.milliseconds(1)

  /// After the system refused a map of `byteCount` bytes, asks for nothing of the kind for a while unless there is no other way, and holds
  /// less, so that the program around finds maps and addresses for itself. Which of the two ran out the system does not say; a file
  /// larger than all that is held may simply be too large.
  mutating func stepBack(from byteCount: Int, holding usage: BudgetUsage) {
    if byteCount > usage.addresses {
      refusal = Refusal(
        maps: .max, addresses: byteCount - 1 &+ usage.addresses, end: Turn.now + .milliseconds(100))
    } else {
      // A whole file that just fits takes the addresses of many spans.
      shortOfAddressesUntil = Turn.now + Self.shortageOfAddresses
      refusal = Refusal(
        maps: max(usage.maps - max(usage.maps / 8, Self.spareMaps), 1),
        addresses: max(usage.addresses - max(usage.addresses / 8, Self.spareAddresses), 1),
        end: Turn.now + .seconds(1))
    }
  }

  /// Whether so much more would be past what a refusal left.
  func refuses(maps: Int, addresses: Int, holding usage: BudgetUsage) -> Bool {
    guard let refusal, refusal.end >= Turn.now else { return false }
    return usage.maps + maps > refusal.maps || usage.addresses > refusal.addresses - addresses
  }

  /// A budget's limits, and less after a refusal.
  mutating func limits(_ budget: BudgetLimits) -> BudgetLimits {
    guard let refusal else { return budget }
    if refusal.end < Turn.now {
      self.refusal = nil
      return budget
    }
    var limits = budget
    limits.maps = min(limits.maps, refusal.maps)
    limits.addresses = min(limits.addresses, refusal.addresses)
    return limits
  }

  /// Whether an edition's spans may be emptied so that it gets an extent: not too often, as its windows are loaded anew.
  ///
  /// - Parameter isKnown: whether a budget says that there are addresses; else the system is asked, which may refuse.
  mutating func mayGather(isKnown: Bool) -> Bool {
    if let end = gatheredUntil, Turn.now < end { return false }
    if !isKnown && isShortOfAddresses() { return false }
    gatheredUntil = Turn.now + (isKnown ? .seconds(1) : Self.shortageOfAddresses)
    return true
  }

  /// Notes that a budget allows much more, so that what was refused is to be had, and files in spans may have extents.
  mutating func noteRelief() {
    refusal = nil
    shortOfAddressesUntil = nil
    gatheredUntil = nil
    spansRefusedUntil = nil
  }

  /// Notes that the system had no addresses for a span.
  mutating func noteRefusedSpan() { spansRefusedUntil = Turn.now + Self.shortageOfAddresses }

  /// Whether that was lately.
  mutating func areSpansRefused() -> Bool {
    guard let end = spansRefusedUntil else { return false }
    if Turn.now < end { return true }
    spansRefusedUntil = nil
    return false
  }

  private static let shortageOfAddresses = Duration.seconds(10)

  /// Whether the system refused addresses so lately that whoever can do with spans does.
  mutating func isShortOfAddresses() -> Bool {
    guard let end = shortOfAddressesUntil else { return false }
    if Turn.now < end { return true }
    shortOfAddressesUntil = nil
    return false
  }

  /// Notes that the system had no descriptor for the first backend.
  mutating func noteShortageOfHandles() { shortOfHandlesUntil = Turn.now + Self.shortage }

  /// Whether that was just now.
  mutating func isShortOfHandles() -> Bool {
    guard let end = shortOfHandlesUntil else { return false }
    if Turn.now < end { return true }
    shortOfHandlesUntil = nil
    return false
  }
}

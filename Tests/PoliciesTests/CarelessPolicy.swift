import MapProtocols

/// FIFO as in the description of `EvictionPolicy`, but for one fault.
struct CarelessPolicy: EvictionPolicy {
  enum Fault: CaseIterable, Sendable {
    case namesWhatLeft, forgetsWhatItHolds, repeatsItself, changesItsMind, sticksToThePinned
    case announcesWhatLeft, isShared
  }

  /// What copies have in common; only `isShared` has it.
  private final class Shared: @unchecked Sendable {
    var queue: [RegionSlot] = []
  }

  let fault: Fault
  private var own: [RegionSlot] = []
  private let shared = Shared()
  private var left: RegionSlot?
  private var asked = 0

  init(_ fault: Fault) { self.fault = fault }

  private var queue: [RegionSlot] {
    get { fault == .isShared ? shared.queue : own }
    set { if fault == .isShared { shared.queue = newValue } else { own = newValue } }
  }

  var name: String { "careless" }
  var hits: HitReporting { .none }

  mutating func insert(_ slot: RegionSlot, _ region: RegionInfo) {
    queue.append(slot)
    if left == slot { left = nil }
  }
  mutating func victim(_ references: ReferenceTable) -> RegionSlot? {
    asked += 1
    switch fault {
    case .namesWhatLeft: return left ?? queue.first
    case .changesItsMind: return asked % 2 == 0 ? queue.first : queue.last
    default: return queue.first
    }
  }
  mutating func pinned(_ slot: RegionSlot) {
    if fault == .sticksToThePinned { return }
    queue.removeAll { $0 == slot }
    queue.append(slot)
  }
  mutating func remove(_ slot: RegionSlot, evicted: Bool) {
    queue.removeAll { $0 == slot }
    left = slot
  }
  func upcoming(
    _ count: Int, _ references: ReferenceTable, into slots: inout [RegionSlot]
  ) {
    if fault == .announcesWhatLeft, let left { slots.append(left) }
  }
  func evictionOrder() -> [RegionSlot] {
    switch fault {
    case .forgetsWhatItHolds: Array(queue.dropFirst())
    case .repeatsItself: queue + queue.prefix(1)
    default: queue
    }
  }
}

public import MapProtocols
internal import Synchronization

/// Follows what the system allows and leaves the host program room: the default.
///
/// - Bytes: of maps half of the machine's memory, or of the control group's limit where that is less: it is the page cache's, and
///   the system takes back what is not used. Of a backend that copies a quarter: that stays until the manager gives it up, and
///   the program, its neighbours and the page cache want the rest. It goes by the backend that the user chose: what a takeover
///   copies of files that can't be mapped counts among the half.
///   At least 64 MiB, below which windows of a megabyte are unloaded faster than they pay, but not more than half of a
///   memory so small.
///   No more than half of what RLIMIT_DATA leaves, which counts the memory that copies lie in.
/// - Addresses: half of those RLIMIT_AS still leaves, and no more bytes than that: the other half is for the program's own
///   allocations and threads, which fail when they run out. Files beyond are read another way or not at all.
/// - Handles: half of the descriptors still to be had, so that the program can open as many as we hold. At most 1,024,
///   because a closed file is opened again in microseconds and more would be kept for nothing; at least 4, because the
///   usual soft limit of 1,024 can be nearly used up and reading has to go on.
/// - Maps: half of the kernel maps still to be had; malloc and thread stacks need maps too and don't take a refusal well.
///   At least 4.
/// - Regions: no limit; bytes bound them.
///
/// Soft: rather than fail, maps overshoot while everything is pinned.
public struct AutomaticBudget: Budget {
  /// The least bytes, save in a memory so small that they would be more than half of it.
  static let leastBytes = 64 << 20
  /// The least handles and maps.
  static let leastCount = 4
  /// The most handles.
  static let mostHandles = 1024

  private let read: @Sendable () -> SystemLimits
  private let memo: Memo

  /// A budget that goes by what `read` tells.
  ///
  /// - Parameters:
  ///   - interval: how long an answer holds; nil for a hundred times what it took to get, and at most a second. Counting
  ///     the maps of a process takes some 400 ns for each, and a manager asks often. The answer is kept, not what `read`
  ///     told: what the process uses and what the manager holds of it must be of the same moment. In a budget shared by
  ///     managers the answer for one serves the others of its kind, those that map or those that copy.
  ///   - read: gives the limits and the use of this moment.
  public init(
    refreshingEvery interval: Duration? = nil, read: @escaping @Sendable () -> SystemLimits
  ) {
    self.read = read
    memo = Memo(interval: interval)
  }

  /// The limits for now. O(1), and what `read` takes where the last answer has become too old.
  public func limits(holding usage: BudgetUsage) -> BudgetLimits {
    let now = ContinuousClock.now
    if let limits = memo.limits(isCopied: usage.isCopied, at: now) { return limits }
    let limits = Self.limits(of: read(), holding: usage)
    memo.keep(limits, isCopied: usage.isCopied, askedAt: now)
    return limits
  }

  /// What a manager that holds `usage` may hold on such a system. O(1).
  public static func limits(of system: SystemLimits, holding usage: BudgetUsage) -> BudgetLimits {
    let handles = room(system.openFiles, system.openFilesInUse, ours: usage.handles)
    let maps = room(system.maxMapCount, system.mapsInUse, ours: usage.maps)
    let addresses = addresses(of: system, holding: usage)
    return BudgetLimits(
      bytes: min(
        bytes(of: system, isCopied: usage.isCopied), addresses, data(of: system, holding: usage)),
      maps: maps == .max ? .max : max(maps / 2, leastCount), addresses: addresses,
      handles: min(max(handles / 2, leastCount), mostHandles))
  }

  private static func bytes(of system: SystemLimits, isCopied: Bool) -> Int {
    let memory = min(system.memory, system.cgroupMemory ?? .max)
    if memory == .max { return .max }
    let most = memory / 2
    return wholePages(isCopied ? max(memory / 4, min(leastBytes, most)) : most, system)
  }

  private static func addresses(of system: SystemLimits, holding usage: BudgetUsage) -> Int {
    let room = room(system.addressSpace, system.addressSpaceInUse, ours: usage.addresses)
    return room == .max ? .max : wholePages(room / 2, system)
  }

  /// Of what is held only copies are in use there; which bytes are, nobody tells here, and half of the limit holds in any case.
  private static func data(of system: SystemLimits, holding usage: BudgetUsage) -> Int {
    let room = room(system.data, system.dataInUse, ours: usage.bytes)
    return room == .max ? .max : wholePages(room / 2, system)
  }

  private static func wholePages(_ bytes: Int, _ system: SystemLimits) -> Int {
    max(bytes - bytes % system.pageSize, system.pageSize)
  }

  /// What there would be for us and the program together if we held nothing: the limit less what others use.
  ///
  /// `ours` is part of `used`; without it, the limit would sink as we fill it.
  private static func room(_ limit: Int, _ used: Int, ours: Int) -> Int {
    limit == .max ? .max : max(limit - max(used - ours, 0), 0)
  }
}

extension AutomaticBudget {
  /// The last answers, and until when they hold.
  private final class Memo: Sendable {
    private let interval: Duration?
    private let last = Mutex<[Bool: (limits: BudgetLimits, end: ContinuousClock.Instant)]>([:])

    init(interval: Duration?) { self.interval = interval }

    func limits(isCopied: Bool, at now: ContinuousClock.Instant) -> BudgetLimits? {
      last.withLock { last in
        guard let last = last[isCopied], now < last.end else { return nil }
        return last.limits
      }
    }

    func keep(_ limits: BudgetLimits, isCopied: Bool, askedAt start: ContinuousClock.Instant) {
      let now = ContinuousClock.now
      let end = now + (interval ?? min((now - start) * 100, .seconds(1)))
      last.withLock { $0[isCopied] = (limits, end) }
    }
  }
}

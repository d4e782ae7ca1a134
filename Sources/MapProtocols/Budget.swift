/// How much a manager may hold: bytes, regions, kernel maps, addresses and handles, each on its own.
///
/// `Int.max` means no limit. A limit is never 0: a manager that may hold nothing can't read.
public struct BudgetLimits: Hashable, Sendable {
  /// Bytes of loaded windows, each rounded up to whole pages.
  public var bytes: Int
  /// Loaded windows.
  public var regions: Int
  /// Kernel maps (VMAs): one for each mapped file, or for each window of one that lies in spans.
  public var maps: Int
  /// Bytes of addresses reserved for files: each file's size and its room for growth, loaded or not. A file that does not fit lies in
  /// spans, of which each loaded window has its own.
  public var addresses: Int
  /// Open descriptors.
  public var handles: Int
  /// Whether a request that does not fit beside pinned windows fails (`MapError.budgetExhausted`). Otherwise file maps
  /// may overshoot while everything is pinned, and the excess is unloaded at the first release. This is about bytes and
  /// regions. Of copies they are always hard, and so are handles; maps and addresses are soft where nothing takes over.
  public var isHard: Bool

  /// Limits of which each is at least 1.
  ///
  /// - Precondition: every limit is positive.
  public init(
    bytes: Int = .max, regions: Int = .max, maps: Int = .max, addresses: Int = .max,
    handles: Int = .max, isHard: Bool = false
  ) {
    precondition(
      bytes > 0 && regions > 0 && maps > 0 && addresses > 0 && handles > 0,
      "a budget's limits must be positive")
    self.bytes = bytes
    self.regions = regions
    self.maps = maps
    self.addresses = addresses
    self.handles = handles
    self.isHard = isHard
  }
}

/// What a manager holds at one moment, in the units of `BudgetLimits`.
public struct BudgetUsage: Hashable, Sendable {
  /// Bytes of loaded windows, each rounded up to whole pages.
  public var bytes = 0
  /// Loaded windows.
  public var regions = 0
  /// Kernel maps.
  public var maps = 0
  /// Bytes of addresses reserved for files.
  public var addresses = 0
  /// Open descriptors.
  public var handles = 0
  /// Whether the bytes are copies in the program's own memory, as those of a backend that reads. What is mapped is the page cache's, which
  /// the system takes back when it runs short.
  public var isCopied = false

  /// Holds nothing.
  public init() {}
}

/// Decides how much a manager may hold.
///
/// One requirement. A manager asks when it is made, again every 1,024 loads, and whenever the system refused a map or a
/// descriptor, so that a budget may follow the machine. It asks outside its lock; answer within microseconds.
public protocol Budget: Sendable {
  /// The limits from now on, given what the manager holds; called on any thread, never under the manager's lock. A limit below what is
  /// held unloads what nobody uses.
  func limits(holding usage: BudgetUsage) -> BudgetLimits
}

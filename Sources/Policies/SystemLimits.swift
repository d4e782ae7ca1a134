/// What the system lets this process have, and what the process uses of it now: what `AutomaticBudget` goes by.
///
/// `Int.max` stands for "no limit", and for a limit that could not be found out.
public struct SystemLimits: Hashable, Sendable {
  /// Descriptors the process may have open: the soft RLIMIT_NOFILE.
  public var openFiles: Int
  /// Bytes of addresses the process may map: the soft RLIMIT_AS.
  public var addressSpace: Int
  /// Bytes of memory of its own that the process may be able to write to, used or not: the soft RLIMIT_DATA.
  public var data: Int
  /// Kernel maps the process may have: vm.max_map_count on Linux.
  public var maxMapCount: Int
  /// Bytes of memory the machine has.
  public var memory: Int
  /// Bytes of memory that the process's control group and those above it may use, or nil where none is limited.
  public var cgroupMemory: Int?
  /// Descriptors open now, a manager's own included.
  public var openFilesInUse: Int
  /// Bytes of addresses mapped now, a manager's own included.
  public var addressSpaceInUse: Int
  /// Bytes of memory of its own that the process is able to write to now, a manager's own included.
  public var dataInUse: Int
  /// Kernel maps there are now, a manager's own included.
  public var mapsInUse: Int
  /// The size of a page in bytes.
  public var pageSize: Int

  /// Describes a system; what is left out is unlimited or unused. O(1).
  ///
  /// - Precondition: `pageSize` is positive.
  public init(
    openFiles: Int = .max, addressSpace: Int = .max, data: Int = .max, maxMapCount: Int = .max,
    memory: Int = .max, cgroupMemory: Int? = nil, openFilesInUse: Int = 0,
    addressSpaceInUse: Int = 0, dataInUse: Int = 0, mapsInUse: Int = 0, pageSize: Int = 4096
  ) {
    precondition(pageSize > 0, "the page size must be positive")
    self.openFiles = openFiles
    self.addressSpace = addressSpace
    self.data = data
    self.maxMapCount = maxMapCount
    self.memory = memory
    self.cgroupMemory = cgroupMemory
    self.openFilesInUse = openFilesInUse
    self.addressSpaceInUse = addressSpaceInUse
    self.dataInUse = dataInUse
    self.mapsInUse = mapsInUse
    self.pageSize = pageSize
  }
}

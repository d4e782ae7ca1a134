internal import MapProtocols
public import Policies
internal import Synchronization

extension SystemLimits {
  /// Asks the system for this process's limits, and for what it uses of them now.
  ///
  /// getrlimit(2), sysconf(3), and on Linux /proc and the control groups of both versions. Never fails: what can't be
  /// found out counts as unlimited, or as unused; where only a descriptor is lacking for finding out, as last time.
  ///
  /// - Complexity: O(maps of the process), some 400 ns for each; O(descriptors) before Linux 6.2.
  public static func current() -> SystemLimits {
    var limits = SystemLimits(
      openFiles: LimitSyscalls.openFilesLimit(),
      addressSpace: LimitSyscalls.addressSpaceLimit(),
      data: LimitSyscalls.dataLimit(),
      memory: LimitSyscalls.memory(),
      openFilesInUse: LimitSyscalls.openFilesInUse(),
      pageSize: SystemPage.size)
    #if os(Linux) || os(Android)
      // The first number of statm is the size of the whole address space in pages, the sixth of what may be written to and the stack.
      let pages = numbers("/proc/self/statm")
      guard pages.count > 5 else {
        return lastKnown.withLock { last in
          guard let last else { return limits }
          limits.maxMapCount = last.maxMapCount
          limits.cgroupMemory = last.cgroupMemory
          limits.addressSpaceInUse = last.addressSpaceInUse
          limits.dataInUse = last.dataInUse
          limits.mapsInUse = last.mapsInUse
          return limits
        }
      }
      limits.addressSpaceInUse = pages[0] * limits.pageSize
      limits.dataInUse = pages[5] * limits.pageSize
      limits.maxMapCount = number("/proc/sys/vm/max_map_count") ?? .max
      limits.cgroupMemory = CgroupMemory.limit(text: LimitSyscalls.text)
      limits.mapsInUse = LimitSyscalls.lineCount("/proc/self/maps")
      lastKnown.withLock { [limits] in $0 = limits }
    #endif
    return limits
  }

  /// How much of files the page cache can be expected to hold beside what else goes on: half of the memory that is to be had without
  /// swapping (MemAvailable of /proc/meminfo), or of the control group's limit where that is less. Where only a descriptor is lacking for
  /// finding out, no more than last time.
  package static func cacheRoom() -> Int {
    var room = LimitSyscalls.memory()
    #if os(Linux) || os(Android)
      var isKnown = true
      let text = { (path: String) -> String? in
        let text = LimitSyscalls.text(path)
        // Those of control groups need not be there.
        if text == nil && path.hasPrefix("/proc/") { isKnown = false }
        return text
      }
      let line = text("/proc/meminfo")?.split(separator: "\n")
        .first { $0.hasPrefix("MemAvailable:") }
      let kibibytes = line?.split(separator: " ").compactMap { Int($0) }.first
      if let kibibytes { room = min(room, kibibytes << 10) }
      room = min(room, CgroupMemory.limit(text: text) ?? .max)
      if isKnown {
        lastRoom.withLock { [room] in $0 = room }
      } else {
        let group = lastKnown.withLock { $0?.cgroupMemory }
        room = min(room, lastRoom.withLock { $0 } ?? .max, group ?? .max)
      }
    #endif
    return room / 2
  }

  /// What was read when /proc could be opened last: a full descriptor table must not make limits look lifted.
  private static let lastKnown = Mutex<SystemLimits?>(nil)
  private static let lastRoom = Mutex<Int?>(nil)

  private static func numbers(_ path: String) -> [Int] {
    LimitSyscalls.text(path)?.split(whereSeparator: \.isWhitespace).compactMap { Int($0) } ?? []
  }

  private static func number(_ path: String) -> Int? {
    LimitSyscalls.text(path).flatMap { Int($0.prefix { $0.isNumber }) }
  }
}

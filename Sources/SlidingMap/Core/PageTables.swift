import MapProtocols

/// Which of the kernel's page tables have nothing to stand for any more, and which of these are just being given back.
///
/// It is counted how many windows of a table are in memory, come, or are in use; what is leaving does not count. Of some editions nothing
/// is counted: see `areCounted`.
struct PageTables: ~Copyable {
  /// A table of an edition's extent, counted from that in which the extent begins.
  struct Table: Hashable {
    let edition: Edition
    fileprivate let number: Int

    static func == (a: Table, b: Table) -> Bool {
      a.edition === b.edition && a.number == b.number
    }

    func hash(into hasher: inout Hasher) {
      hasher.combine(ObjectIdentifier(edition))
      hasher.combine(number)
    }
  }

  /// What is known of one table. Zeros say that no window ever came.
  private struct Entry {
    /// How many windows count.
    var windows: UInt16
    /// Its index in `empty`, counted from 1; 0 if it is not there.
    var emptyIndex: UInt32
  }

  /// What an edition's record keeps of its tables.
  struct EditionRecord {
    /// Whether there was no memory for the counts.
    fileprivate var isUncounted = false
    /// Nil before the first window came.
    private var entries: ZeroedMemory<Entry>?
    /// Tables which stand for nothing any more. The last that became so are given back first: in a scan they lie side by side.
    private var empty: [UInt32] = []
    /// Unique among those that ever had empty ones; 0 before.
    fileprivate var id = 0

    fileprivate var emptyCount: Int { empty.count }

    fileprivate var emptyTables: [Int] { empty.map { Int($0) } }

    /// Allocates the counts of so many tables, unless they are there; false if there is no memory.
    fileprivate mutating func prepare(_ count: Int) -> Bool {
      if entries == nil { entries = ZeroedMemory(count: count) }
      return entries != nil
    }

    /// Counts a window that comes.
    ///
    /// - Returns: how many tables are not empty any more.
    fileprivate mutating func enter(_ tables: ClosedRange<Int>) -> Int {
      let entries = entries(of: tables)
      var used = 0
      for table in tables {
        if unsafe entries.start[table].emptyIndex != 0 {
          takeOut(table, entries)
          used += 1
        }
        unsafe entries.start[table].windows += 1
      }
      return used
    }

    /// Takes back that a window came.
    ///
    /// - Returns: how many tables are empty now, of those that lie in `whole`.
    fileprivate mutating func leave(_ tables: ClosedRange<Int>, whole: Range<Int>) -> Int {
      let entries = entries(of: tables)
      var left = 0
      for table in tables {
        let count = unsafe entries.start[table].windows
        precondition(count > 0, "a window leaves a page table that it never came to")
        unsafe entries.start[table].windows = count - 1
        if count == 1 && whole.contains(table) {
          empty.append(UInt32(table))
          unsafe entries.start[table].emptyIndex = UInt32(empty.count)
          left += 1
        }
      }
      return left
    }

    /// Takes an empty table, any.
    fileprivate mutating func takeEmpty() -> Int? {
      guard let entries, let table = empty.last else { return nil }
      takeOut(Int(table), entries)
      return Int(table)
    }

    /// Notes that all tables are gone.
    ///
    /// - Returns: memory to be given back, outside the lock.
    fileprivate mutating func forget() -> AnyObject? {
      isUncounted = false
      empty = []
      return entries.take()
    }

    private func entries(of tables: ClosedRange<Int>) -> ZeroedMemory<Entry> {
      guard let entries, tables.upperBound < entries.count else {
        preconditionFailure("a page table that nobody counts")
      }
      return entries
    }

    /// Takes a table out of `empty`: the last one moves to its index.
    private mutating func takeOut(_ table: Int, _ entries: ZeroedMemory<Entry>) {
      let place = unsafe entries.start[table].emptyIndex
      unsafe entries.start[table].emptyIndex = 0
      let last = empty.removeLast()
      if last == table { return }
      empty[Int(place) - 1] = last
      unsafe entries.start[Int(last)].emptyIndex = place
    }

    #if Schedule
      /// How many windows of each table count; of none before the first came.
      fileprivate var windows: [UInt16] {
        guard let entries else { return [] }
        return (0..<entries.count).map { unsafe entries.start[$0].windows }
      }

      /// Whether the list of empty tables is not what the tables say.
      fileprivate var isListBroken: Bool {
        guard let entries else { return !empty.isEmpty }
        let listed = (0..<entries.count).filter { unsafe entries.start[$0].emptyIndex != 0 }
        return listed.count != empty.count
          || empty.indices.contains {
            unsafe entries.start[Int(empty[$0])].emptyIndex != UInt32($0 + 1)
          }
      }
    #endif
  }

  /// How many bytes of addresses a table stands for: it is a page of entries of eight bytes. In schedules, whose files are small, it is
  /// little.
  private let reach: Int64
  /// Its binary logarithm.
  private let shift: Int
  /// How many empty tables may always be left, and the most that may.
  private let leastKept: Int
  private let mostKept: Int
  /// Editions that have empty tables, or had some a while ago.
  private var holders: [Int: Edition] = [:]
  private var count = 0
  private var ids = 0
  /// How many calls are giving each back.
  private var shut: [Table: Int] = [:]
  private var isAwaited = false

  /// Above, as with pages of 64 KiB, a table is small beside what it stands for.
  private static let mostWindows: Int64 = 512

  private static func reach(pageSize: Int) -> Int64 {
    #if Schedule
      Int64(4 * pageSize)
    #else
      Int64(pageSize / 8 * pageSize)
    #endif
  }

  init(pageSize: Int) {
    reach = Self.reach(pageSize: pageSize)
    #if Schedule
      leastKept = 1
    #else
      leastKept = (4 << 20) / pageSize
    #endif
    shift = reach.trailingZeroBitCount
    mostKept = 16 * leastKept
  }

  // MARK: Where they are

  /// Whether an edition of so many bytes has its tables counted. A window with whole tables of its own takes them along; and of a file
  /// smaller than what a table stands for none is its alone, so that none is given back.
  static func areCounted(_ grid: WindowGrid, byteCount: Int, pageSize: Int) -> Bool {
    let (size, reach) = (grid.windowSize, reach(pageSize: pageSize))
    return size % reach != 0 && size >= reach / mostWindows && byteCount >= reach
      && grid.count(fileSize: Int64(byteCount)) > 1
  }

  /// The tables that a window lies in; nil if they are not counted.
  private func tables(
    of window: Int, _ edition: Edition, _ extent: Extent
  ) -> ClosedRange<Int>? {
    if !edition.countsTables || edition.tables.isUncounted { return nil }
    let start = edition.grid.start(of: window)
    let end = min(start + edition.grid.windowSize, Int64(edition.reserved))
    if start >= end { return nil }
    let before = overhang(of: extent)
    return Int((before + start) >> shift)...Int((before + end - 1) >> shift)
  }

  /// How far before an extent its first table begins, in bytes.
  private func overhang(of extent: Extent) -> Int64 {
    unsafe Int64(Int(bitPattern: extent.base)) & (reach - 1)
  }

  /// What a table stands for, in bytes from the extent's base; at the extent's ends others may share it.
  func bytes(of table: Table, _ extent: Extent) -> Range<Int64> {
    let start = Int64(table.number) * reach - overhang(of: extent)
    return start..<start + reach
  }

  // MARK: Windows

  /// Counts a window that is claimed.
  mutating func enter(_ window: Int, of edition: Edition, _ extent: Extent) {
    guard let tables = tables(of: window, edition, extent) else { return }
    let all = Int((overhang(of: extent) + Int64(edition.reserved) - 1) >> shift) + 1
    // Without memory for the counts the edition's tables are not counted, and not given back.
    if !edition.tables.prepare(all) {
      edition.tables.isUncounted = true
      return
    }
    count -= edition.tables.enter(tables)
  }

  /// Counts a window that leaves, or that is not to come after all.
  mutating func leave(_ window: Int, of edition: Edition, _ extent: Extent) {
    guard let tables = tables(of: window, edition, extent) else { return }
    var whole = 0..<0
    // Where windows are given access one by one, so they are given back.
    if extent.mapsPerWindow == 0 {
      let before = overhang(of: extent)
      let first = before == 0 ? 0 : 1
      whole = first..<max(first, Int((before + Int64(extent.byteCount)) >> shift))
    }
    let left = edition.tables.leave(tables, whole: whole)
    if left == 0 { return }
    count += left
    if edition.tables.id == 0 {
      ids += 1
      edition.tables.id = ids
    }
    if holders[edition.tables.id] == nil { holders[edition.tables.id] = edition }
  }

  /// Notes that the addresses go, and the tables with them.
  ///
  /// - Returns: memory to be given back, outside the lock.
  mutating func forget(_ edition: Edition) -> AnyObject? {
    count -= edition.tables.emptyCount
    holders[edition.tables.id] = nil
    return edition.tables.forget()
  }

  // MARK: Empty ones

  /// How many there are.
  var emptyCount: Int { count }

  /// The empty tables of an edition.
  func empty(of edition: Edition) -> [Table] {
    edition.tables.emptyTables.map { Table(edition: edition, number: $0) }
  }

  /// How many may be left: 4 MiB of them, and as many as come to a 64th of the budget, but not more than 64 MiB.
  func kept(budget: Int, pageSize: Int) -> Int {
    min(max(budget / 64 / pageSize, leastKept), mostKept)
  }

  /// Takes up to `most` empty tables, of any editions.
  mutating func takeEmpty(_ most: Int) -> [Table] {
    var taken: [Table] = []
    while taken.count < most, let (id, edition) = holders.first {
      while taken.count < most, let number = edition.tables.takeEmpty() {
        taken.append(Table(edition: edition, number: number))
      }
      if edition.tables.emptyCount == 0 { holders[id] = nil }
    }
    count -= taken.count
    return taken
  }

  #if Schedule
    /// Whether what was counted of an edition's tables is not what its windows' words say, or a table in use is taken for empty.
    func areBroken(of edition: Edition) -> Bool {
      let empty = edition.tables.emptyTables
      let counted = edition.tables.windows
      if edition.tables.isListBroken { return true }
      guard let extent = edition.extent else {
        return counted.contains { $0 != 0 } || !empty.isEmpty
      }
      var windows = counted.map { _ in UInt16(0) }
      for window in 0..<edition.windowCount {
        let state = unsafe edition.windows.word(window).state
        guard state != .absent, state != .leaving, let tables = tables(of: window, edition, extent)
        else { continue }
        for table in tables {
          guard table < windows.count else { return true }
          windows[table] += 1
        }
      }
      return windows != counted || empty.contains { windows[$0] > 0 }
    }
  #endif

  // MARK: Those that are being given back

  /// Notes that a call is about to empty what tables stand for.
  mutating func shut(_ tables: [Table]) {
    for table in tables { shut[table, default: 0] += 1 }
  }

  /// Notes the end of such a call.
  ///
  /// - Returns: whether somebody waits for that.
  mutating func reopen(_ tables: [Table]) -> Bool {
    for table in tables {
      guard let calls = shut[table] else { preconditionFailure("a table is given back twice") }
      shut[table] = calls == 1 ? nil : calls - 1
    }
    defer { isAwaited = false }
    return isAwaited
  }

  /// Whether something in the tables of a window is being emptied.
  func isShut(_ window: Int, of edition: Edition) -> Bool {
    if shut.isEmpty { return false }
    guard let extent = edition.extent, let tables = tables(of: window, edition, extent) else {
      return false
    }
    return tables.contains { shut[Table(edition: edition, number: $0)] != nil }
  }

  /// Notes that somebody waits for the end of a call.
  mutating func await() { isAwaited = true }
}

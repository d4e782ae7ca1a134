import BitCollections
import MapProtocols

/// Which of the kernel's page tables have nothing to stand for any more, and which of these are just being given back.
struct PageTables: ~Copyable {
  /// How many bytes of addresses a table stands for: it is a page of entries of eight bytes.
  static let reach = Turn.tableReach

  /// A table of an edition's extent, counted from that in which the extent begins.
  struct Table: Hashable {
    let edition: Edition
    fileprivate let number: Int

    /// What it stands for, in bytes from the extent's base; at the extent's ends others may share it.
    func bytes(of extent: Extent) -> Range<Int64> {
      let start = Int64(number) * PageTables.reach - PageTables.overhang(of: extent)
      return start..<start + PageTables.reach
    }

    static func == (a: Table, b: Table) -> Bool {
      a.edition === b.edition && a.number == b.number
    }

    func hash(into hasher: inout Hasher) {
      hasher.combine(ObjectIdentifier(edition))
      hasher.combine(number)
    }
  }

  /// What an edition's record keeps of its tables.
  struct EditionRecord {
    /// Unique among those that ever had empty ones; 0 before.
    fileprivate var id = 0
    fileprivate var empty: BitSet = []
    /// Whether some have nothing to stand for.
    var hasEmpty: Bool { !empty.isEmpty }
  }

  /// Editions that have empty tables, and how many these are.
  private var holders: [Int: Edition] = [:]
  private var count = 0
  private var ids = 0
  /// How many calls are giving each back.
  private var shut: [Table: Int] = [:]
  private var isAwaited = false

  init() {}

  /// How far before an extent its first table begins, in bytes.
  private static func overhang(of extent: Extent) -> Int64 {
    unsafe Int64(Int(bitPattern: extent.base)) & (reach - 1)
  }

  /// Calls `body` with the tables that a range of an edition's extent lies in.
  static func forEachTable(
    of range: Range<Int64>, _ edition: Edition, _ extent: Extent, _ body: (Table) -> Void
  ) {
    let before = overhang(of: extent)
    let last = Int((before + range.upperBound - 1) / reach)
    for number in Int((before + range.lowerBound) / reach)...last {
      body(Table(edition: edition, number: number))
    }
  }

  // MARK: Empty ones

  /// How many there are.
  var emptyCount: Int { count }

  /// The empty tables of an edition.
  func empty(of edition: Edition) -> [Table] {
    edition.tables.empty.map { Table(edition: edition, number: $0) }
  }

  /// Notes that nothing is left in what a table stands for.
  mutating func noteEmpty(_ table: Table) {
    if table.edition.tables.id == 0 {
      ids += 1
      table.edition.tables.id = ids
    }
    if !table.edition.tables.hasEmpty { holders[table.edition.tables.id] = table.edition }
    if table.edition.tables.empty.insert(table.number).inserted { count += 1 }
  }

  /// Notes that something comes there again.
  mutating func noteUse(_ table: Table) {
    guard table.edition.tables.empty.remove(table.number) != nil else { return }
    count -= 1
    if !table.edition.tables.hasEmpty { holders[table.edition.tables.id] = nil }
  }

  /// Notes that the addresses go, and the tables with them.
  mutating func forget(_ edition: Edition) {
    count -= edition.tables.empty.count
    edition.tables.empty = []
    holders[edition.tables.id] = nil
  }

  /// Takes up to `most` empty tables, of any editions.
  mutating func takeEmpty(_ most: Int) -> [Table] {
    var taken: [Table] = []
    while taken.count < most, let edition = holders.first?.value {
      let numbers = edition.tables.empty.prefix(most - taken.count)
      for table in numbers.map({ Table(edition: edition, number: $0) }) {
        noteUse(table)
        taken.append(table)
      }
    }
    return taken
  }

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

  /// Whether something of a range is being emptied.
  func isShut(_ range: Range<Int64>, _ edition: Edition, _ extent: Extent) -> Bool {
    if shut.isEmpty { return false }
    var isShut = false
    Self.forEachTable(of: range, edition, extent) { isShut = isShut || shut[$0] != nil }
    return isShut
  }

  /// Notes that somebody waits for the end of a call.
  mutating func await() { isAwaited = true }
}

import MapProtocols

/// Which of the kernel's page tables are being given back, so that nothing is brought in meanwhile of what they stand for.
struct PageTables: ~Copyable {
  /// How many bytes of addresses a table stands for: it is a page of entries of eight bytes.
  static let reach = Turn.tableReach

  /// A table of an edition's extent.
  struct Table: Hashable {
    private let edition: ObjectIdentifier
    private let number: Int64

    fileprivate init(_ edition: Edition, _ number: Int64) {
      self.edition = ObjectIdentifier(edition)
      self.number = number
    }

    /// What it stands for, in bytes from the extent's base; at the extent's ends other maps may share it.
    func bytes(of extent: Extent) -> Range<Int64> {
      let base = unsafe Int64(Int(bitPattern: extent.base))
      let start = number * PageTables.reach - base
      return start..<start + PageTables.reach
    }
  }

  /// How many calls are giving each back.
  private var shut: [Table: Int] = [:]
  private var isAwaited = false

  init() {}

  /// The tables that a range of an edition's extent lies in.
  static func tables(of range: Range<Int64>, _ edition: Edition, _ extent: Extent) -> [Table] {
    let base = unsafe Int64(Int(bitPattern: extent.base))
    let first = (base + range.lowerBound) / reach
    let last = (base + range.upperBound - 1) / reach
    return (first...last).map { Table(edition, $0) }
  }

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
    !shut.isEmpty && Self.tables(of: range, edition, extent).contains { shut[$0] != nil }
  }

  /// Notes that somebody waits for the end of a call.
  mutating func await() { isAwaited = true }
}

import SystemPackage

/// What a reader may be shown of a file that another process changes.
struct SeenFile: Sendable {
  let table: ChangeTable
  let slot: Int
  let path: FilePath
  /// Whether that is the second name of the slot.
  private let isLink: Bool
  /// How many changes had ended when it was opened.
  private let opened: Int
  /// The same of the last refresh: nothing older may be seen after it.
  private var since: Int
  /// The files that it may be, until bytes tell.
  private var serials: [UInt32] = []

  /// To be made before the file is opened.
  init(_ table: ChangeTable, in directory: FilePath, slot: Int, isLink: Bool) {
    self.table = table
    self.slot = slot
    self.isLink = isLink
    path = Self.path(slot, in: directory, isLink: isLink)
    opened = table.ended(slot)
    since = opened
  }

  static func path(_ slot: Int, in directory: FilePath, isLink: Bool = false) -> FilePath {
    directory.appending(isLink ? "\(slot).link" : "\(slot)")
  }

  // MARK: Sizes

  /// Notes that it was opened, and checks the size found, if that is told.
  mutating func open(size: Int?) throws {
    serials = candidates(table.history(slot))
    if let size { try check(size: size) }
  }

  /// The files that it may have been opened as.
  private func candidates(_ history: ChangeHistory) -> [UInt32] {
    let found = history.all(since: opened).map { isLink ? $0.linked : $0.serial }
    return Set(found).filter { $0 > 0 }.sorted()
  }

  /// How many changes have ended; to be asked before a refresh.
  var ended: Int { table.ended(slot) }

  /// Notes a refresh, and checks the size found.
  mutating func refresh(since ended: Int, size: Int) throws {
    since = ended
    try check(size: size)
  }

  /// During a change the size may be anything up to what it will be.
  private func check(size: Int) throws {
    let history = table.history(slot)
    var sizes: [Int] = []
    for serial in serials {
      guard let versions = history.versions(of: serial, since: since) else { return }
      sizes += versions.map(\.size)
    }
    let isRight = sizes.count == 1 ? sizes == [size] : sizes.contains { $0 >= size }
    if !isRight { throw ChangesMismatch("found with \(size) bytes, not \(sizes)", self) }
  }

  // MARK: Bytes

  /// What bytes from `offset` on are.
  ///
  /// - Parameter isCopy: whether they were read and not mapped.
  mutating func judge(_ bytes: RawSpan, from offset: Int, isCopy: Bool) -> SeenBytes {
    if bytes.isEmpty { return .oneVersion }
    let last = table.last(slot)
    if serials.count == 1 && serials[0] == last.serial && last.has(bytes, from: offset, of: slot) {
      return .oneVersion
    }
    // What is judged must not change any more when the table is looked at.
    let copy = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
    let history = table.history(slot)
    var found: [(serial: UInt32, seen: SeenBytes)] = []
    for serial in serials {
      guard let versions = history.versions(of: serial, since: since) else { return .unknown }
      found.append((serial, judge(copy, from: offset, versions, isCopy: isCopy)))
    }
    let right = found.filter { !$0.seen.isWrong }
    if right.isEmpty { return found.first?.seen ?? .wrong("no file has that name") }
    serials = right.map(\.serial)
    return right.first { $0.seen == .oneVersion }?.seen ?? right[0].seen
  }

  /// The same of bytes that were copied.
  mutating func judge(_ bytes: [UInt8], from offset: Int, isCopy: Bool) -> SeenBytes {
    // Bytes have no padding that would be no bytes.
    let span = unsafe bytes.span.bytes
    return judge(span, from: offset, isCopy: isCopy)
  }

  private func judge(
    _ bytes: [UInt8], from offset: Int, _ versions: [ContentVersion], isCopy: Bool
  ) -> SeenBytes {
    let isOne = versions.contains { unsafe $0.has(bytes.span.bytes, from: offset, of: slot) }
    if isOne { return .oneVersion }
    var known = [Bool](repeating: false, count: bytes.count)
    for version in versions {
      version.mark(bytes, from: offset, of: slot, isMapped: !isCopy, in: &known)
    }
    guard let bad = known.firstIndex(of: false) else {
      return versions.count > 1 ? .several : .wrong("not as it was, though nothing changed")
    }
    let count = known.count { !$0 }
    let start = (offset + bad) & ~7
    let word = (start..<start + 8).clamped(to: offset..<offset + bytes.count).map {
      String(bytes[$0 - offset], radix: 16)
    }
    return .wrong(
      """
      \(count) of \(bytes.count) bytes from \(offset) on, the first at \(offset + bad), in the word \
      \(word.joined(separator: " ")); versions: \(versions)
      """)
  }

  // MARK: Changes

  /// Whether anything was done to the file's names or bytes since it was opened.
  var hasChanged: Bool { table.history(slot).count > opened }

  /// Whether there may have been none under its name.
  var wasRemoved: Bool {
    let history = table.history(slot)
    return !history.reaches(back: opened) || history.all(since: opened).contains { $0.serial == 0 }
  }

  /// Whether it was cut short since it was opened.
  var wasCut: Bool {
    let history = table.history(slot)
    // Who failed to open it does not know which it was.
    let serials = serials.isEmpty ? candidates(history) : serials
    return serials.contains { serial in
      guard let versions = history.versions(of: serial, since: opened) else { return true }
      return zip(versions, versions.dropFirst()).contains { $0.size > $1.size }
    }
  }
}

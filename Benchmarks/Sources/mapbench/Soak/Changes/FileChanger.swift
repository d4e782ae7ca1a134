import BenchmarkSupport
import Glibc
import SystemPackage

/// Makes the files of a soak and changes them, each change by a plain system call or two. Only one may be at work.
struct FileChanger {
  private let table: ChangeTable
  private let directory: FilePath
  private let seed: UInt64
  private var generator: SeededGenerator

  init(_ table: ChangeTable, in directory: FilePath, seed: UInt64) {
    self.table = table
    self.directory = directory
    self.seed = seed
    generator = SeededGenerator(seed: ~seed)
  }

  /// Makes all files, and second names for them.
  mutating func makeFiles() throws {
    for slot in 0..<table.count {
      let version = ContentVersion().replaced(by: 1, size: usualSize(slot))
      try table.change(slot, to: version) { try write(version, slot, to: path(slot)) }
      try link(slot, version)
    }
  }

  /// The size near which those of a file stay: most 64 KiB to 2 MiB, some less, and two 16 MiB.
  private func usualSize(_ slot: Int) -> Int {
    let odd = [0, 1, 4096, 65_536, 16 << 20, 16 << 20]
    if slot < odd.count { return odd[slot] }
    var generator = SeededGenerator(seed: seed, after: slot << 8)
    let isSmall = generator.below(8) == 0
    let mean = isSmall ? 1 << generator.below(16) : 1 << (16 + generator.below(5))
    return mean + generator.below(mean)
  }

  /// Between half of the usual size and one and a half of it.
  private mutating func drawSize(_ slot: Int) -> Int {
    let usual = usualSize(slot)
    return usual / 2 + generator.below(usual + 8)
  }

  private func path(_ slot: Int) -> FilePath { SeenFile.path(slot, in: directory) }

  // MARK: Changes

  /// Changes a random file.
  mutating func change() throws {
    let slot = generator.below(table.count)
    let version = table.last(slot)
    let drawn = FileChange.deck[generator.below(FileChange.deck.count)]
    switch suitable(drawn, version, usualSize(slot)) {
    case .append: try append(slot, version, 1 + generator.below(usualSize(slot) / 4 + 64))
    case .truncate: _ = try truncate(slot, version, to: generator.below(version.size + 1))
    case .rewrite:
      let empty = try truncate(slot, version, to: 0)
      try append(slot, empty, 1 + drawSize(slot))
    case .link: try link(slot, version)
    case .replace: try replace(slot, version)
    case .recreate: try recreate(slot, version)
    }
  }

  /// The change drawn, or another where the file has become too large for it or was written to too often.
  private func suitable(
    _ change: FileChange, _ version: ContentVersion, _ usual: Int
  ) -> FileChange {
    switch change {
    case .append where version.size > 2 * usual + 4096: .truncate
    case .append where !version.isWritable, .rewrite where !version.isWritable: .replace
    default: change
    }
  }

  private func append(_ slot: Int, _ version: ContentVersion, _ count: Int) throws {
    let next = version.appended(count)
    let bytes = next.bytes(in: version.size..<next.size, of: slot)
    try table.change(slot, to: next) {
      let file = try FileDescriptor.open(path(slot), .writeOnly, options: .append)
      defer { try? file.close() }
      _ = try file.writeAll(bytes)
    }
  }

  private func truncate(
    _ slot: Int, _ version: ContentVersion, to size: Int
  ) throws -> ContentVersion {
    let next = version.truncated(to: size)
    try table.change(slot, to: next) {
      try check(unsafe Glibc.truncate(path(slot).string, size))
    }
    return next
  }

  private func link(_ slot: Int, _ version: ContentVersion) throws {
    let name = SeenFile.path(slot, in: directory, isLink: true)
    let fresh = FilePath(name.string + ".new")
    try table.change(slot, to: version.linkedAgain()) {
      try check(unsafe Glibc.link(path(slot).string, fresh.string))
      try check(unsafe rename(fresh.string, name.string))
    }
    // Where both are names of one file already, rename(2) leaves them.
    unsafe unlink(fresh.string)
  }

  private mutating func replace(_ slot: Int, _ version: ContentVersion) throws {
    let next = version.replaced(by: successor(of: version), size: drawSize(slot))
    let fresh = FilePath(path(slot).string + ".new")
    try write(next, slot, to: fresh)
    try table.change(slot, to: next) {
      try check(unsafe rename(fresh.string, path(slot).string))
    }
  }

  private mutating func recreate(_ slot: Int, _ version: ContentVersion) throws {
    try table.change(slot, to: version.removed()) {
      try check(unsafe unlink(path(slot).string))
    }
    usleep(UInt32(generator.below(20_000)))
    let empty = version.replaced(by: successor(of: version), size: 0)
    try table.change(slot, to: empty) { try write(empty, slot, to: path(slot)) }
    try append(slot, empty, 1 + drawSize(slot))
  }

  private func successor(of version: ContentVersion) -> UInt32 {
    precondition(version.serial + 1 < ContentWords.mostSerials, "too many files under one name")
    return version.serial + 1
  }

  private func write(_ version: ContentVersion, _ slot: Int, to path: FilePath) throws {
    let bytes = version.bytes(in: 0..<version.size, of: slot)
    let file = try FileDescriptor.open(
      path, .writeOnly, options: [.create, .exclusiveCreate], permissions: .ownerReadWrite)
    defer { try? file.close() }
    _ = try file.writeAll(bytes)
  }

  private func check(_ result: Int32) throws {
    if result != 0 { throw Errno(rawValue: errno) }
  }
}

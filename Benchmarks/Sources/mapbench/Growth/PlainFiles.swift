import SystemPackage

/// The least that is kept of open files: a record of each, a dictionary that finds it, and the files in order of use,
/// for the least recently used one gives up its handle.
struct PlainFiles {
  /// Four cache lines and more, as a cursor and its file take at least.
  private final class Record {
    let path: FilePath
    var uses = 0
    unowned(unsafe) var next: Record?
    unowned(unsafe) var previous: Record?
    let lines: (Line, Line, Line) = (Line(), Line(), Line())
    let last: Int

    init(_ number: Int, _ path: FilePath) {
      last = number
      self.path = path
    }
  }

  private struct Line {
    var words: (Int, Int, Int, Int, Int, Int, Int, Int) = (0, 0, 0, 0, 0, 0, 0, 0)
  }

  private var records: [Record] = []
  private var byNumber: [UInt64: Record] = [:]
  private let ends: Record

  init(count: Int) {
    ends = Record(-1, FilePath())
    unsafe ends.next = ends
    unsafe ends.previous = ends
    for number in 0..<count {
      let record = Record(number, NominalProvider.path(number))
      records.append(record)
      byNumber[UInt64(number)] = record
      append(record)
    }
  }

  /// Touches what a hit must touch.
  @inline(__always)
  func use(_ file: Int) {
    let record = records[file]
    record.uses &+= record.last
  }

  /// Notes a file as the most recently used, as a miss does.
  func touch(_ file: Int) { touch(records[file]) }

  /// Finds a file by its path and notes the use.
  func find(_ path: FilePath) {
    guard let record = byNumber[Self.number(path)], record.path == path else { return }
    record.uses &+= record.last
    touch(record)
  }

  /// Takes a file in that was not there, and forgets it.
  mutating func addAndRemove(_ path: FilePath) {
    let number = Self.number(path)
    let record = Record(Int(number), path)
    byNumber[number] = record
    append(record)
    unlink(record)
    byNumber[number] = nil
  }

  private func touch(_ record: Record) {
    if unsafe ends.previous === record { return }
    unlink(record)
    append(record)
  }

  private func append(_ record: Record) {
    unsafe record.previous = ends.previous
    unsafe record.next = ends
    unsafe ends.previous?.next = record
    unsafe ends.previous = record
  }

  private func unlink(_ record: Record) {
    unsafe record.previous?.next = record.next
    unsafe record.next?.previous = record.previous
  }

  private static func number(_ path: FilePath) -> UInt64 {
    path.lastComponent.flatMap { UInt64($0.string) } ?? 0
  }
}

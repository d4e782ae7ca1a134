import BenchmarkSupport
import Glibc
import Synchronization
import SystemPackage

/// A file of a mixed soak. Its content follows from its number, and for one that is replaced from its size.
final class SoakFile: Sendable {
  enum Kind {
    case fixed
    /// Bytes are appended; those there are stay.
    case growing
    /// Another file takes the path, one byte longer, with other bytes: so a cursor's `fileSize` tells which one it
    /// reads.
    case replaced
  }

  let path: FilePath
  let kind: Kind
  private let number: Int
  private let firstSize: Int
  private let changes = Atomic(0)
  private let size: Mutex<Int>

  /// Writes it.
  init(_ path: FilePath, number: Int, kind: Kind, size: Int) throws {
    self.path = path
    self.number = number
    self.kind = kind
    firstSize = size
    self.size = Mutex(size)
    try PatternFile.write(path, byteCount: size, seed: seed(size: size))
  }

  /// Counts the starts and the ends of changes: odd during one.
  var stamp: Int { changes.load(ordering: .sequentiallyConsistent) }

  /// Whether the file may have changed since it had that stamp; during a change nobody knows how far that was.
  func hasChanged(since stamp: Int) -> Bool { self.stamp != stamp || stamp % 2 == 1 }

  /// The seed of the content, for who sees this size.
  func seed(size: Int) -> UInt64 {
    UInt64(number) << 32 + (kind == .replaced ? UInt64(size - firstSize) : 0)
  }

  /// The seed of the content, for who was shown this size: no version of the file was ever smaller than the first.
  func seed(shown size: Int) throws -> UInt64 {
    if size < firstSize {
      throw SoakMismatch("opened with \(size) bytes, never below \(firstSize)", self)
    }
    return seed(size: size)
  }

  func grow(by count: Int) throws {
    try change { size in
      try PatternFile.grow(path, size..<size + count, seed: seed(size: size))
      size += count
    }
  }

  func replace() throws {
    try change { size in
      let fresh = FilePath(path.string + ".new")
      try PatternFile.write(fresh, byteCount: size + 1, seed: seed(size: size + 1))
      guard unsafe rename(fresh.string, path.string) == 0 else { throw Errno(rawValue: errno) }
      size += 1
    }
  }

  private func change(_ body: (inout Int) throws -> Void) throws {
    try size.withLock { size in
      changes.add(1, ordering: .sequentiallyConsistent)
      defer { changes.add(1, ordering: .sequentiallyConsistent) }
      try body(&size)
    }
  }
}

#if Schedule
  import MapProtocols

  /// An inode of a `VirtualFiles`, with all that ever was its content: each byte tells which file, which write and which offset it
  /// is of.
  package final class VirtualFile {
    /// One of no other file, ever.
    package let serial: UInt16
    /// Another file may have it once this one is gone.
    package let number: UInt64
    /// All that the file ever was, the oldest first.
    package private(set) var versions: [Version]
    /// How many paths lead to it.
    package var links = 0
    /// How many handles and maps hold it.
    package var holders = 0
    var memories: [VirtualMemory] = []
    private var stamps: UInt16 = 0

    /// The file between two changes.
    package struct Version {
      /// In bytes, whole words of 64.
      package let size: Int64
      package let changeTime: Int64
      package let modificationTime: Int64
      /// The step at which it came to be.
      package let beginning: Int
      /// Which write the bytes are of, from which offset on, ascending.
      var writes: [(start: Int64, stamp: UInt16)]

      /// As the system tells it.
      var version: FileVersion {
        FileVersion(size: size, changeTime: changeTime, modificationTime: modificationTime)
      }

      func stamp(at offset: Int64) -> UInt16 {
        writes.last { $0.start <= offset }?.stamp ?? 0
      }
    }

    init(serial: UInt16, number: UInt64, size: Int64, step: Int, time: Int64) {
      self.serial = serial
      self.number = number
      versions = [
        Version(
          size: size, changeTime: time, modificationTime: time, beginning: step,
          writes: [(start: 0, stamp: 0)])
      ]
    }

    package var now: Version { versions[versions.count - 1] }

    /// What it was at some moment of some steps, and what nobody could tell from that by its version.
    package func versions(in steps: ClosedRange<Int>) -> ArraySlice<Version> {
      let first = versions.lastIndex { $0.beginning <= steps.lowerBound } ?? 0
      var end = versions.firstIndex { $0.beginning > steps.upperBound } ?? versions.count
      while end > first, end < versions.count, versions[end].version == versions[end - 1].version {
        end += 1
      }
      return versions[first..<max(end, first)]
    }

    /// What it was at some moment from `step` on.
    package func versions(since step: Int) -> ArraySlice<Version> { versions(in: step...(.max)) }

    /// What the system tells of it.
    func status(isSettled: Bool) -> FileStatus {
      FileStatus(
        identity: FileIdentity(device: 1, inode: number),
        version: now.version, size: now.size, isSettled: isSettled)
    }

    /// Writes over `range`, or cuts the file, or both.
    func change(
      writing range: Range<Int64>, size: Int64, step: Int, time: Int64,
      modificationTime: Int64? = nil
    ) {
      var writes = now.writes
      if !range.isEmpty {
        let behind = now.stamp(at: range.upperBound)
        stamps += 1
        writes.removeAll { range.contains($0.start) }
        writes.append((start: range.lowerBound, stamp: stamps))
        if !writes.contains(where: { $0.start == range.upperBound }) {
          writes.append((start: range.upperBound, stamp: behind))
        }
        writes.sort { $0.start < $1.start }
      }
      versions.append(
        Version(
          size: size, changeTime: time, modificationTime: modificationTime ?? time,
          beginning: step, writes: writes))
      for memory in memories {
        memory.cut(to: size)
        memory.show(range, of: self)
      }
    }

    /// Notes a change of the file's name or owner, none of its content.
    func touch(step: Int, time: Int64) {
      let old = now
      versions.append(
        Version(
          size: old.size, changeTime: time, modificationTime: old.modificationTime,
          beginning: step, writes: old.writes))
    }

    // MARK: Bytes

    /// How many bytes a word takes, of which the first eight are looked at.
    package static let wordSize = 64

    /// The word at an offset, a multiple of `wordSize`.
    static func word(_ serial: UInt16, _ stamp: UInt16, at offset: Int64) -> UInt64 {
      UInt64(serial) << 48 | UInt64(stamp) << 32 | UInt64(offset / Int64(wordSize)) & 0xFFFF_FFFF
    }

    /// Puts the bytes of `range` that the file has now into memory where byte `n` of the file lies at `base + n`.
    func copy(_ range: Range<Int64>, to base: UnsafeMutableRawPointer) {
      let word = Int64(Self.wordSize)
      var offset = (range.lowerBound + word - 1) / word * word
      let end = min(range.upperBound, now.size)
      while offset < end {
        unsafe (base + Int(offset)).storeBytes(
          of: Self.word(serial, now.stamp(at: offset), at: offset), as: UInt64.self)
        offset += word
      }
    }
  }
#endif

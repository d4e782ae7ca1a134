import Glibc

/// What a name leads to between two changes. It lies in memory that two processes share, so it is nothing but numbers.
struct ContentVersion: BitwiseCopyable {
  /// From here on the bytes are those of this write.
  private struct Segment: BitwiseCopyable {
    var start: UInt32 = 0
    var generation: UInt32 = 0
  }
  private static let pageSize = Int(getpagesize())

  /// Which file under the name it is, from 1; 0 while there is none.
  private(set) var serial: UInt32 = 0
  /// Which version of that file, from 0.
  private(set) var number: UInt32 = 0
  /// Which file the second name leads to, from 1.
  private(set) var linked: UInt32 = 0
  private(set) var size = 0
  /// The last write's.
  private(set) var generation: UInt32 = 0
  private var segmentCount = 0
  private var segments = InlineArray<12, Segment>(repeating: Segment())

  /// Whether it takes one more write.
  var isWritable: Bool {
    segmentCount < segments.count && generation + 1 < ContentWords.mostGenerations
  }

  // MARK: What becomes of it

  /// More bytes at the end.
  func appended(_ count: Int) -> ContentVersion {
    var next = changed()
    next.generation += 1
    next.segments[segmentCount] = Segment(start: UInt32(size), generation: next.generation)
    next.segmentCount += 1
    next.size += count
    return next
  }

  /// The first `size` bytes.
  func truncated(to size: Int) -> ContentVersion {
    var next = changed()
    next.size = size
    while next.segmentCount > 0, next.segments[next.segmentCount - 1].start >= size {
      next.segmentCount -= 1
    }
    return next
  }

  /// The second name leads to it.
  func linkedAgain() -> ContentVersion {
    var next = changed()
    next.linked = serial
    return next
  }

  /// No file.
  func removed() -> ContentVersion {
    var next = ContentVersion()
    next.linked = linked
    return next
  }

  /// Another file of that serial and size takes the name.
  func replaced(by serial: UInt32, size: Int) -> ContentVersion {
    var next = ContentVersion()
    next.serial = serial
    next.linked = linked
    next.generation = 1
    next.size = size
    next.segments[0].generation = 1
    next.segmentCount = size > 0 ? 1 : 0
    return next
  }

  private func changed() -> ContentVersion {
    var next = self
    next.number += 1
    return next
  }

  // MARK: Bytes

  /// Calls `body` with each write's part of a range, in order, until it says false; what it said last.
  private func forEachWrite(
    in range: Range<Int>, of slot: Int, _ body: (ContentWords, Range<Int>) -> Bool
  ) -> Bool {
    for index in 0..<segmentCount {
      let end = index + 1 < segmentCount ? Int(segments[index + 1].start) : size
      let part = (Int(segments[index].start)..<end).clamped(to: range)
      let words = ContentWords(
        slot: slot, serial: serial, generation: segments[index].generation)
      if !part.isEmpty && !body(words, part) { return false }
    }
    return true
  }

  /// The bytes of a range.
  func bytes(in range: Range<Int>, of slot: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    _ = forEachWrite(in: range, of: slot) { words, part in
      bytes += words.bytes(in: part)
      return true
    }
    return bytes
  }

  /// Whether these are its bytes from `offset` on.
  func has(_ bytes: RawSpan, from offset: Int, of slot: Int) -> Bool {
    let range = offset..<offset + bytes.byteCount
    if range.upperBound > size { return false }
    return forEachWrite(in: range, of: slot) { words, part in
      let start = part.lowerBound - offset
      return words.are(bytes.extracting(start..<start + part.count), from: part.lowerBound)
    }
  }

  /// Marks those bytes from `offset` on that it has at their places.
  ///
  /// - Parameter isMapped: whether zeros are right, too, in the rest of the page in which it ends: the kernel puts them there
  ///   when it cuts a file short, and maps show them.
  func mark(
    _ bytes: [UInt8], from offset: Int, of slot: Int, isMapped: Bool, in known: inout [Bool]
  ) {
    let range = offset..<offset + bytes.count
    _ = forEachWrite(in: range, of: slot) { words, part in
      for place in part where bytes[place - offset] == words.byte(at: place) {
        known[place - offset] = true
      }
      return true
    }
    if !isMapped { return }
    let pageEnd = (size + Self.pageSize - 1) / Self.pageSize * Self.pageSize
    for place in (size..<pageEnd).clamped(to: range) where bytes[place - offset] == 0 {
      known[place - offset] = true
    }
  }
}

extension ContentVersion: CustomStringConvertible {
  var description: String {
    let writes = (0..<segmentCount).map { "\(segments[$0].generation) from \(segments[$0].start)" }
    return "file \(serial), \(size) bytes, writes \(writes.joined(separator: ", "))"
  }
}

import MapProtocols

/// Memory in runs of pages, for reading what finds no place as a window. Guarded by the core's lock.
///
/// A request takes a run of pages from it, private to its cursor and the cursor's copies. Taking and giving back neither
/// allocates nor maps, so that it works where no memory and no map is left.
struct CopyReserve {
  private let memory: AnonymousMemory
  private let pageSize: Int
  /// Free runs of pages, ascending and never adjacent. No RangeSet, which would allocate.
  private var free: [Range<Int>] = []
  /// How many cursors hold the run that begins at a page.
  private var holders: [Int32]
  /// Pages taken.
  private var taken = 0

  init(_ memory: AnonymousMemory, pageSize: Int) {
    self.memory = memory
    self.pageSize = pageSize
    let pages = memory.byteCount / pageSize
    // Runs are separated by taken pages, so there are never more of them than this.
    free.reserveCapacity(pages / 2 + 2)
    free.append(0..<pages)
    holders = Array(repeating: 0, count: pages)
  }

  /// How many bytes are taken.
  var takenBytes: Int { taken * pageSize }

  /// The most bytes that one request may have.
  var byteCount: Int { memory.byteCount }

  /// Takes memory for `byteCount` bytes, held once; nil if there is no run so long. O(runs).
  mutating func take(_ byteCount: Int) -> Chunk? {
    let pages = (byteCount + pageSize - 1) / pageSize
    guard let index = free.firstIndex(where: { $0.count >= pages }) else { return nil }
    let run = free[index]
    if run.count == pages {
      free.remove(at: index)
    } else {
      free[index] = run.lowerBound + pages..<run.upperBound
    }
    holders[run.lowerBound] = 1
    taken += pages
    return unsafe Chunk(
      start: memory.base + run.lowerBound * pageSize, page: run.lowerBound, pages: pages)
  }

  /// One more holder for a chunk.
  mutating func share(_ chunk: Chunk) { holders[chunk.page] += 1 }

  /// One holder less; the last one's memory is free again.
  ///
  /// - Returns: whether that was the last.
  mutating func giveBack(_ chunk: Chunk) -> Bool {
    holders[chunk.page] -= 1
    if holders[chunk.page] > 0 { return false }
    taken -= chunk.pages
    #if Schedule
      // Who still reads it finds nothing that was ever in a file.
      unsafe chunk.start.initializeMemory(
        as: UInt8.self, repeating: Turn.emptied, count: chunk.pages * pageSize)
    #endif
    var run = chunk.page..<chunk.page + chunk.pages
    let index = free.firstIndex { $0.lowerBound >= run.upperBound } ?? free.endIndex
    if index < free.endIndex && free[index].lowerBound == run.upperBound {
      run = run.lowerBound..<free[index].upperBound
      free.remove(at: index)
    }
    if index > 0 && free[index - 1].upperBound == run.lowerBound {
      free[index - 1] = free[index - 1].lowerBound..<run.upperBound
    } else {
      free.insert(run, at: index)
    }
    return true
  }

  /// The memory, if nobody holds any part of it.
  var unusedMemory: AnonymousMemory? { taken == 0 ? memory : nil }
}

/// A run of pages of a reserve, or memory of its own.
@safe
struct Chunk: @unchecked Sendable {
  let start: UnsafeMutableRawPointer
  fileprivate let page: Int
  fileprivate let pages: Int
  /// Where it is not part of a reserve.
  let lone: LoneMemory?

  fileprivate init(start: UnsafeMutableRawPointer, page: Int, pages: Int) {
    unsafe self.start = start
    self.page = page
    self.pages = pages
    lone = nil
  }

  init(_ lone: LoneMemory) {
    unsafe start = lone.memory.base
    page = 0
    pages = 0
    self.lone = lone
  }
}

/// Memory for one request that no reserve has room for. Guarded by the core's lock.
final class LoneMemory: @unchecked Sendable {
  let memory: AnonymousMemory
  /// How many cursors hold it.
  var holders = 1

  init(_ memory: AnonymousMemory) { self.memory = memory }
}

/// A cursor's private copy of a part of a file.
struct HeldCopy: Sendable {
  let chunk: Chunk
  /// The bytes of the file that it holds.
  var range: Range<Int64>
  /// What the budget was charged.
  let byteCount: Int
  /// Read past a window that could be had; the cursor may keep the memory for the next time.
  var isBypass = false
  /// How often its window alone was passed by the cursor before, one time after the other.
  var repeats = 0
}

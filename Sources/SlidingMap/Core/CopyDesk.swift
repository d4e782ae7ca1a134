import MapProtocols

/// Memory for bytes that are read without a window: who has which part of it, and when it goes.
///
/// A takeover's is set aside when the manager is made, so that it is there when no memory and no map is left, and stays. Without a
/// takeover it comes when it is first needed, and goes with its last use.
struct CopyDesk {
  private var reserve: CopyReserve?
  private let isKept: Bool
  private let pageSize: Int
  private var isBeingEmptied = false
  /// Bytes of memory that is no part of it.
  private var loneBytes = 0

  /// - Parameter reserved: how many bytes are set aside for good; 0 for none.
  init(reserved: Int, pageSize: Int) {
    self.pageSize = pageSize
    isKept = reserved > 0
    if isKept, let memory = try? AnonymousMemory(byteCount: reserved) {
      reserve = CopyReserve(memory, pageSize: pageSize)
    }
  }

  /// How many bytes are taken.
  var takenBytes: Int { (reserve?.takenBytes ?? 0) + loneBytes }

  /// Whether there is any memory.
  var isOpen: Bool { reserve != nil }

  /// Whether the other half of the memory is left beside so many bytes more: it is for requests that have no choice.
  func keepsHalf(beside byteCount: Int) -> Bool {
    (reserve?.takenBytes ?? 0) + byteCount <= (reserve?.byteCount ?? 0) / 2
  }

  /// Opens with memory that was reserved for it.
  ///
  /// - Returns: that memory, if it is not needed because another thread was first.
  mutating func open(_ memory: AnonymousMemory) -> AnonymousMemory? {
    if isOpen { return memory }
    reserve = CopyReserve(memory, pageSize: pageSize)
    return nil
  }

  /// Memory for `byteCount` bytes, held once; nil if there is no run so long. O(runs).
  ///
  /// - Precondition: `!isEmptying`.
  mutating func take(_ byteCount: Int) -> Chunk? {
    precondition(!isBeingEmptied, "memory is taken that is being emptied")
    return reserve?.take(byteCount)
  }

  /// Memory that was had for one request alone, held once.
  mutating func take(_ memory: AnonymousMemory) -> Chunk {
    loneBytes += memory.byteCount
    return Chunk(LoneMemory(memory))
  }

  /// One more holder for a chunk.
  mutating func share(_ chunk: Chunk) {
    if let lone = chunk.lone { lone.holders += 1 } else { reserve?.share(chunk) }
  }

  /// One holder less.
  ///
  /// - Returns: whether that was the last, so that the memory is free again.
  mutating func giveBack(_ chunk: Chunk) -> Bool {
    guard let lone = chunk.lone else { return reserve?.giveBack(chunk) == true }
    lone.holders -= 1
    if lone.holders > 0 { return false }
    loneBytes -= lone.memory.byteCount
    return true
  }

  /// The memory, to be given back to the system, once nobody holds any and nobody is to have it at hand.
  mutating func close(isShutDown: Bool) -> AnonymousMemory? {
    guard let memory = reserve?.unusedMemory, isShutDown || !isKept, !isBeingEmptied else {
      return nil
    }
    reserve = nil
    return memory
  }

  // MARK: Emptying

  /// Whether the memory's pages are being given back, so that none is to be had at this moment.
  var isEmptying: Bool { isBeingEmptied }

  /// The memory whose pages may be given back while its addresses stay, if nobody holds any; until `endEmptying` nobody gets any.
  mutating func beginEmptying() -> AnonymousMemory? {
    guard !isBeingEmptied, let memory = reserve?.unusedMemory else { return nil }
    isBeingEmptied = true
    return memory
  }

  mutating func endEmptying() { isBeingEmptied = false }
}

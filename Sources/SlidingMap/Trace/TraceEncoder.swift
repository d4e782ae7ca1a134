import MapProtocols

/// Turns accesses into the bytes of a format, in blocks.
struct TraceEncoder {
  static let magic: [UInt8] = Array("SMTRACE".utf8) + [1]
  /// A block is taken away when it has so many bytes.
  private static let blockSize = 64 << 10
  private static let unnumbered: Int32 = -1
  /// As many as there are numbers.
  static let mostRegions = Int(Int32.max)

  private let mostRegions: Int
  private let format: TraceFormat
  private var block: [UInt8]
  private var known: [RegionKey: Int32] = [:]
  /// By slot, the number of its region, or `unnumbered` until that is accessed; and what it is.
  private var numbers: [Int32] = []
  private var infos: [RegionInfo] = []
  /// Whether a window came for which there was no number. Nothing is appended from then on.
  private(set) var isExhausted = false

  /// - Parameter mostRegions: how many windows can be numbered.
  init(_ format: TraceFormat, mostRegions: Int) {
    self.format = format
    self.mostRegions = mostRegions
    block = format == .compact ? Self.magic : []
  }

  /// How many windows were accessed.
  var regionCount: Int { known.count }

  /// Whether nothing waits to be taken away.
  var isEmpty: Bool { block.isEmpty }

  /// Whether a block should be taken away.
  var isFull: Bool { block.count >= Self.blockSize }

  /// Takes away what there is, in whole accesses.
  mutating func takeBlock() -> [UInt8] {
    var full: [UInt8] = []
    full.reserveCapacity(Self.blockSize + 64)
    swap(&full, &block)
    return full
  }

  /// Notes what a slot stands for from now on.
  mutating func set(_ slot: RegionSlot, _ region: RegionInfo) {
    if slot.index >= numbers.count {
      let missing = max(slot.index + 1, 2 * numbers.count) - numbers.count
      numbers.append(contentsOf: repeatElement(Self.unnumbered, count: missing))
      infos.append(contentsOf: repeatElement(region, count: missing))
    }
    numbers[slot.index] = Self.unnumbered
    infos[slot.index] = region
  }

  /// Appends accesses from the one at `start` on, until the block is full or the numbers are exhausted.
  ///
  /// - Returns: the first that was not appended.
  mutating func append(_ slots: Span<RegionSlot>, from start: Int, second: UInt32) -> Int {
    var index = start
    while index < slots.count, !isFull, !isExhausted {
      let slot = slots[index].index
      let number = numbers[slot]
      if number == Self.unnumbered {
        guard let number = define(infos[slot], second) else {
          isExhausted = true
          break
        }
        numbers[slot] = number
      } else {
        append(Int(number), infos[slot], second)
      }
      index += 1
    }
    return index
  }

  /// Appends an access to a window not numbered since it was loaded, and returns its number; nil if there is none left.
  private mutating func define(_ region: RegionInfo, _ second: UInt32) -> Int32? {
    let known = known[region.key]
    if known == nil && self.known.count == mostRegions { return nil }
    let number = known ?? Int32(self.known.count)
    if known == nil { self.known[region.key] = number }
    if known == nil && format == .compact {
      block.append(0)
      block.append(littleEndian: region.key.file)
      append(UInt64(region.key.window))
      append(UInt64(region.byteCount))
    } else {
      append(Int(number), region, second)
    }
    return number
  }

  @inline(__always)
  private mutating func append(_ number: Int, _ region: RegionInfo, _ second: UInt32) {
    switch format {
    case .compact:
      append(UInt64(known.count - number))
    case .oracleGeneral:
      block.append(littleEndian: second)
      block.append(littleEndian: UInt64(number) + 1)
      block.append(littleEndian: UInt32(clamping: region.byteCount))
      // Filled in when it is known.
      block.append(littleEndian: UInt64(bitPattern: -1))
    }
  }

  @inline(__always)
  private mutating func append(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      block.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    block.append(UInt8(rest))
  }
}

extension [UInt8] {
  @inline(__always)
  fileprivate mutating func append<T: FixedWidthInteger>(littleEndian value: T) {
    unsafe Swift.withUnsafeBytes(of: value.littleEndian) { unsafe append(contentsOf: $0) }
  }
}

internal import MapProtocols
internal import SystemPackage

/// What a handle of this provider means: a place in one of three tables.
struct ReadTarget: Hashable {
  enum Table {
    /// A descriptor of the process.
    case process
    /// A slot of the ring's table.
    case ring
    /// A descriptor of threads that have a table of their own.
    case threads
  }

  /// The descriptor or the slot.
  let number: Int32
  let table: Table
  /// Whether it may be open with O_DIRECT, so that offsets, counts and addresses must be those of whole pages.
  let isAligned: Bool
  /// Whether O_DIRECT is ours to take back: a duplicate of the caller's shares its flags with the caller's own.
  let ownsFlags: Bool

  private static var slotBit: Int { 1 << 32 }
  private static var threadsBit: Int { 1 << 35 }
  private static var alignedBit: Int { 1 << 33 }
  private static var flagsBit: Int { 1 << 34 }

  init(descriptor: FileDescriptor, isAligned: Bool, ownsFlags: Bool) {
    number = descriptor.rawValue
    table = .process
    self.isAligned = isAligned
    self.ownsFlags = ownsFlags
  }

  init(slot: Int32) {
    number = slot
    table = .ring
    isAligned = false
    ownsFlags = false
  }

  init(ofThreads descriptor: FileDescriptor) {
    number = descriptor.rawValue
    table = .threads
    isAligned = false
    ownsFlags = false
  }

  init(_ handle: Handle) {
    number = Int32(truncatingIfNeeded: handle.rawValue)
    table =
      if handle.rawValue & Self.slotBit != 0 {
        .ring
      } else if handle.rawValue & Self.threadsBit != 0 { .threads } else { .process }
    isAligned = handle.rawValue & Self.alignedBit != 0
    ownsFlags = handle.rawValue & Self.flagsBit != 0
  }

  var handle: Handle {
    let tableBit =
      switch table {
      case .process: 0
      case .ring: Self.slotBit
      case .threads: Self.threadsBit
      }
    return Handle(
      rawValue: Int(number) | tableBit | (isAligned ? Self.alignedBit : 0)
        | (ownsFlags ? Self.flagsBit : 0))
  }

  var isSlot: Bool { table == .ring }

  /// Whether a range must be read by way of whole pages, as O_DIRECT knows nothing else.
  func needsPages(_ range: Range<Int64>, at address: UnsafeMutableRawPointer) -> Bool {
    let place = UInt(bitPattern: address) | UInt(range.lowerBound) | UInt(range.count)
    return isAligned && place & UInt(SystemPage.size - 1) != 0
  }

  /// The descriptor, where it is one.
  var descriptor: FileDescriptor { FileDescriptor(rawValue: number) }
}

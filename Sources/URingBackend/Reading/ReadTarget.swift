internal import MapProtocols
internal import SystemPackage

/// What a handle of this provider means: a descriptor of the process, or a slot of the ring's table.
struct ReadTarget: Hashable {
  /// The descriptor or the slot.
  let number: Int32
  /// Whether it is a slot.
  let isSlot: Bool
  /// Whether it may be open with O_DIRECT, so that offsets, counts and addresses must be those of whole pages.
  let isAligned: Bool
  /// Whether O_DIRECT is ours to take back: a duplicate of the caller's shares its flags with the caller's own.
  let ownsFlags: Bool

  private static var slotBit: Int { 1 << 32 }
  private static var alignedBit: Int { 1 << 33 }
  private static var flagsBit: Int { 1 << 34 }

  init(descriptor: FileDescriptor, isAligned: Bool, ownsFlags: Bool) {
    number = descriptor.rawValue
    isSlot = false
    self.isAligned = isAligned
    self.ownsFlags = ownsFlags
  }

  init(slot: Int32) {
    number = slot
    isSlot = true
    isAligned = false
    ownsFlags = false
  }

  init(_ handle: Handle) {
    number = Int32(truncatingIfNeeded: handle.rawValue)
    isSlot = handle.rawValue & Self.slotBit != 0
    isAligned = handle.rawValue & Self.alignedBit != 0
    ownsFlags = handle.rawValue & Self.flagsBit != 0
  }

  var handle: Handle {
    Handle(
      rawValue: Int(number) | (isSlot ? Self.slotBit : 0) | (isAligned ? Self.alignedBit : 0)
        | (ownsFlags ? Self.flagsBit : 0))
  }

  /// Whether a range must be read by way of whole pages, as O_DIRECT knows nothing else.
  func needsPages(_ range: Range<Int64>, at address: UnsafeMutableRawPointer) -> Bool {
    let place = UInt(bitPattern: address) | UInt(range.lowerBound) | UInt(range.count)
    return isAligned && place & UInt(SystemPage.size - 1) != 0
  }

  /// The descriptor, where it is one.
  var descriptor: FileDescriptor { FileDescriptor(rawValue: number) }
}

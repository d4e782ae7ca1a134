internal import CMapShims
internal import Synchronization

/// Which bytes of a map can't be had: pages past the end of a file that was cut short, and pages that a disk does not give.
///
/// A manager has one for each file as some cursors read it, and hands it to the backend with each extent; see
/// `MappingProvider.watch(_:windowSize:_:)`. What it says once stays said: zeros that stand for a page go on standing there, whatever
/// becomes of the file.
@safe
public final class ExtentPoison: @unchecked Sendable {
  /// For who watches by C functions.
  package let record: OpaquePointer
  private let counter: UnsafePointer<Atomic<UInt64>>

  /// Nothing is missing. Nil if there is no memory.
  package init?() {
    guard let record = unsafe smap_poison_make() else { return nil }
    unsafe self.record = record
    unsafe counter = smap_poison_faults(record).assumingMemoryBound(to: Atomic<UInt64>.self)
  }

  deinit { unsafe smap_poison_free(record) }

  /// Notes that bytes of the file can't be had, before zeros stand for them. Whoever reads them is told. O(cursors on the file), on any
  /// thread. Swift may allocate here, so a handler of signals calls C's `smap_poison_note`.
  public func note(_ range: Range<Int64>) {
    unsafe smap_poison_note(record, range.lowerBound, range.upperBound)
  }

  /// How often something was noted.
  package var faults: Int {
    // What the caller read before, zeros perhaps, comes before.
    atomicMemoryFence(ordering: .acquiring)
    return Int(unsafe counter.pointee.load(ordering: .acquiring))
  }

  /// Asks for what `faults` reads.
  package func prefetch() { unsafe smap_prefetch(counter) }

  /// The first missing byte of a range. O(1).
  package func firstMissing(in range: Range<Int64>) -> Int64? {
    let first = unsafe smap_poison_first(record, range.lowerBound, range.upperBound)
    return first < 0 ? nil : first
  }

  /// As much of a range around `kept`, which is part of it, as has no missing byte but there. O(1).
  package func known(_ range: Range<Int64>, around kept: Range<Int64>) -> Range<Int64> {
    var (start, end) = (range.lowerBound, range.upperBound)
    unsafe smap_poison_narrow(record, kept.lowerBound, kept.upperBound, &start, &end)
    return start..<end
  }

  /// Memory for places of 64 zeroed bytes, of which the third 8 become 1 when something is noted. It stays as long as this object; one
  /// thread at a time asks for it.
  package func addPlaces(_ count: Int) -> UnsafeMutableRawPointer {
    guard let places = unsafe smap_poison_add_places(record, count) else {
      preconditionFailure("there is no memory for a cursor")
    }
    return unsafe places
  }

  package static let placeSize = Int(smap_place_size)
  package static let attentionOffset = Int(smap_attention_offset)
}

/// Where an extent may begin: at addresses that are `residue` modulo `multiple`.
///
/// A touch must not map pages of windows that nobody loaded, for the budget counts those only. Linux maps more than the
/// page touched: the 64 KiB around it ("fault-around"); from 6.18 on the whole folio of the page cache, which may be as
/// large as a page table spans, 2 MiB; and a folio that large by one entry where addresses and offsets agree.
/// MADV_NOHUGEPAGE forbids only the last, and MADV_RANDOM none. But none of them crosses the end of a page table.
///
/// So an extent with windows smaller than a table's span begins one window past a table's start: then a folio of that
/// span always crosses a boundary, and is mapped 64 KiB at a time. For windows of half the span, 1 MiB, nothing else is
/// larger than a window, and a touch stays inside it. With smaller windows folios between their size and the span may
/// still spill; with windows below 64 KiB, fault-around always does.
///
/// Windows that are multiples of the span keep huge entries, which makes them the cheapest by far where the page cache
/// holds huge folios: a scan costs some 4 µs per MiB instead of 80 at 64 KiB a fault.
package struct Placement {
  /// A power of two, at least a page.
  package let multiple: Int
  /// 0, or one window.
  package let residue: Int

  /// The placement for windows of which `alignment` is the largest power of two that divides their size; 1 where there is
  /// one window and any place will do.
  package init(byteCount: Int, alignment: Int, pageSize: Int) {
    let tableSpan = pageSize * (pageSize / 8)
    let window = max(alignment, pageSize)
    let faultAround = max(65_536, pageSize)
    // An extent of one window has no other to spill into.
    if alignment < pageSize || byteCount <= window || max(window, faultAround) >= tableSpan {
      multiple = window
      residue = 0
    } else {
      multiple = tableSpan
      residue = max(window, faultAround)
    }
  }

  /// How many bytes past `address` the first place lies that will do; less than `multiple`.
  package func distance(from address: UnsafeMutableRawPointer) -> Int {
    (residue &- Int(bitPattern: address)) & (multiple - 1)
  }
}

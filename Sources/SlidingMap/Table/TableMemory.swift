import MapProtocols

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// The memory of a window table: a large one costs only the pages whose windows were used.
///
/// calloc(3) alone does not promise that: glibc takes blocks of up to 32 MiB from what was freed before, once a block so large was, and
/// fills them with zeros.
@safe
final class TableMemory {
  let windows: WindowTable
  private let pages: AnonymousMemory?

  /// Tables of so many bytes get pages of their own: what lies behind the end in the last one is little then.
  private static let leastForPages = 128 << 10

  /// Memory for `count` absent windows; nil if there is none.
  init?(windows count: Int) {
    precondition(MemoryLayout<WindowEntry>.stride == 1 << WindowEntry.shift)
    let (byteCount, overflow) = max(count, 1).multipliedReportingOverflow(
      by: 1 << WindowEntry.shift)
    guard !overflow, let rounded = SystemPage.rounded(byteCount) else { return nil }
    let raw: UnsafeMutableRawPointer
    if byteCount < Self.leastForPages {
      guard let block = unsafe calloc(1, byteCount) else { return nil }
      unsafe raw = block
      pages = nil
    } else {
      guard let pages = try? AnonymousMemory(byteCount: rounded) else { return nil }
      unsafe raw = pages.base
      self.pages = pages
    }
    unsafe windows = raw.bindMemory(to: WindowEntry.self, capacity: count)
  }

  deinit { if pages == nil { unsafe free(windows) } }
}

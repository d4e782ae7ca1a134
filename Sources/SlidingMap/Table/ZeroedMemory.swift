import MapProtocols

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Memory of zeros for tables that grow with a file: of a large one only the pages that were touched cost anything. Elements are never
/// deinitialized.
///
/// calloc(3) alone does not promise that: glibc takes blocks of up to 32 MiB from what was freed before, once a block so large was, and
/// fills them with zeros.
@safe
final class ZeroedMemory<Element: ~Copyable> {
  let start: UnsafeMutablePointer<Element>
  let count: Int
  private let pages: AnonymousMemory?

  /// So many bytes and more get pages of their own: what lies behind the end in the last one is little then.
  private static var leastForPages: Int { 128 << 10 }

  /// Memory for `count` elements, for each of which zeros are a value; nil if there is none.
  init?(count: Int) {
    let (byteCount, overflow) = max(count, 1).multipliedReportingOverflow(
      by: MemoryLayout<Element>.stride)
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
    unsafe start = raw.bindMemory(to: Element.self, capacity: count)
    self.count = count
  }

  deinit { if pages == nil { unsafe free(start) } }
}

public import MapProtocols
internal import SystemPackage

extension MMapProvider {
  /// Brings bytes of a file into the page cache: sendfile(2) to /dev/null.
  ///
  /// The kernel reads ahead of it as for any reader in order, in large folios, and nobody looks at the bytes. It needs no map,
  /// and takes less of the processor than pread(2), which copies. MADV_POPULATE_READ is about as good, but needs addresses. posix_fadvise(2)
  /// and readahead(2) read no more for one call than one request. Where sendfile can't be had, pread(2) serves. O(bytes).
  ///
  /// - Throws: `.readFailed`.
  public func warm(_ handle: Handle, _ range: Range<Int64>) throws(MapError) -> Int {
    let descriptor = FileDescriptor(handle)
    var rest = range
    while !rest.isEmpty {
      let count: Int
      do throws(Errno) {
        count = try syscalls.warm(descriptor, at: rest.lowerBound, byteCount: rest.count)
      } catch .notSupported {
        return range.count - rest.count + (try readThrough(handle, rest))
      } catch {
        throw MapError(.readFailed, range: rest, errno: error)
      }
      // The end of the file. Before a page that can't be read it brings fewer, and then says why.
      if count == 0 { break }
      rest = rest.lowerBound + Int64(count)..<rest.upperBound
    }
    return range.count - rest.count
  }

  /// How many bytes of a range the page cache has, those included that are being read just now: cachestat(2), O(pages in memory), which
  /// tells who owns the file or may write it; before Linux 6.5 mincore(2), O(pages of the range), asked only for who owns the file, and
  /// root. Nil for all others.
  public func residentBytes(of handle: Handle, in range: Range<Int64>) -> Int? {
    if range.isEmpty { return 0 }
    let mask = Int64(SystemPage.size - 1)
    let start = range.lowerBound & ~mask
    let byteCount = Int(range.upperBound - start)
    let descriptor = FileDescriptor(handle)
    let pages: Int
    do throws(Errno) {
      do throws(Errno) {
        pages = try syscalls.cachedPages(of: descriptor, at: start, byteCount: byteCount)
      } catch {
        // Of a file of another user mincore(2) would say that all of it is there.
        if error == .notPermitted { throw error }
        pages = try syscalls.mappedPages(of: descriptor, at: start, byteCount: byteCount)
      }
    } catch {
      return nil
    }
    let all = (byteCount - 1) / SystemPage.size + 1
    return pages >= all ? range.count : min(pages * SystemPage.size, range.count)
  }
}

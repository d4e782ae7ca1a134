internal import SystemPackage

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// Where copies of windows lie. The system's memory, unless a provider of the package's own stands in its place for tests.
package protocol CopyMemory: Sendable {
  /// Reserves addresses for a file from its start, and for what it grows by; all zeros, without memory.
  ///
  /// - Parameter alignment: see `MappingProvider.map`.
  /// - Throws: `.addressSpaceExhausted`.
  func reserve(
    fileSize: Int64, byteCount: Int, alignment: Int
  ) throws(MapError) -> Extent
  /// Reserves addresses for a span of a file: one window.
  ///
  /// - Throws: `.addressSpaceExhausted`.
  func reserve(span: Range<Int64>) throws(MapError) -> Extent
  /// Gives addresses back. Nobody uses them any more.
  func release(_ extent: Extent)
  /// Gives a window access before it is read, where its extent opens windows one by one; else it does nothing. `empty` takes it away
  /// again.
  ///
  /// - Throws: `.addressSpaceExhausted`, and then the window is as it was.
  func open(_ region: ExtentRange) throws(MapError)
  /// Gives ranges their memory before something is read into them. A hint.
  func populate(_ regions: [ExtentRange])
  /// Takes the memory of ranges back. Nobody reads there before they are loaded anew.
  func empty(_ regions: [ExtentRange])
}

extension CopyMemory {
  /// As for a file of that length.
  package func reserve(span: Range<Int64>) throws(MapError) -> Extent {
    let extent = try reserve(
      fileSize: Int64(span.count), byteCount: span.count, alignment: 1)
    return extent.moved(to: span.lowerBound)
  }
}

/// Private anonymous memory, without swap reserved for it, which takes room as windows are read; two kernel maps for a file, one of huge
/// pages and one of others. It is not locked, whatever the program has locked.
///
/// Where the system counts memory that may be written to (RLIMIT_DATA, vm.overcommit_memory), an extent is reserved without access, and
/// each window is opened before it is read and closed when it is emptied; so it is where the system refuses the whole access.
///
/// The Darwin variants compile from the same source but were never run.
package struct SystemCopyMemory: CopyMemory, SystemCalls {
  package let faults: SyscallFaults?

  package init(faults: SyscallFaults? = nil) { self.faults = faults }

  /// Reserves addresses, mmap(2) and munlock(2), and gives them access where that costs nothing, mprotect(2).
  ///
  /// Where windows are multiples of a huge page, 2 MiB, all of the file that fills such pages may have them (MADV_HUGEPAGE):
  /// the memory of a window then takes a tenth of the time to come and go. The rest has ordinary pages.
  ///
  /// Where the address space has no room for growth it reserves the file's pages alone. It lies as a map of the file would,
  /// so that one can be put in its place later.
  ///
  /// - Precondition: `0 < fileSize <= byteCount`, and `alignment` is a power of two.
  /// - Throws: `.addressSpaceExhausted` (ENOMEM).
  package func reserve(
    fileSize: Int64, byteCount: Int, alignment: Int
  ) throws(MapError) -> Extent {
    precondition(fileSize > 0 && byteCount >= fileSize, "an extent holds its file")
    precondition(
      alignment > 0 && alignment & (alignment - 1) == 0, "the alignment must be a power of two")
    guard let least = Int(exactly: fileSize).flatMap(SystemPage.rounded) else {
      throw MapError(.addressSpaceExhausted, errno: .noMemory)
    }
    let most = SystemPage.rounded(byteCount) ?? least
    do throws(Errno) {
      do throws(Errno) {
        return try reserve(byteCount: most, alignment: alignment, fileSize: least)
      } catch {
        guard error == .noMemory, most > least else { throw error }
        return try reserve(byteCount: least, alignment: alignment, fileSize: least)
      }
    } catch {
      throw MapError(.addressSpaceExhausted, errno: error)
    }
  }

  private func reserve(byteCount: Int, alignment: Int, fileSize: Int) throws(Errno) -> Extent {
    let placement = Placement(
      byteCount: byteCount, alignment: alignment, pageSize: SystemPage.size)
    let room = placement.multiple > SystemPage.size ? placement.multiple : 0
    let (mapped, overflow) = byteCount.addingReportingOverflow(room)
    if overflow { throw .noMemory }
    let first = try unsafe reserve(byteCount: mapped)
    let head = unsafe placement.distance(from: first)
    let base = unsafe first + head
    unsafe unmap(first, byteCount: head)
    unsafe unmap(base + byteCount, byteCount: mapped - head - byteCount)
    let isOpen =
      !countsWritableMemory && (try? unsafe giveAccess(base, byteCount: byteCount)) != nil
    if !isOpen { return unsafe Extent(base: base, byteCount: byteCount, opensWindows: true) }
    // No window may take more memory than its budget knows of.
    let isHuge = alignment % SystemPage.hugeSize == 0
    let huge = isHuge ? fileSize / SystemPage.hugeSize * SystemPage.hugeSize : 0
    // All of it first, which needs no further kernel map: where maps have run short, only the second call fails.
    unsafe useHugePages(false, base, byteCount: byteCount)
    unsafe useHugePages(true, base, byteCount: huge)
    return unsafe Extent(base: base, byteCount: byteCount)
  }

  /// Gives the memory back: munmap(2).
  package func release(_ extent: Extent) {
    unsafe unmap(extent.base, byteCount: extent.byteCount)
  }

  /// mprotect(2). A window of whole huge pages may have them.
  package func open(_ region: ExtentRange) throws(MapError) {
    guard region.extent.opensWindows else { return }
    let byteCount = SystemPage.rounded(region.byteCount) ?? region.byteCount
    do throws(Errno) {
      try unsafe giveAccess(region.start, byteCount: byteCount)
    } catch {
      let range = region.offset..<region.offset + Int64(region.byteCount)
      throw MapError(.addressSpaceExhausted, range: range, errno: error)
    }
    // All of it or nothing: a part would be a kernel map of its own.
    let place = unsafe UInt(bitPattern: region.start) | UInt(byteCount)
    unsafe useHugePages(
      place % UInt(SystemPage.hugeSize) == 0, region.start, byteCount: byteCount)
  }

  /// MADV_POPULATE_WRITE, one call for each run of neighbours; of Linux 5.14.
  package func populate(_ regions: [ExtentRange]) {
    #if os(Linux)
      let populateWrite: CInt = 23
      for run in regions.runs(pageSize: SystemPage.size) { advise(populateWrite, run) }
    #endif
  }

  /// MADV_DONTNEED; where windows are opened one by one, mmap(2). One call for each run of neighbours, O(n log n).
  package func empty(_ regions: [ExtentRange]) {
    for run in regions.filter({ !$0.extent.opensWindows }).runs(pageSize: SystemPage.size) {
      guard let start = unsafe UnsafeMutableRawPointer(bitPattern: run.lowerBound) else { continue }
      unsafe drop(start, byteCount: run.count)
    }
    for run in regions.filter(\.extent.opensWindows).runs(pageSize: SystemPage.size) {
      guard let start = unsafe UnsafeMutableRawPointer(bitPattern: run.lowerBound) else { continue }
      unsafe takeAccess(start, byteCount: run.count)
    }
  }

  private func advise(_ advice: CInt, _ run: Range<UInt>) {
    guard let start = unsafe UnsafeMutableRawPointer(bitPattern: run.lowerBound) else { return }
    _ = try? retrying(.madvise) { unsafe Int(madvise(start, run.count, advice)) }
  }
}

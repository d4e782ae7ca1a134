public import MapProtocols
internal import SystemPackage

/// Regions by mmap(2): the bytes are the page cache's own, shared with every other reader of the file.
///
/// A file is mapped once, from its start, with room past its end. A window is a part of that map: it loads by being
/// touched and unloads by MADV_DONTNEED, so that a reader who comes late gets the right bytes all the same. The map
/// keeps its file: it can be read on after its descriptor was closed and its path removed.
///
/// A page that can't be had, because the file was cut short or a disk fails, would end the process by SIGBUS. It is guarded against
/// that: see `watch(_:windowSize:_:)`.
public final class MMapProvider: MappingProvider {
  /// "mmap".
  public var name: String { "mmap" }
  /// Loaded by touching, unless it populates; Linux maps up to 1 MiB around a page that is touched.
  public let mapping: MappingProperties
  /// Maps windows alone where it must.
  public var mapsSpans: Bool { true }
  /// The time of a fault for each of some pages.
  public var reloadCost: Int { 3_000 }
  /// As given to `init`; without a takeover nothing is bypassed.
  public let bypassLimit: Int
  /// What serves files that can't be opened or mapped, as given to `init`.
  public let takeover: Takeover?
  /// Whether missing pages are errors of those who read them, and not the end of the process; as given to `init`.
  public let isGuarded: Bool
  let watches = Guarded<[UInt: Watch]>([:], isScheduled: false)
  let syscalls: Syscalls
  let populator: Populator

  /// Makes a provider; it holds nothing until a file is opened.
  ///
  /// - Parameters:
  ///   - populate: whether a window's pages are all mapped when it is loaded (MADV_POPULATE_READ), at the price of
  ///     reading all of it, instead of one by one when touched.
  ///   - takeover: the backend that serves where no descriptor or no addresses are to be had; nil lets such requests fail.
  ///   - bypassLimit: see `RegionProvider.bypassLimit`; without a takeover nothing is bypassed.
  ///   - isGuarded: whether missing pages are errors of those who read them. False leaves SIGBUS to the program: then a file that is cut
  ///     short while it is read ends the process.
  ///   - paths: where paths begin, and whether links are followed; the takeover has its own.
  public convenience init(
    populate: Bool = false, takeover: Takeover? = nil,
    bypassLimit: Int = 0, isGuarded: Bool = true, paths: PathResolution = .ordinary
  ) {
    self.init(
      populate: populate, takeover: takeover, bypassLimit: bypassLimit, isGuarded: isGuarded,
      paths: paths, faults: nil)
  }

  /// Makes a provider whose system calls `faults` may fail.
  package init(
    populate: Bool = false, takeover: Takeover? = nil,
    bypassLimit: Int = 0, isGuarded: Bool = true, paths: PathResolution = .ordinary,
    faults: SyscallFaults?
  ) {
    self.isGuarded = isGuarded
    mapping = MappingProperties(
      loadsWhenTouched: !populate, faultAround: 1 << 20, unloadsTogether: Syscalls.dropsTogether)
    self.bypassLimit = takeover == nil ? 0 : bypassLimit
    syscalls = Syscalls(faults: faults, paths: paths)
    populator = Populator(syscalls)
    self.takeover = takeover
  }

  deinit { shutdown() }

  // MARK: Extents

  /// Maps the file whole: one mmap(2), PROT_READ and MAP_SHARED, aligned.
  ///
  /// Where the address space has no room for growth it maps the file's pages alone. Files on hugetlbfs lie where the kernel puts them.
  ///
  /// - Precondition: `0 < fileSize <= byteCount`, and `alignment` is a power of two.
  /// - Throws: `.addressSpaceExhausted` (ENOMEM), `.notMappable` (ENODEV, EACCES).
  public func map(
    _ handle: Handle, fileSize: Int64, byteCount: Int, alignment: Int
  ) throws(MapError) -> Extent {
    precondition(fileSize > 0 && byteCount >= fileSize, "an extent holds its file")
    precondition(
      alignment > 0 && alignment & (alignment - 1) == 0, "the alignment must be a power of two")
    let descriptor = FileDescriptor(handle)
    guard let least = Int(exactly: fileSize).flatMap(SystemPage.rounded) else {
      throw MapError(.addressSpaceExhausted, errno: .noMemory)
    }
    let most = SystemPage.rounded(byteCount) ?? least
    do throws(Errno) {
      do throws(Errno) {
        return try map(descriptor, byteCount: most, alignment: alignment)
      } catch {
        guard error == .noMemory, most > least else { throw error }
        return try map(descriptor, byteCount: least, alignment: alignment)
      }
    } catch {
      throw MapError(mapping: error)
    }
  }

  /// Maps a part of the file: one mmap(2), PROT_READ and MAP_SHARED, wherever the kernel likes.
  ///
  /// - Precondition: the span begins at a page.
  /// - Throws: `.addressSpaceExhausted` (ENOMEM), `.notMappable` (ENODEV, EACCES; parts of huge pages on hugetlbfs).
  public func map(_ handle: Handle, span: Range<Int64>) throws(MapError) -> Extent {
    let descriptor = FileDescriptor(handle)
    do throws(Errno) {
      if syscalls.hasHugePages(descriptor) { throw .invalidArgument }
      let base = try unsafe syscalls.map(
        descriptor, at: span.lowerBound, byteCount: span.count)
      return unsafe Extent(base: base, byteCount: span.count, offset: span.lowerBound)
    } catch {
      throw MapError(mapping: error)
    }
  }

  /// Maps the file over another provider's copies: one mmap(2), MAP_SHARED and MAP_FIXED, over the whole extent.
  ///
  /// The kernel puts the one in the place of the other under its lock: who touches the addresses meanwhile waits for it, and
  /// gets the same bytes from the file. Pages past the end of the file are past the end of this extent's file too.
  ///
  /// - Precondition: the extent holds at least the file's first byte, and begins at a page.
  /// - Throws: `.addressSpaceExhausted` (ENOMEM), `.notMappable` (ENODEV, EACCES; files on hugetlbfs). The old extent is whole then.
  public func map(
    _ handle: Handle, fileSize: Int64, replacing extent: Extent
  ) throws(MapError) -> Extent {
    precondition(fileSize > 0 && extent.byteCount > 0, "an extent holds its file")
    let descriptor = FileDescriptor(handle)
    do throws(Errno) {
      if syscalls.hasHugePages(descriptor) { throw .invalidArgument }
      // Limits (RLIMIT_AS, the map count) are checked before the kernel touches what is mapped already. But the file system's
      // own say, such as ENODEV for a file in /sys, comes after the old pages are gone, and then leaves a hole: on Linux
      // 6.18 too, although since 6.12 most failures put back what was there. So a page of the file, mapped elsewhere, finds
      // that out before. What could still fail is the kernel's memory for the description of a map, some hundred bytes.
      let page = try unsafe syscalls.map(descriptor, byteCount: SystemPage.size)
      unsafe syscalls.unmap(page, byteCount: SystemPage.size)
      try unsafe syscalls.map(descriptor, byteCount: extent.byteCount, at: extent.base)
    } catch {
      throw MapError(mapping: error)
    }
    return unsafe Extent(base: extent.base, byteCount: extent.byteCount)
  }

  private func map(
    _ descriptor: FileDescriptor, byteCount: Int, alignment: Int
  ) throws(Errno) -> Extent {
    let placement = Placement(
      byteCount: byteCount, alignment: alignment, pageSize: SystemPage.size)
    let base = try unsafe map(descriptor, byteCount: byteCount, placement)
    return unsafe Extent(base: base, byteCount: byteCount)
  }

  private func map(
    _ descriptor: FileDescriptor, byteCount: Int, _ placement: Placement
  ) throws(Errno) -> UnsafeMutableRawPointer {
    // A map of huge pages is as long as they are, also where that reaches past addresses of our own.
    if syscalls.hasHugePages(descriptor) {
      return try unsafe syscalls.map(descriptor, byteCount: byteCount)
    }
    if placement.residue == 0 {
      // The kernel aligns large file maps to huge pages by itself: mostly that is enough.
      let base = try unsafe syscalls.map(descriptor, byteCount: byteCount)
      if unsafe placement.distance(from: base) == 0 { return unsafe base }
      unsafe syscalls.unmap(base, byteCount: byteCount)
    }
    let (reserved, overflow) = byteCount.addingReportingOverflow(placement.multiple)
    if overflow { throw .noMemory }
    let reservation = try unsafe syscalls.reserve(byteCount: reserved)
    let head = unsafe placement.distance(from: reservation)
    let base = unsafe reservation + head
    do throws(Errno) {
      try unsafe syscalls.map(descriptor, byteCount: byteCount, at: base)
    } catch {
      unsafe syscalls.unmap(reservation, byteCount: reserved)
      throw error
    }
    unsafe syscalls.unmap(reservation, byteCount: head)
    unsafe syscalls.unmap(base + byteCount, byteCount: reserved - head - byteCount)
    return unsafe base
  }

  /// Unmaps the file: munmap(2).
  public func unmap(_ extent: Extent) {
    unsafe syscalls.unmapFile(extent.base, byteCount: extent.byteCount)
  }

  // MARK: Windows

  /// Maps all pages of the windows: MADV_POPULATE_READ for each. A kernel without it, before Linux 5.14, leaves them to be
  /// touched.
  ///
  /// Sets `.fileTruncated` where the file ends before a window's last page, `.readFailed` where reading fails.
  public func load(_ loads: inout [RegionLoad]) {
    for index in loads.indices { syscalls.populate(&loads[index]) }
  }

  /// Gives the pages of the ranges back: MADV_DONTNEED, neighbours as one range; in one call for all where the kernel has
  /// it (process_madvise(2) on the process itself, some 6.14 and later), else one for each. O(n log n).
  public func unload(_ regions: [ExtentRange]) {
    let runs = regions.runs(pageSize: SystemPage.size)
    if runs.count <= Self.mostRanges { return unsafe syscalls.drop(runs) }
    for start in stride(from: 0, to: runs.count, by: Self.mostRanges) {
      unsafe syscalls.drop(Array(runs[start...].prefix(Self.mostRanges)))
    }
  }

  /// What the kernel takes in one call: IOV_MAX.
  private static let mostRanges = 1024

  /// Tells the kernel how a range will be read: madvise(2); `.willNeed` piece by piece, as it reads no more for one call
  /// than one request of the disk's.
  ///
  /// Save for `.willNeed` a part of an extent becomes a kernel map of its own, which managers count.
  public func advise(_ advice: AccessAdvice, _ region: ExtentRange) {
    if advice == .willNeed {
      syscalls.willNeed(region, 0..<region.byteCount)
      return
    }
    unsafe syscalls.advise(
      advice, region.start,
      byteCount: SystemPage.rounded(region.byteCount) ?? region.byteCount)
  }
}

extension RegionProvider where Self == MMapProvider {
  /// Regions by mmap(2), loaded as they are touched.
  public static var mmap: MMapProvider { MMapProvider() }

  /// Regions by mmap(2).
  ///
  /// - Parameters:
  ///   - populate: whether a window's pages are all mapped when it is loaded, instead of one by one when touched.
  ///   - paths: where paths begin, and whether links are followed.
  public static func mmap(
    populate: Bool = false, paths: PathResolution = .ordinary
  ) -> MMapProvider {
    MMapProvider(populate: populate, paths: paths)
  }
}

extension MapError {
  /// What it means that mmap(2) failed.
  fileprivate init(mapping errno: Errno) {
    switch errno {
    case .noMemory, .resourceTemporarilyUnavailable, .overflow:
      self.init(.addressSpaceExhausted, errno: errno)
    default: self.init(.notMappable, errno: errno)
    }
  }
}

extension FileDescriptor {
  /// The descriptor that a handle of this provider is.
  init(_ handle: Handle) {
    self.init(rawValue: CInt(handle.rawValue))
  }
}

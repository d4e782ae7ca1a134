public import MapProtocols
public import SystemPackage

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Regions by mmap(2): a file is mapped once, whole and read-only; its windows come and go inside that map.
///
/// A window loads by being touched, or at once with `populate`, and unloads by madvise(2) with MADV_DONTNEED. So window
/// `i` always lies at the same address, neighbouring windows are contiguous, and a file costs one kernel map whatever its
/// windows. Writes to the file show as they happen. The map keeps the file readable after its descriptor was closed and
/// its path removed.
public final class MMapProvider: RegionProvider {
  /// See `ProviderProperties`.
  public let properties: ProviderProperties
  private let advice: AccessAdvice
  private let system: Syscalls

  /// - Parameters:
  ///   - populate: read windows in when they are loaded (MADV_POPULATE_READ) rather than when they are touched. A file
  ///     that was truncated meanwhile is an error then.
  ///   - advice: how files will be read; it governs how far the kernel reads ahead.
  public convenience init(populate: Bool = false, advice: AccessAdvice = .normal) {
    self.init(populate: populate, advice: advice, faults: nil)
  }

  package init(populate: Bool, advice: AccessAdvice, faults: Syscalls.Faults?) {
    // A miss with an eviction, page cache hot, measured: 4 to 8 microseconds.
    properties = ProviderProperties(
      name: "mmap", isAnonymous: false, isCoherent: true, loadsWhenTouched: !populate,
      faultAround: 64 << 10, extentKeepsFile: true, mapsPerExtent: 1, reloadCost: 5_000)
    self.advice = advice
    system = Syscalls(faults: faults)
  }

  // MARK: Files

  /// open(2) or fcntl(2) with F_DUPFD_CLOEXEC, then fstat(2).
  public func open(_ source: FileSource) throws(MapError) -> OpenedFile {
    let descriptor = try openDescriptor(source)
    do throws(MapError) {
      let status = try check(descriptor, source)
      return OpenedFile(handle: Handle(rawValue: Int(descriptor)), status: status)
    } catch {
      system.close(descriptor)
      throw error
    }
  }

  private func openDescriptor(_ source: FileSource) throws(MapError) -> Int32 {
    let result: Result<Int32, Errno>
    switch source {
    case .path(let path): result = system.open(path)
    case .descriptor(let descriptor): result = system.duplicate(descriptor.rawValue)
    }
    switch result {
    case .success(let descriptor): return descriptor
    case .failure(.tooManyOpenFiles), .failure(.tooManyOpenFilesInSystem):
      throw MapError(.handlesExhausted, source: source, errno: result.failure)
    case .failure(let errno):
      // A socket in the file system refuses to be opened (ENXIO); its status says why.
      if let path = source.path, case .success(let status) = system.status(at: path) {
        try checkKind(status, source)
      }
      throw MapError(.openFailed, source: source, errno: errno)
    }
  }

  private func check(_ descriptor: Int32, _ source: FileSource) throws(MapError) -> FileStatus {
    let status: stat
    switch system.status(of: descriptor) {
    case .success(let found): status = found
    case .failure(let errno): throw MapError(.openFailed, source: source, errno: errno)
    }
    try checkKind(status, source)
    if case .descriptor = source, !system.isReadable(descriptor) {
      throw MapError(.openFailed, source: source, errno: .permissionDenied)
    }
    if status.st_size == 0 && system.hasContent(descriptor) {
      throw MapError(.unsizedFile, source: source)
    }
    return FileStatus(status)
  }

  private func checkKind(_ status: stat, _ source: FileSource) throws(MapError) {
    switch status.st_mode & S_IFMT {
    case S_IFREG: return
    case S_IFDIR: throw MapError(.notRegularFile, source: source, errno: .isDirectory)
    case S_IFBLK: throw MapError(.blockDevice, source: source)
    default: throw MapError(.notRegularFile, source: source)
    }
  }

  /// stat(2).
  public func status(at path: FilePath) throws(MapError) -> FileStatus {
    switch system.status(at: path) {
    case .success(let status): return FileStatus(status)
    case .failure(let errno): throw MapError(.openFailed, source: .path(path), errno: errno)
    }
  }

  /// fstat(2).
  public func status(of handle: Handle) throws(MapError) -> FileStatus {
    switch system.status(of: Int32(handle.rawValue)) {
    case .success(let status): return FileStatus(status)
    case .failure(let errno): throw MapError(.openFailed, errno: errno)
    }
  }

  /// close(2).
  public func close(_ handle: Handle) { system.close(Int32(handle.rawValue)) }

  // MARK: Extents

  private static let hugePage = 2 << 20

  /// One mmap(2), PROT_READ and MAP_SHARED, of the file and the room past its end.
  ///
  /// A fault maps what the page cache holds around it: 64 KiB, or a huge page where the cache has one and both addresses
  /// and offsets are aligned to it. The base is aligned so that the first stays inside a window, and huge pages are
  /// turned off (MADV_NOHUGEPAGE) where they would not.
  public func makeExtent(
    _ handle: Handle, fileSize: Int64, byteCount: Int, alignment: Int
  ) throws(MapError) -> Extent {
    precondition(fileSize > 0, "an empty file has no extent")
    let descriptor = Int32(handle.rawValue)
    var length = byteCount
    var result = unsafe mapAligned(descriptor, length, alignment)
    if case .failure(.noMemory) = unsafe result {
      let page = Int(sysconf(Int32(_SC_PAGESIZE)))
      length = (Int(fileSize) + page - 1) / page * page
      if length < byteCount { unsafe result = unsafe mapAligned(descriptor, length, alignment) }
    }
    switch unsafe result {
    case .success(let base):
      if alignment < Self.hugePage { unsafe system.advise(base, length, .noHugePages) }
      if advice != .normal { unsafe system.advise(base, length, Syscalls.Advice(advice)) }
      return unsafe Extent(base: base, byteCount: length)
    case .failure(.operationNotSupportedByDevice), .failure(.permissionDenied):
      throw MapError(.notMappable, errno: unsafe result.failure)
    case .failure(let errno):
      throw MapError(.addressSpaceExhausted, errno: errno)
    }
  }

  private func mapAligned(
    _ descriptor: Int32, _ length: Int, _ alignment: Int
  ) -> Result<UnsafeMutableRawPointer, Errno> {
    let first = unsafe system.map(descriptor, length)
    guard case .success(let address) = unsafe first,
      UInt(bitPattern: address) % UInt(alignment) != 0
    else { return unsafe first }
    // Not aligned by luck: take more addresses than needed and map inside them.
    unsafe system.unmap(address, length)
    let reserved = unsafe system.reserve(length + alignment)
    guard case .success(let start) = unsafe reserved else { return unsafe reserved }
    let head = Int((0 &- UInt(bitPattern: start)) % UInt(alignment))
    let base = unsafe start + head
    let result = unsafe system.map(descriptor, length, at: base)
    if case .failure = unsafe result {
      unsafe system.unmap(start, length + alignment)
      return unsafe result
    }
    if head > 0 { unsafe system.unmap(start, head) }
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let end = (length + page - 1) / page * page
    if alignment > head { unsafe system.unmap(base + end, length + alignment - head - end) }
    return unsafe result
  }

  /// munmap(2).
  public func release(_ extent: Extent) {
    unsafe system.unmap(extent.base, extent.byteCount)
  }

  // MARK: Windows

  /// madvise(2) with MADV_POPULATE_READ. On a kernel without it (before Linux 5.14) windows load by touch.
  public func load(_ loads: inout [RegionLoad]) {
    for index in loads.indices {
      let region = loads[index].region
      let failure = unsafe system.advise(region.start, region.byteCount, .populate)
      switch failure {
      case nil, .invalidArgument: break
      case .badAddress: loads[index].error = MapError(.fileTruncated, errno: failure)
      default: loads[index].error = MapError(.readFailed, errno: failure)
      }
    }
  }

  /// madvise(2) with MADV_DONTNEED, one call for each run of neighbours.
  public func unload(_ regions: [ExtentRange]) {
    if regions.count == 1 {
      unsafe system.advise(regions[0].start, regions[0].byteCount, .dontNeed)
      return
    }
    let sorted = regions.sorted { unsafe $0.start < $1.start }
    var index = 0
    while index < sorted.count {
      let start = unsafe sorted[index].start
      var end = unsafe start + sorted[index].byteCount
      index += 1
      while index < sorted.count, unsafe sorted[index].start == end {
        unsafe end += sorted[index].byteCount
        index += 1
      }
      unsafe system.advise(start, end - start, .dontNeed)
    }
  }

  /// madvise(2) with the like-named advice.
  public func advise(_ advice: AccessAdvice, _ region: ExtentRange) {
    unsafe system.advise(region.start, region.byteCount, Syscalls.Advice(advice))
  }
}

extension RegionProvider where Self == MMapProvider {
  /// Windows by mmap(2), loaded when they are touched.
  public static var mmap: MMapProvider { MMapProvider() }

  /// Windows by mmap(2), with a choice of when they load and how far the kernel reads ahead.
  public static func mmap(
    populate: Bool = false, advice: AccessAdvice = .normal
  ) -> MMapProvider {
    MMapProvider(populate: populate, advice: advice)
  }
}

extension Syscalls.Advice {
  init(_ advice: AccessAdvice) {
    switch advice {
    case .normal: self = .normal
    case .random: self = .random
    case .sequential: self = .sequential
    case .willNeed: self = .willNeed
    }
  }
}

extension Result {
  var failure: Failure? {
    if case .failure(let failure) = self { failure } else { nil }
  }
}

extension FileStatus {
  init(_ status: stat) {
    #if canImport(Darwin)
      let time = status.st_ctimespec
    #else
      let time = status.st_ctim
    #endif
    self.init(
      identity: FileIdentity(
        device: UInt64(truncatingIfNeeded: status.st_dev), inode: UInt64(status.st_ino)),
      generation: FileGeneration(
        size: Int64(status.st_size),
        changeTime: Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)))
  }
}

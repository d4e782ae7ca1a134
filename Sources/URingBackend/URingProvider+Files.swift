internal import CURing
public import MapProtocols
internal import Synchronization
internal import SystemPackage

#if canImport(Darwin)
  internal import Darwin
#elseif canImport(Glibc)
  internal import Glibc
#endif

extension URingProvider {
  /// Opens a path (openat(2), never hanging on a FIFO or a terminal), or duplicates a descriptor; then statx(2). Where the
  /// process or the system has no descriptor left, or at once if the provider `opensDirectly`, into the ring's table instead. Where the ring
  /// has none, and the process no descriptor left, in a thread that has a table of its own (close_range(2), Linux 5.9).
  ///
  /// - Throws: `.notRegularFile`, `.blockDevice`, `.unsizedFile`, `.handlesExhausted` (EMFILE or ENFILE, and the other table
  ///   is full or missing), `.shutdown`, `.forked` where a child of fork(2) would need the ring, and `.openFailed` for all else.
  public func open(_ source: FileSource) throws(MapError) -> OpenedFile {
    if hasShutDown { throw MapError(.shutdown, source: source) }
    guard let ring, let spare else {
      return try openWithoutRing(source)
    }
    if !opensDirectly {
      do throws(MapError) {
        return try openOrdinary(source)
      } catch {
        guard error.code == .handlesExhausted else { throw error }
      }
    }
    do throws(MapError) {
      if isForked { throw MapError(.forked) }
      switch source {
      case .path(let path): return try openDirectly(path, ring, spare)
      case .descriptor(let descriptor): return try adopt(descriptor, ring)
      case .name: throw MapError(.unsupported)
      }
    } catch {
      // The kernel refuses the ring, as in a sandbox that was closed later.
      if error.code == .readFailed { return try openWithoutRing(source) }
      throw error.about(source)
    }
  }

  private func openWithoutRing(_ source: FileSource) throws(MapError) -> OpenedFile {
    do throws(MapError) {
      return try openOrdinary(source)
    } catch {
      // ENFILE bounds all tables together.
      if error.errno != .tooManyOpenFiles { throw error }
      return try openOnThreads(source)
    }
  }

  private func openOrdinary(_ source: FileSource) throws(MapError) -> OpenedFile {
    let (descriptor, status) = try syscalls.openFile(source)
    let target =
      switch source {
      case .path, .name:
        ReadTarget(
          descriptor: descriptor,
          isAligned: isDirect && (try? syscalls.setDirect(true, descriptor)) != nil,
          ownsFlags: true)
      // Its flags are the caller's, and can't be changed for the duplicate alone.
      case .descriptor:
        ReadTarget(
          descriptor: descriptor, isAligned: syscalls.isDirect(descriptor), ownsFlags: false)
      }
    return OpenedFile(handle: target.handle, status: status)
  }

  // MARK: Descriptors of threads

  private func openOnThreads(_ source: FileSource) throws(MapError) -> OpenedFile {
    // Found by /proc in the process's own table, which the threads have left.
    var (known, path): (FileStatus?, FilePath) = (nil, "")
    switch source {
    case .path(let original): path = syscalls.paths.pathForOtherTables(original)
    case .descriptor(let descriptor):
      do throws(Errno) {
        guard try syscalls.isReadable(descriptor) else { throw .permissionDenied }
      } catch {
        throw MapError(opening: error).about(source)
      }
      known = try syscalls.examine(descriptor)
      path = PathResolution.pathForOtherTables(descriptor)
    case .name: throw MapError(.unsupported, source: source)
    }
    var calls = syscalls
    calls.paths = source.path == nil ? .ordinary : syscalls.paths.withoutDirectory
    do throws(MapError) {
      let file = try threads.run { () throws(MapError) in
        let file = try calls.openFile(.path(path))
        if known != nil && known?.identity != file.status.identity {
          calls.close(file.descriptor)
          throw MapError(.fileChanged)
        }
        return file
      }
      return OpenedFile(handle: ReadTarget(ofThreads: file.descriptor).handle, status: file.status)
    } catch {
      throw MapError(error.code, source: source, errno: error.errno)
    }
  }

  // MARK: Direct descriptors

  /// Opens it as a descriptor of the process, for a moment, and has the ring take it over. Where the place of the spare one was taken by
  /// another thread of the process in that moment, in a thread that has a table of its own.
  private func openDirectly(
    _ path: FilePath, _ ring: Ring, _ spare: SpareDescriptor
  ) throws(MapError) -> OpenedFile {
    var lease = LeaseWait()
    while true {
      let slot = try take(ring)
      do throws(MapError) {
        return try spare.whileGivenUp { () throws(MapError) in
          let file = try syscalls.openFile(.path(path), waitsForLease: false)
          defer { syscalls.close(file.descriptor) }
          try adopt(file.descriptor, into: slot, ring)
          return hold(path, file.status, in: slot)
        }
      } catch {
        ring.putSlot(slot)
        if error.errno == .tooManyOpenFiles { return try openOnThreads(.path(path)) }
        // Others wait for a spare descriptor, but not for somebody's lease.
        guard syscalls.isLeased(path, error), lease.wait() else { throw error }
      }
    }
  }

  private func take(_ ring: Ring) throws(MapError) -> Int32 {
    guard let slot = ring.takeSlot() else {
      throw MapError(hasShutDown ? .shutdown : .handlesExhausted, errno: .tooManyOpenFiles)
    }
    return slot
  }

  /// Puts a descriptor of the caller's into the table.
  private func adopt(_ descriptor: FileDescriptor, _ ring: Ring) throws(MapError) -> OpenedFile {
    do throws(Errno) {
      guard try syscalls.isReadable(descriptor) else { throw .permissionDenied }
    } catch {
      throw MapError(opening: error)
    }
    let status = try syscalls.examine(descriptor)
    let slot = try take(ring)
    do throws(MapError) {
      try adopt(descriptor, into: slot, ring)
    } catch {
      ring.putSlot(slot)
      throw error
    }
    return hold(nil, status, in: slot)
  }

  /// Puts a descriptor into a slot, which takes a reference of its own to the open file.
  private func adopt(
    _ descriptor: FileDescriptor, into slot: Int32, _ ring: Ring
  ) throws(MapError) {
    var request = unsafe Ring.Request()
    unsafe request.operation = UInt8(SMAP_RING_ADOPT)
    unsafe request.file = slot
    unsafe request.adopted = descriptor.rawValue
    let result = try unsafe Self.run(request, ring)
    if result < 0 { throw MapError(opening: Errno(rawValue: -result)) }
  }

  /// Remembers a file in the table.
  private func hold(_ path: FilePath?, _ status: FileStatus, in slot: Int32) -> OpenedFile {
    directFiles[slot] = DirectFiles.File(path: path, identity: status.identity)
    return OpenedFile(handle: ReadTarget(slot: slot).handle, status: status)
  }

  /// Carries out a request, again if the thread that gave it to the kernel, which may be another than this, ended meanwhile.
  private static func run(_ request: Ring.Request, _ ring: Ring) throws(MapError) -> Int32 {
    while true {
      let result = try unsafe ring.run(request)
      if result != -Errno.canceled.rawValue, result != -Errno.interrupted.rawValue { return result }
    }
  }

  // MARK: Status

  /// A relative path from the root: getcwd(3).
  public func resolve(_ source: FileSource) -> FileSource { syscalls.paths.resolve(source) }

  /// What a source leads to now: statx(2).
  ///
  /// - Throws: `.openFailed`.
  public func status(of source: FileSource) throws(MapError) -> FileStatus {
    try syscalls.status(of: source)
  }

  /// What a handle leads to now: statx(2).
  ///
  /// A descriptor of threads is asked there. For a direct descriptor its path is asked (statx(2)) as long as it leads to the same file. Else the file gets a
  /// descriptor of the process for that moment (IORING_OP_FIXED_FD_INSTALL, Linux 6.8).
  ///
  /// - Throws: `.openFailed`. For a direct descriptor also `.fileChanged` where nobody can tell, because the kernel is older
  ///   or no descriptor is left, `.shutdown` and `.forked`.
  public func status(of handle: Handle) throws(MapError) -> FileStatus {
    let target = ReadTarget(handle)
    switch target.table {
    case .process: return try syscalls.status(of: target.descriptor)
    case .threads:
      return try threads.run { () throws(MapError) in try syscalls.status(of: target.descriptor) }
    case .ring: break
    }
    if isForked { throw MapError(.forked) }
    guard let file = directFiles[target.number] else {
      throw MapError(.openFailed, errno: .badFileDescriptor)
    }
    // As long as the slot holds the file, no other one gets its inode.
    if let path = file.path, let now = try? syscalls.status(of: .path(path)),
      now.identity == file.identity
    {
      return now
    }
    return try status(ofSlot: target.number)
  }

  private func status(ofSlot slot: Int32) throws(MapError) -> FileStatus {
    guard let ring, let spare, canInstall.load(ordering: .relaxed) else {
      throw MapError(.fileChanged, errno: .invalidArgument)
    }
    return try spare.whileGivenUp { () throws(MapError) in
      let descriptor = try install(slot, ring)
      defer { syscalls.close(descriptor) }
      return try syscalls.status(of: descriptor)
    }
  }

  /// A descriptor of the process for the file in a slot.
  private func install(_ slot: Int32, _ ring: Ring) throws(MapError) -> FileDescriptor {
    var request = unsafe Ring.Request()
    unsafe request.operation = UInt8(SMAP_RING_INSTALL)
    unsafe request.file = slot
    let result: Int32
    if let fault = syscalls.faults?.next(.ringInstall) {
      result = -fault.rawValue
    } else {
      result = try unsafe Self.run(request, ring)
    }
    if result >= 0 { return FileDescriptor(rawValue: result) }
    let errno = Errno(rawValue: -result)
    // Descriptors may be free later; the kernel stays as old as it is.
    if errno == .invalidArgument { canInstall.store(false, ordering: .relaxed) }
    throw MapError(.fileChanged, errno: errno)
  }

  /// Closes a handle: close(2), or a request that closes the slot.
  public func close(_ handle: Handle) {
    let target = ReadTarget(handle)
    switch target.table {
    case .process:
      syscalls.close(target.descriptor)
      return
    case .threads:
      // After a shutdown it is closed already.
      try? threads.run { () throws(MapError) in syscalls.close(target.descriptor) }
      return
    case .ring: break
    }
    // A child's table is empty: what it was given is the parent's.
    guard !isForked, let ring else { return }
    directFiles[target.number] = nil
    ring.closeSlot(target.number)
  }
}

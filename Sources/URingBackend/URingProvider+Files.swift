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
  /// Opens a path (open(2), never hanging on a FIFO or a terminal), or duplicates a descriptor; then statx(2). Where the
  /// process or the system has no descriptor left, or at once if the provider `opensDirectly`, into the ring's table instead.
  ///
  /// - Throws: `.notRegularFile`, `.blockDevice`, `.unsizedFile`, `.handlesExhausted` (EMFILE or ENFILE, and the ring's table
  ///   is full or missing), `.fileChanged` for a path that leads to another file at each look, `.shutdown`, `.forked` where a
  ///   child of fork(2) would need the ring, and `.openFailed` for all else.
  public func open(_ source: FileSource) throws(MapError) -> OpenedFile {
    if hasShutDown { throw MapError(.shutdown, source: source) }
    guard let ring, features.directDescriptors.isPresent else { return try openOrdinary(source) }
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
      case .path(let path): return try openDirectly(path, ring)
      case .descriptor(let descriptor): return try adopt(descriptor, ring)
      case .name: throw MapError(.unsupported)
      }
    } catch {
      throw error.about(source)
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

  // MARK: Direct descriptors

  /// What was opened can't be examined without a descriptor of the process, and none may be left. So the path is, before and
  /// after: where it led to the same version of the same file, that was opened.
  private func openDirectly(_ path: FilePath, _ ring: Ring) throws(MapError) -> OpenedFile {
    var lease = LeaseWait()
    var tries = 8
    while tries > 0 {
      tries -= 1
      let before = try examine(path)
      let slot = try take(ring)
      let isOpen: Bool
      do throws(MapError) {
        isOpen = try open(path, into: slot, ring)
      } catch {
        ring.putSlot(slot)
        // Another process holds a lease on it.
        if error.errno != .resourceTemporarilyUnavailable || !lease.wait() { throw error }
        tries += 1
        continue
      }
      guard isOpen else {
        ring.putSlot(slot)
        continue
      }
      // Before the path is asked again, so that a file that somebody writes to is not taken for one without a size.
      let isUnsized = before.size == 0 && hasContent(ReadTarget(slot: slot), ring)
      if (try? syscalls.status(of: .path(path)))?.isSame(as: before) == true {
        if !isUnsized { return hold(path, before, in: slot) }
        ring.closeSlot(slot)
        throw MapError(.unsizedFile)
      }
      ring.closeSlot(slot)
    }
    throw MapError(.fileChanged)
  }

  /// The status of what the path leads to, if it may be opened.
  private func examine(_ path: FilePath) throws(MapError) -> FileStatus {
    let clock = FileStatus.changeClock()
    let found: SystemStatus
    do throws(Errno) {
      found = try syscalls.look(at: path)
    } catch {
      throw MapError(opening: error)
    }
    if let code = MapError.Code(refusing: found.type) {
      throw MapError(code, errno: found.type == .directory ? .isDirectory : nil)
    }
    return syscalls.status(found, after: clock, at: path)
  }

  private func take(_ ring: Ring) throws(MapError) -> Int32 {
    guard let slot = ring.takeSlot() else {
      throw MapError(hasShutDown ? .shutdown : .handlesExhausted, errno: .tooManyOpenFiles)
    }
    return slot
  }

  /// openat(2) into a slot; false if that is to be tried again.
  private func open(_ path: FilePath, into slot: Int32, _ ring: Ring) throws(MapError) -> Bool {
    var request = unsafe Ring.Request()
    unsafe request.operation = UInt8(SMAP_RING_OPEN_DIRECT)
    unsafe request.file = slot
    // O_CLOEXEC means nothing here and is refused: the table does not outlive an exec.
    unsafe request.count = UInt32(O_RDONLY | O_NONBLOCK | O_NOCTTY)
    let outcome = unsafe path.withPlatformString { name -> Result<Int32, MapError> in
      unsafe request.address = UnsafeMutableRawPointer(mutating: name)
      do throws(MapError) {
        return .success(try unsafe ring.run(request))
      } catch {
        return .failure(error)
      }
    }
    let result = try outcome.get()
    if result >= 0 { return true }
    let errno = Errno(rawValue: -result)
    switch errno {
    case .interrupted, .canceled, .noSuchFileOrDirectory:
      // Gone since it was examined, perhaps for another to come; else it will be missing at the next look.
      return false
    default: throw MapError(opening: errno)
    }
  }

  /// Puts a descriptor of the caller's into the table, which takes a reference of its own to the open file.
  private func adopt(_ descriptor: FileDescriptor, _ ring: Ring) throws(MapError) -> OpenedFile {
    do throws(Errno) {
      guard try syscalls.isReadable(descriptor) else { throw .permissionDenied }
    } catch {
      throw MapError(opening: error)
    }
    let status = try syscalls.examine(descriptor)
    let slot = try take(ring)
    do throws(MapError) {
      var number = descriptor.rawValue
      var request = unsafe Ring.Request()
      unsafe request.operation = UInt8(SMAP_RING_ADOPT)
      unsafe request.file = slot
      let result = try unsafe withAddress(of: &number) { address throws(MapError) in
        unsafe request.address = address
        return try unsafe Self.run(request, ring)
      }
      if result < 0 { throw MapError(opening: Errno(rawValue: -result)) }
    } catch {
      ring.putSlot(slot)
      throw error
    }
    return hold(nil, status, in: slot)
  }

  /// Remembers a file in the table.
  private func hold(_ path: FilePath?, _ status: FileStatus, in slot: Int32) -> OpenedFile {
    directFiles[slot] = DirectFiles.File(path: path, identity: status.identity)
    return OpenedFile(handle: ReadTarget(slot: slot).handle, status: status)
  }

  /// Whether a file of size 0 has a byte after all. One request, so that a file that makes its reader wait can't: O_NONBLOCK.
  private func hasContent(_ target: ReadTarget, _ ring: Ring) -> Bool {
    var byte: UInt8 = 0
    let result = try? unsafe withAddress(of: &byte) { address throws(MapError) in
      let piece = unsafe ReadPiece(target, 0..<1, into: address)
      return try unsafe Self.run(piece.request, ring)
    }
    return result != 0
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
  public func resolve(_ source: FileSource) -> FileSource { source.absolute }

  /// What a source leads to now: statx(2).
  ///
  /// - Throws: `.openFailed`.
  public func status(of source: FileSource) throws(MapError) -> FileStatus {
    try syscalls.status(of: source)
  }

  /// What a handle leads to now: statx(2).
  ///
  /// For a direct descriptor its path is asked (statx(2)) as long as it leads to the same file. Else the file gets a
  /// descriptor of the process for that moment (IORING_OP_FIXED_FD_INSTALL, Linux 6.8).
  ///
  /// - Throws: `.openFailed`. For a direct descriptor also `.fileChanged` where nobody can tell, because the kernel is older
  ///   or no descriptor is left, `.shutdown` and `.forked`.
  public func status(of handle: Handle) throws(MapError) -> FileStatus {
    let target = ReadTarget(handle)
    guard target.isSlot else { return try syscalls.status(of: target.descriptor) }
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
    guard let ring, canInstall.load(ordering: .relaxed) else {
      throw MapError(.fileChanged, errno: .invalidArgument)
    }
    let descriptor = try install(slot, ring)
    defer { syscalls.close(descriptor) }
    return try syscalls.status(of: descriptor)
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
    guard target.isSlot else {
      syscalls.close(target.descriptor)
      return
    }
    // A child's table is empty: what it was given is the parent's.
    guard !isForked, let ring else { return }
    directFiles[target.number] = nil
    ring.closeSlot(target.number)
  }
}

/// The address of a value for as long as `body` runs; with typed errors, which the standard library's has not.
private func withAddress<Value, Result>(
  of value: inout Value, _ body: (UnsafeMutableRawPointer) throws(MapError) -> Result
) throws(MapError) -> Result {
  let pointer = UnsafeMutablePointer<Value>.allocate(capacity: 1)
  unsafe pointer.initialize(to: value)
  defer {
    unsafe value = pointer.move()
    unsafe pointer.deallocate()
  }
  return try unsafe body(UnsafeMutableRawPointer(pointer))
}

package import SystemPackage

extension SystemCalls {
  /// Opens a path (openat(2), never hanging on a FIFO or a terminal), or duplicates a descriptor; then statx(2).
  ///
  /// - Parameter waitsForLease: whether it waits for another process to give up a lease that it holds on a file, as open(2) does without
  ///   O_NONBLOCK.
  /// - Throws: `.notRegularFile`, `.blockDevice`, `.unsizedFile`, `.handlesExhausted` (EMFILE, ENFILE), and
  ///   `.openFailed` for all else: EACCES for a descriptor open for writing only, EBADF for a closed one. Whatever
  ///   was opened until then is closed.
  package func openFile(
    _ source: FileSource, waitsForLease: Bool = true
  ) throws(MapError) -> (descriptor: FileDescriptor, status: FileStatus) {
    do throws(MapError) {
      let descriptor =
        switch source {
        case .path(let path): waitsForLease ? try openPath(path) : try openNow(path)
        case .descriptor(let original): try duplicateReadable(original)
        case .name: throw MapError(.unsupported)
        }
      do throws(MapError) {
        return (descriptor, try examine(descriptor))
      } catch {
        close(descriptor)
        throw error
      }
    } catch {
      throw error.about(source)
    }
  }

  private func openPath(_ path: FilePath) throws(MapError) -> FileDescriptor {
    var lease = LeaseWait()
    while true {
      do throws(MapError) {
        return try openNow(path)
      } catch {
        guard isLeased(path, error), lease.wait() else { throw error }
      }
    }
  }

  /// Whether opening a path failed because another process holds a lease on what it leads to.
  package func isLeased(_ path: FilePath, _ error: MapError) -> Bool {
    error.errno == .resourceTemporarilyUnavailable && (try? look(at: path))?.type == .regular
  }

  private func openNow(_ path: FilePath) throws(MapError) -> FileDescriptor {
    do throws(Errno) {
      return try open(path)
    } catch {
      // A socket gives ENXIO, a device without a driver ENODEV: what lies there says more than that.
      if !error.meansNoHandles, let found = try? look(at: path),
        let code = MapError.Code(refusing: found.type)
      {
        throw MapError(code, errno: error)
      }
      throw MapError(opening: error)
    }
  }

  private func duplicateReadable(_ original: FileDescriptor) throws(MapError) -> FileDescriptor {
    do throws(Errno) {
      guard try isReadable(original) else { throw Errno.permissionDenied }
      return try duplicate(original)
    } catch {
      throw MapError(opening: error)
    }
  }

  /// The status of a file that has bytes at offsets, and as many as its size says.
  package func examine(_ descriptor: FileDescriptor) throws(MapError) -> FileStatus {
    var clock = FileStatus.changeClock()
    var found: SystemStatus
    var isUnsized = false
    do throws(Errno) {
      found = try look(at: descriptor)
      if found.type == .regular && found.size == 0, try hasContent(descriptor) {
        // Unless somebody has written to it in between.
        clock = FileStatus.changeClock()
        found = try look(at: descriptor)
        isUnsized = found.size == 0
      }
    } catch {
      throw MapError(opening: error)
    }
    if let code = MapError.Code(refusing: found.type) {
      throw MapError(code, errno: found.type == .directory ? .isDirectory : nil)
    }
    if isUnsized { throw MapError(.unsizedFile) }
    return FileStatus(found, after: clock) { tellsEveryChange(descriptor) }
  }

  /// Whether a file of size 0 has bytes after all. Some under /proc and tracefs make their reader wait for them; asking
  /// poll(2) first keeps a descriptor of the caller's, which may be blocking, from hanging here.
  private func hasContent(_ descriptor: FileDescriptor) throws(Errno) -> Bool {
    guard try isReady(descriptor) else { return true }
    do throws(Errno) {
      return try hasByte(descriptor, at: 0)
    } catch .resourceTemporarilyUnavailable {
      return true
    }
  }

  /// What a source leads to now: statx(2).
  ///
  /// - Throws: `.openFailed`; `.unsupported` for a name.
  package func status(of source: FileSource) throws(MapError) -> FileStatus {
    let clock = FileStatus.changeClock()
    do throws(Errno) {
      switch source {
      case .path(let path):
        return FileStatus(try look(at: path), after: clock) { tellsEveryChange(path) }
      case .descriptor(let descriptor):
        return FileStatus(try look(at: descriptor), after: clock) { tellsEveryChange(descriptor) }
      case .name: break
      }
    } catch {
      throw MapError(.openFailed, source: source, errno: error)
    }
    throw MapError(.unsupported, source: source)
  }

  /// What a descriptor leads to now: statx(2).
  ///
  /// - Throws: `.openFailed`.
  package func status(of descriptor: FileDescriptor) throws(MapError) -> FileStatus {
    let clock = FileStatus.changeClock()
    do throws(Errno) {
      return FileStatus(try look(at: descriptor), after: clock) { tellsEveryChange(descriptor) }
    } catch {
      throw MapError(.openFailed, errno: error)
    }
  }
}

extension MapError {
  /// What it means that open(2), fcntl(2) or fstat(2) failed.
  package init(opening errno: Errno) {
    self.init(errno.meansNoHandles ? .handlesExhausted : .openFailed, errno: errno)
  }
}

extension MapError.Code {
  /// Why a file of this type can't be read through windows; nil for one that can.
  package init?(refusing type: FileType) {
    switch type {
    case .regular: return nil
    case .blockSpecial: self = .blockDevice
    default: self = .notRegularFile
    }
  }
}

extension Errno {
  /// Whether the process (EMFILE) or the system (ENFILE) has no descriptor left.
  package var meansNoHandles: Bool {
    self == .tooManyOpenFiles || self == .tooManyOpenFilesInSystem
  }
}

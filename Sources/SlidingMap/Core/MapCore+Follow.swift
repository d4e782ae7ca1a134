import MapProtocols

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Cursors that follow their files from one edition to another.
extension MapCore {
  /// What a second look at a file found.
  enum Refreshed {
    /// The edition serves it, with this size.
    case size(Int64)
    /// Another edition has to, and the cursor has a share in it.
    case moved(Attachment)
  }

  /// Looks at the file again for a cursor. Whatever became of its path or the caller's descriptor, it stays that file.
  func refresh(_ edition: Edition, _ source: FileSource) throws(MapError) -> Refreshed {
    if isForked { throw MapError(.forked, source: source) }
    do throws(MapError) {
      let present: Edition
      do throws(MapError) {
        present = try self.present(edition.file, source)
      } catch {
        return .moved(try attachToSuccessor(of: edition.file, source, error))
      }
      if present !== edition { return .moved(try attach(to: present, source)) }
      return .size(
        locked {
          edition.unshare()
          return edition.size
        })
    } catch {
      throw error.about(source)
    }
  }

  /// Whether windows must be let go of before a file is looked at again, for it to go on in its edition: of copies of a file that only
  /// grows the last window is read anew.
  func mustEnd(_ windows: Range<Int>, of edition: Edition) -> Bool {
    if isForked { return false }
    return locked {
      edition.backend.isCopying && edition.onlyGrows(to: edition.status)
        && windows.contains(edition.grid.window(at: edition.size))
    }
  }

  /// How often a request that found its file changed is made again.
  static let changesFollowed = 3

  /// Whether a file is looked at again for a request that failed: where it was found changed. Of one version only if that is not settled, or
  /// if pages are missing that the file's present edition may have.
  func mayFollow(_ error: MapError, from edition: Edition, _ range: Range<Int64>) -> Bool {
    error.isAboutVersion
      && (changes != .oneVersion || !edition.mayJoin || edition.isMissing(range))
  }

  /// Looks at a file again for a request that found it changed.
  ///
  /// - Parameter size: the file's, as the cursor knows it.
  /// - Returns: a share in another edition that serves the file now; nil where the cursor's own does.
  /// - Throws: why it is out of reach.
  func follow(
    _ edition: Edition, _ source: FileSource, size: Int64
  ) throws(MapError) -> Attachment? {
    if isForked { throw MapError(.forked) }
    let present: Edition
    do throws(MapError) {
      present = try self.present(edition.file, source)
    } catch {
      if changes == .oneVersion { throw error }
      return try attachToSuccessor(of: edition.file, source, size: size, error)
    }
    if present !== edition {
      return try attach(to: admitted(present, for: edition), source, size: size)
    }
    leave(present)
    return nil
  }

  /// Whether readers of an edition may go on in a given one of their file, once theirs can't give them what they ask for. Of one version
  /// only pages that could not be had make another edition: a file that was cut short, a disk that failed for a moment.
  func admits(_ edition: Edition, in present: Edition) -> Bool {
    present === edition || changes != .oneVersion
      || edition.isPoisoned && present.version == edition.version
  }

  /// A share in the present edition of a file that another one's readers may go on in; else it ends.
  ///
  /// - Throws: `.fileChanged` where they may not.
  func admitted(_ present: Edition, for edition: Edition) throws(MapError) -> Edition {
    if locked({ admits(edition, in: present) }) { return present }
    leave(present)
    throw MapError(.fileChanged)
  }

  /// Waits for a moment where a file was written just now and the bytes of a request are too many to be read at one go, so that the version
  /// may be settled at the next look; false if it need not, or has waited as long as the coarsest clock stands still.
  func waitsToSettle(_ edition: Edition, _ range: Range<Int64>, _ waits: inout Int) -> Bool {
    if edition.mayJoin || range.count <= Self.mostForChanges || waits == Self.mostWaits {
      return false
    }
    waits += 1
    usleep(Self.wait)
    return true
  }

  /// How long such a wait is, in microseconds, and how many come to two seconds, as long as the times of FAT stand still.
  private static let wait: UInt32 = 5_000
  private static let mostWaits = 420

  /// A share in the edition that serves an edition's file now, for a cursor whose own can bring nothing in any more.
  ///
  /// - Parameter size: the file's, as the cursor knows it.
  /// - Throws: `.fileChanged` where it may not go there; why the file is out of reach.
  func move(
    from edition: Edition, _ source: FileSource, size: Int64
  ) throws(MapError) -> Attachment {
    if isForked { throw MapError(.forked) }
    let known = locked {
      let current = edition.file.current.flatMap { $0.isPoisoned ? nil : $0 }
      current?.share()
      return current
    }
    let present = if let known { known } else { try self.present(edition.file, source) }
    return try attach(to: admitted(present, for: edition), source, size: size)
  }

  /// A share in the file that took a file's place behind its own handle: on overlayfs one that was written to for the first time is another
  /// inode from then on, a copy in the upper layer, to which paths and handles lead, but no map. It bears the old one's numbers and another
  /// birth time.
  ///
  /// - Parameters:
  ///   - size: the file's, as the cursor knows it; nil for what it is now.
  ///   - error: what came of looking at the file.
  /// - Throws: that error, where there is no such file.
  private func attachToSuccessor(
    of file: TrackedFile, _ source: FileSource, size: Int64? = nil, _ error: MapError
  ) throws(MapError) -> Attachment {
    let (successor, sources) = locked { (file.successor, file.sources(source)) }
    guard error.code == .fileChanged, let successor else { throw error }
    for source in sources {
      guard let found = try? attach(source) else { continue }
      if found.edition.file.identity == successor {
        return unsafe Attachment(
          edition: found.edition, pin: found.pin, log: found.log, size: size ?? found.size)
      }
      unsafe detach(found.edition, found.pin, nil)
    }
    throw error
  }
}

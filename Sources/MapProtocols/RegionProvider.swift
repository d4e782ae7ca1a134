/// A backend: it opens files and reads them.
///
/// Four methods and a name are all it takes; see "Writing a backend" in the documentation. Windows are then copies, in memory that
/// the manager sees to: it reserves addresses, asks for reads into them, and gives the memory back. A backend whose windows are the
/// file's own pages is a `MappingProvider`.
///
/// All methods may be called from any thread, several at a time, never under a manager's lock. What an author gets wrong here, such as
/// more bytes than were asked for or an end that is told twice, ends the program with the backend's name.
public protocol RegionProvider: AnyObject, Sendable {
  /// A short name, as in reports: "io_uring". Constant over its life.
  var name: String { get }

  /// Opens a file.
  ///
  /// What `OpenedFile` tells of identity must not come back with another file while a handle is open.
  ///
  /// - Throws: `.openFailed`, `.notRegularFile`, `.blockDevice`, `.unsizedFile`, `.handlesExhausted`; `.unsupported` for a source of a
  ///   kind that it does not know.
  func open(_ source: FileSource) throws(MapError) -> OpenedFile

  /// How an open file is now, whatever became of its path.
  ///
  /// - Throws: `.openFailed`; `.fileChanged` where the provider can't tell, and the manager asks the file's sources.
  func status(of handle: Handle) throws(MapError) -> FileStatus

  /// Closes a handle that `open` gave. It can't fail in a way that matters to a reader.
  func close(_ handle: Handle)

  /// Reads bytes of a file into memory of the caller's.
  ///
  /// - Parameters:
  ///   - handle: an open file of this provider.
  ///   - offset: in bytes from the start of the file, not negative.
  ///   - buffer: filled from its start; it may be of any size and alignment. What lies behind the bytes that are given stays as it was:
  ///     past a file's end windows are zeros.
  /// - Returns: how many bytes; less than the buffer holds only at the end of the file, 0 past it.
  /// - Throws: `.readFailed`.
  func read(
    _ handle: Handle, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
  ) throws(MapError) -> Int

  // MARK: Optional

  /// How what a source leads to is now, without keeping a handle. Default: opened, asked and closed.
  ///
  /// - Throws: what `open` and `status(of:)` throw.
  func status(of source: FileSource) throws(MapError) -> FileStatus

  /// What goes on leading to the file that a source leads to now, whatever the program does to itself. Of the system's files a relative
  /// path becomes one from the root, as the program may go to another directory. Default: the source itself.
  func resolve(_ source: FileSource) -> FileSource

  /// Carries several reads out, at the same time where that is faster, and notes in each how it ended. Default: one after the other.
  func read(_ requests: inout [ReadRequest])

  /// Starts reads and returns without waiting for a disk. The end of each is told to `completion` once, several that ended at about the
  /// same time in one call, on any thread, perhaps before this returns; the memory is the provider's until then. Reads under way when
  /// `shutdown` is called end before that returns. Default: reads at once, on the calling thread.
  ///
  /// - Returns: how to ask that these reads end soon, with `.cancelled`, because nobody wants them any more. Their ends are told all the
  ///   same.
  @discardableResult
  func submit(
    _ requests: [ReadRequest], completion: @escaping @Sendable ([ReadRequest]) -> Void
  ) -> LoadCancellation

  /// About how long a window takes to come back, in nanoseconds, for policies that weigh it. Constant. Default: 150,000.
  var reloadCost: Int { get }

  /// The most bytes of a request that passes by a window which is seldom asked for while the budget is full: they are read
  /// into the cursor's own memory, part of the takeover's reserve, instead of loading the window. Constant. Default: 0, every
  /// window that is asked for is loaded.
  var bypassLimit: Int { get }

  /// The window size in bytes that suits what the backend reads from, a multiple of the page: large where each request takes long.
  /// Managers use it whose user names none. Constant. Default: nil, their own default.
  var preferredWindowSize: Int? { get }

  /// What serves where this provider can't: no descriptor is to be had, or no addresses. Constant. Default: nothing, and such a
  /// request fails.
  var takeover: Takeover? { get }

  /// The last manager that used the provider is done: gives back threads, rings and memory of the provider's own. Perhaps called more
  /// than once, also by several threads at a time; each call returns when all is given back. A provider that has ended is not used
  /// again, save for `close`, and for what was called before. Default: nothing.
  func shutdown()
}

/// A backend that opens files without a thread that waits, as by a request to a server.
///
/// It is for `MapManager.open`, which else has `open` called on a thread of the manager's.
public protocol AsynchronousProvider: RegionProvider {
  /// Opens a file as the method of the same name does, and may suspend the task that calls it.
  ///
  /// - Throws: the same, and `.cancelled`.
  func open(_ source: FileSource) async throws(MapError) -> OpenedFile
}

extension RegionProvider {
  /// Opens the source, asks, and closes it again. Throws what `open` throws.
  public func status(of source: FileSource) throws(MapError) -> FileStatus {
    let opened = try open(source)
    close(opened.handle)
    return opened.status
  }

  /// The source itself.
  public func resolve(_ source: FileSource) -> FileSource { source }

  /// Reads one after the other.
  public func read(_ requests: inout [ReadRequest]) {
    for index in requests.indices {
      let request = requests[index]
      do throws(MapError) {
        requests[index].result = .success(
          try unsafe read(request.handle, at: request.offset, into: request.buffer))
      } catch {
        requests[index].result = .failure(error)
      }
    }
  }

  /// Reads at once, on the calling thread.
  @discardableResult
  public func submit(
    _ requests: [ReadRequest], completion: @escaping @Sendable ([ReadRequest]) -> Void
  ) -> LoadCancellation {
    var requests = requests
    read(&requests)
    completion(requests)
    return .impossible
  }

  /// Reads bytes, and forgets them: how many there are, from the first.
  package func readThrough(_ handle: Handle, _ range: Range<Int64>) throws(MapError) -> Int {
    var (done, failure): (Int, MapError?) = (0, nil)
    unsafe withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 4096) { buffer in
      // Safe: the memory is this call's, and what is read into it nobody looks at.
      do throws(MapError) {
        while done < range.count {
          let piece = unsafe UnsafeMutableRawBufferPointer(
            rebasing: buffer[..<min(buffer.count, range.count - done)])
          let count = try unsafe read(handle, at: range.lowerBound + Int64(done), into: piece)
          done += count
          if count < piece.count { return }
        }
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return done
  }

  /// As long as a read from a disk.
  public var reloadCost: Int { 150_000 }
  /// Nothing passes by.
  public var bypassLimit: Int { 0 }
  /// None.
  public var preferredWindowSize: Int? { nil }
  /// Nothing takes over.
  public var takeover: Takeover? { nil }
  /// Has nothing to give back.
  public func shutdown() {}
}

#if os(Linux)
  import CTestSupport
  import Foundation
  import SystemPackage

  /// A file system that a test describes (FUSE), served by a process of its own, mounted as long as this lives. Needs root and /dev/fuse.
  final class FuseMount: Sendable {
    /// What does not get an answer.
    enum Hold: Sendable {
      case nothing, reads, opening

      fileprivate var told: smap_fuse_hold {
        switch self {
        case .nothing: SMAP_FUSE_NOTHING
        case .reads: SMAP_FUSE_READS
        case .opening: SMAP_FUSE_OPENING
        }
      }
    }

    /// A file, with the bytes of `content(size, seed: seed)`.
    struct File {
      /// A multiple of 8.
      var size = 512 << 10
      var seed: UInt64 = 1
      /// What stat(2) tells; by default one that no other file has.
      var number: UInt64?
      /// In seconds since 1970; by default long ago.
      var time: UInt64 = 1_000_000_000
      /// For how many seconds the kernel believes what it was told of the file.
      var lasting: UInt64 = 0
      /// Bytes that the disk does not give.
      var failing: Range<UInt64> = 0..<0
      /// Whether it is read past the page cache, so that it can't be mapped, unless the mount allows that.
      var isDirect = false
      /// What waits until this is something else.
      var hold = Hold.nothing
    }

    private let scratch: Scratch
    private let control: CInt
    /// 0 once it was killed.
    private let process: Locked<pid_t>
    /// Held while the server is told something.
    private let files = Locked<[(name: String, file: File)]>([])

    /// Mounts it.
    ///
    /// - Parameters:
    ///   - mostAtOnce: how many bytes the kernel may ask for at once; nil for as many as it likes.
    ///   - mapsDirectFiles: whether files that are read past the page cache may be mapped all the same, where the kernel knows that.
    ///   - refusesStatFS: whether statfs(2) fails.
    init(
      _ files: KeyValuePairs<String, File>, mostAtOnce: UInt32? = nil,
      mapsDirectFiles: Bool = false, refusesStatFS: Bool = false
    ) throws {
      scratch = try Scratch()
      let directory = scratch["mount"].string
      guard unsafe mkdir(directory, 0o700) == 0 else { throw Errno(rawValue: errno) }
      var options = smap_fuse_options(
        max_read: mostAtOnce ?? 0, maps_direct_files: mapsDirectFiles,
        refuses_statfs: refusesStatFS)
      var process: pid_t = 0
      control = unsafe smap_fuse_start(directory, &options, &process)
      self.process = Locked(process)
      guard control >= 0 else { throw Errno(rawValue: errno) }
      for (name, file) in files {
        self.files.withLock { $0.append((name, file)) }
        try change(name) { _ in }
      }
    }

    deinit {
      guard control >= 0 else { return }
      let (control, directory) = (control, scratch["mount"].string)
      process.withLock { unsafe smap_fuse_end(control, directory, $0) }
    }

    /// Whether this process may mount one.
    static let isPossible = (try? FuseMount([:])) != nil

    /// The path of a file.
    subscript(name: String) -> FilePath { scratch["mount/" + name] }

    /// How many of the process's descriptors are of its files.
    var descriptors: Int { scratch.descriptors }

    /// How many of the process's kernel maps are of its files.
    var maps: Int { scratch.maps }

    /// Changes a file; it is in force when this returns.
    func change(_ name: String, _ body: (inout File) -> Void) throws {
      let error = files.withLock { files -> CInt in
        guard let index = files.firstIndex(where: { $0.name == name }) else { return ENOENT }
        body(&files[index].file)
        let file = files[index].file
        var told = smap_fuse_file(
          number: file.number ?? UInt64(100 + index), size: UInt64(file.size), seed: file.seed,
          time: file.time, lasting: file.lasting, failing_start: file.failing.lowerBound,
          failing_end: file.failing.upperBound, is_direct: file.isDirect, hold: file.hold.told)
        return unsafe smap_fuse_put(control, CInt(index), name, &told)
      }
      if error != 0 { throw Errno(rawValue: error) }
    }

    /// Waits until something is held.
    func awaitHold() throws {
      let error = files.withLock { _ in smap_fuse_await_held(control, 1) }
      if error != 0 { throw Errno(rawValue: error) }
    }

    /// The same for a task, on a thread of its own: the test may be on the last of those that tasks have.
    func somethingIsHeld() async throws {
      let result: Result<Void, any Error> = await withCheckedContinuation { continuation in
        Thread { [self] in continuation.resume(returning: Result { try awaitHold() }) }.start()
      }
      try result.get()
    }

    /// Has `reader` read a file on a thread of its own, for which something is held; then calls `body`, lets it go, and waits for the reader.
    func whileHeld(
      _ hold: Hold, of name: String, by reader: @escaping @Sendable () throws -> Void,
      meanwhile body: @escaping @Sendable () throws -> Void
    ) throws {
      try change(name) { $0.hold = hold }
      let isHeld = Locked(false)
      try onThreads(2) { [self] thread in
        if thread == 0 {
          // Nobody else would ever end the wait for what does not come.
          defer { if !isHeld.withLock({ $0 }) { killServer() } }
          return try reader()
        }
        // A server that was killed holds nothing.
        defer { try? change(name) { $0.hold = .nothing } }
        try awaitHold()
        isHeld.withLock { $0 = true }
        try body()
      }
    }

    /// Ends the server, as by a crash.
    func killServer() {
      process.withLock { process in
        if process != 0 { smap_fuse_kill(process) }
        process = 0
      }
    }
  }
#endif

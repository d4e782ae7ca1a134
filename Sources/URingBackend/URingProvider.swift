internal import CMapShims
internal import CURing
public import MapProtocols
internal import Synchronization
internal import SystemPackage

/// Reads into memory: io_uring(7), or pread(2) where there is none.
///
/// Windows are copies in the process's own memory, so reading is safe on files that are cut short or on failing disks: that
/// is an error and never a signal. Several windows are read at the same time, which cold files are fastest with; and a
/// provider goes on opening files when the process or the system has no descriptors left, by direct descriptors of its ring. Where there
/// are none, it goes on when the process has no descriptor left, by threads with a table of their own.
///
/// Writes to the file do not show in windows loaded before. A file stays readable as long as its handle is open.
public final class URingProvider: RegionProvider {
  /// "io_uring" or "pread".
  public let name: String
  /// What this kernel offers and what is in use of it.
  public let features: URingFeatures
  let syscalls: Syscalls
  let isDirect: Bool
  let opensDirectly: Bool
  /// The ring for callers who wait, with the table of direct descriptors.
  let ring: Ring?
  let directFiles = DirectFiles()
  let threads: DescriptorThreads
  /// Present where the ring has a table.
  let spare: SpareDescriptor?
  /// Whether a direct descriptor may be made one of the process: until the kernel said that it does not know how.
  let canInstall = Atomic(true)
  private let service: ReadService
  private let isShut = Atomic(false)
  /// How many forks lay before.
  private let generation = smap_fork_generation()

  /// Makes a provider: one or two rings and an eventfd(2).
  ///
  /// - Parameters:
  ///   - depth: requests in flight; fewer where locked memory is limited.
  ///   - direct: whether files are read past the page cache (O_DIRECT), for data used once on disks that are fast. Where a
  ///     file system refuses, and through direct descriptors, reads are ordinary.
  ///   - method: by a ring or by pread(2); `.automatic` takes pread where there is no ring, and `features` say why.
  ///   - opensDirectly: whether files are opened as direct descriptors at once, and open(2) is not tried: for a takeover, which
  ///     is asked when descriptors have run out. Such a provider holds two descriptors instead of four.
  ///   - paths: where paths begin, and whether links are followed.
  /// - Precondition: `depth` is positive.
  /// - Throws: `.unsupported` with the errno, if `method` is `.ring` and there is none.
  public convenience init(
    depth: Int = 128, direct: Bool = false, method: ReadMethod = .automatic,
    opensDirectly: Bool = false, paths: PathResolution = .ordinary
  ) throws(MapError) {
    try self.init(
      depth: depth, direct: direct, method: method, opensDirectly: opensDirectly, paths: paths,
      faults: nil)
  }

  /// Makes a provider whose system calls `faults` may fail, and whose reads `completions` may change.
  package convenience init(
    depth: Int = 128, direct: Bool = false, method: ReadMethod = .automatic,
    opensDirectly: Bool = false, paths: PathResolution = .ordinary, faults: SyscallFaults?,
    completions: CompletionFaults? = nil
  ) throws(MapError) {
    precondition(depth > 0, "a ring needs a request in flight")
    let syscalls = Syscalls(faults: faults, paths: paths, completions: completions)
    let rings =
      method == .pread
      ? Rings(depth: depth) : Rings(depth: depth, hasSubmitting: !opensDirectly, syscalls)
    if method == .ring, rings.waiting == nil {
      throw MapError(.unsupported, errno: rings.features.ring.errno)
    }
    self.init(rings, syscalls, direct: direct, opensDirectly: opensDirectly)
  }

  init(_ rings: Rings, _ syscalls: Syscalls, direct: Bool, opensDirectly: Bool) {
    name = rings.waiting == nil ? "pread" : "io_uring"
    features = rings.features
    self.syscalls = syscalls
    isDirect = direct
    self.opensDirectly = opensDirectly
    ring = rings.waiting
    threads = DescriptorThreads(syscalls)
    let table = rings.features.directDescriptors.isPresent ? rings.waiting : nil
    spare = table.map { SpareDescriptor(syscalls, $0) }
    service = ReadService(
      Reader(syscalls: syscalls, ring: rings.waiting, threads: threads), rings.submitting,
      depth: rings.features.depth)
  }

  deinit { shutdown() }

  /// Whether this is a child of the process that made the provider.
  var isForked: Bool { smap_fork_generation() != generation }

  var hasShutDown: Bool {
    // Relaxed: who must see it was told by the manager, which orders its own calls.
    isShut.load(ordering: .relaxed)
  }

  private var reader: Reader {
    Reader(syscalls: syscalls, ring: isForked ? nil : ring, threads: threads)
  }

  // MARK: Reading

  /// Carries requests out: one by pread(2), several, and those of direct descriptors, through the ring at the same time.
  ///
  /// They fail with `.readFailed` where reading does, `.shutdown` after `shutdown`, and `.forked` in a child of fork(2) for what is not open
  /// in the process's table.
  public func read(_ requests: inout [ReadRequest]) {
    if hasShutDown {
      for index in requests.indices { requests[index].result = .failure(MapError(.shutdown)) }
      return
    }
    reader.read(&requests)
  }

  /// Carries requests out on a thread of the provider's own, `features.depth` at a time, and tells of each end there.
  ///
  /// Where no thread can be had, and in a child of fork(2), it reads at once. After `shutdown` each ends with `.shutdown`, on the
  /// calling thread. Those that are cancelled before they were begun end with `.cancelled`.
  @discardableResult
  public func submit(
    _ requests: [ReadRequest], completion: @escaping @Sendable ([ReadRequest]) -> Void
  ) -> LoadCancellation {
    if !isForked, !hasShutDown,
      let cancellation = service.submit(requests, completion: completion)
    {
      return cancellation
    }
    var requests = requests
    read(&requests)
    if !requests.isEmpty { completion(requests) }
    return .impossible
  }

  /// Reads bytes of a file into memory of the caller's: pread(2), or a request of the ring.
  ///
  /// - Throws: `.readFailed`; `.shutdown`, and `.forked` for what is not open in the process's table.
  public func read(
    _ handle: Handle, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
  ) throws(MapError) -> Int {
    if hasShutDown { throw MapError(.shutdown) }
    return try unsafe reader.read(ReadTarget(handle), at: offset, into: buffer)
  }

  /// Waits for submitted reads under way, ends those not begun with `.shutdown`, and gives back threads, rings, descriptors
  /// and the files open in the tables of the ring and of threads. Ordinary handles stay their owner's. Idempotent.
  ///
  /// May be called by a completion, which then is the last but for those told meanwhile, on the same thread.
  public func shutdown() {
    isShut.store(true, ordering: .relaxed)
    service.shutdown(isForked: isForked)
    spare?.shutdown()
    ring?.shut()
    threads.shutdown()
  }
}

extension RegionProvider where Self == URingProvider {
  /// Regions by io_uring(7), or by pread(2) where there is none.
  ///
  /// - Parameters:
  ///   - depth: requests in flight.
  ///   - direct: whether files are read past the page cache (O_DIRECT).
  ///   - method: by a ring or by pread(2).
  ///   - opensDirectly: whether files are opened as direct descriptors of the ring, and open(2) is not tried.
  ///   - paths: where paths begin, and whether links are followed.
  /// - Throws: `.unsupported` with the errno, if `method` is `.ring` and there is none.
  public static func uring(
    depth: Int = 128, direct: Bool = false, method: ReadMethod = .automatic,
    opensDirectly: Bool = false, paths: PathResolution = .ordinary
  ) throws(MapError) -> URingProvider {
    try URingProvider(
      depth: depth, direct: direct, method: method, opensDirectly: opensDirectly, paths: paths)
  }

  /// Regions by pread(2). It holds no descriptor.
  public static var pread: URingProvider { .pread(direct: false) }

  /// Regions by pread(2).
  ///
  /// - Parameters:
  ///   - direct: whether files are read past the page cache (O_DIRECT).
  ///   - paths: where paths begin, and whether links are followed.
  public static func pread(
    direct: Bool = false, paths: PathResolution = .ordinary
  ) -> URingProvider {
    URingProvider(
      Rings(depth: 128), Syscalls(faults: nil, paths: paths, completions: nil), direct: direct,
      opensDirectly: false)
  }
}

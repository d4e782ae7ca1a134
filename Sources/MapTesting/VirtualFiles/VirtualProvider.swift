#if Schedule
  public import MapProtocols
  import Policies
  internal import SystemPackage

  /// A backend over a `VirtualFiles` whose windows are copies. It fails by chance, holds its manager to what a provider may rely on, and
  /// gives others the turn at the start and the end of each call.
  public class VirtualProvider: AsynchronousProvider, CopyMemory, @unchecked Sendable {
    /// As given.
    public let name: String
    /// As given.
    public let takeover: Takeover?
    let files: VirtualFiles
    let scheduler: Scheduler
    let kernel: VirtualKernel?
    private var handles: [Int: VirtualFile] = [:]
    /// The first handle's number; differs between providers.
    private let firstHandle: Int
    var isShutDown = false
    /// How often, of a thousand calls, each call fails that may.
    public var failures = 0
    /// How many handles the system has to give.
    public var mostHandles = Int.max
    /// How many extents.
    public var mostExtents = Int.max
    /// Whether windows of copies are given access one by one; see `Extent.opensWindows`.
    package var opensWindows = false
    /// How many pages of them the system gives access.
    package var mostOpenPages = Int.max
    /// How far around a touched page a map may show what it has.
    var faultAround: Int { 0 }
    /// Some.
    public var reloadCost: Int { 1_000 }
    /// Nothing passes by.
    public var bypassLimit: Int { 0 }

    /// Makes a backend that knows the files.
    ///
    /// - Parameters:
    ///   - name: what it calls itself.
    ///   - takeover: what serves where it can't.
    ///   - kernel: ends what was submitted; where there is none, it ends at once.
    ///   - firstHandle: its handles' first number; another than that of its takeover.
    public init(
      _ files: VirtualFiles, _ name: String, takeover: Takeover? = nil,
      kernel: VirtualKernel? = nil,
      firstHandle: Int = 3
    ) {
      self.files = files
      scheduler = files.scheduler
      self.name = name
      self.takeover = takeover
      self.kernel = kernel
      self.firstHandle = firstHandle
      scheduler.count("providers", 1)
    }

    deinit {
      scheduler.count("providers", -1)
      scheduler.count("handles", handles.count)
    }

    // MARK: Calls

    func begin(_ call: StaticString, _ codes: (MapError.Code, Errno)...)
      throws(MapError)
    {
      if scheduler.isAnyLockHeldHere { scheduler.fail("calls a provider under the lock") }
      scheduler.pass(call)
      guard failures > 0, let (code, errno) = codes.first,
        scheduler.dice.draw(below: 1000) < failures
      else { return }
      throw MapError(code, errno: errno)
    }

    func end(_ call: StaticString) { scheduler.pass(call) }

    func file(_ handle: Handle, _ call: String) -> VirtualFile {
      guard let file = handles[handle.rawValue] else {
        scheduler.fail("\(call): handle \(handle.rawValue) is not open")
      }
      return file
    }

    /// Opens a path or a descriptor of the `VirtualFiles`; `.handlesExhausted` by chance, and beyond `mostHandles`.
    public func open(_ source: FileSource) throws(MapError) -> OpenedFile {
      try begin("open", (.handlesExhausted, .tooManyOpenFiles))
      guard let file = files.file(of: source) else {
        throw MapError(.openFailed, source: source, errno: .noSuchFileOrDirectory)
      }
      if handles.count >= mostHandles {
        throw MapError(.handlesExhausted, source: source, errno: .tooManyOpenFiles)
      }
      var number = firstHandle
      while handles[number] != nil { number += 1 }
      handles[number] = file
      file.holders += 1
      // Between the two system calls.
      scheduler.pass("opened")
      let status = files.status(of: file)
      end("open ends")
      return OpenedFile(handle: Handle(rawValue: number), status: status)
    }

    /// The same for tasks, which the kernel resumes.
    public func open(_ source: FileSource) async throws(MapError) -> OpenedFile {
      if let kernel {
        await withCheckedContinuation { (task: CheckedContinuation<Void, Never>) in
          kernel.add(self) { [scheduler] in
            scheduler.waitToResume()
            task.resume()
          }
        }
      }
      return try openNow(source)
    }

    /// The same for whoever may block.
    private func openNow(_ source: FileSource) throws(MapError) -> OpenedFile { try open(source) }

    /// What a source leads to; `.openFailed` by chance.
    public func status(of source: FileSource) throws(MapError) -> FileStatus {
      try begin("status of a source", (.openFailed, .ioError))
      guard let file = files.file(of: source) else {
        throw MapError(.openFailed, source: source, errno: .noSuchFileOrDirectory)
      }
      let status = files.status(of: file)
      end("status of a source ends")
      return status
    }

    /// How an open file is; `.openFailed` by chance. Fails the schedule where the handle is not open, as all calls do.
    public func status(of handle: Handle) throws(MapError) -> FileStatus {
      try begin("status", (.openFailed, .ioError))
      let status = files.status(of: file(handle, "status"))
      end("status ends")
      return status
    }

    /// Closes a handle.
    public func close(_ handle: Handle) {
      try? begin("close")
      file(handle, "close").holders -= 1
      handles[handle.rawValue] = nil
      end("close ends")
    }

    // MARK: Reading

    /// Reads bytes; `.readFailed` by chance.
    public func read(
      _ handle: Handle, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
    ) throws(MapError) -> Int {
      try begin("read", (.readFailed, .ioError))
      let file = file(handle, "read")
      let count = Int(min(Int64(buffer.count), max(file.now.size - offset, 0)))
      if let base = buffer.baseAddress, count > 0 {
        unsafe file.copy(offset..<offset + Int64(count), to: base - Int(offset))
      }
      end("read ends")
      return count
    }

    /// Reads windows. Fails the schedule where they go to the wrong place, to memory without access, or are being read already.
    public func read(_ requests: inout [ReadRequest]) {
      try? begin("load")
      for index in requests.indices { read(&requests[index]) }
      end("load ends")
    }

    func read(_ request: inout ReadRequest) {
      let address = unsafe UInt(bitPattern: request.buffer.baseAddress)
      guard let memory = files.memory(at: address), !memory.isMap else {
        scheduler.fail("reads a window into memory that is none for copies")
      }
      let range = request.range
      let offset = Int64(address - memory.addresses.lowerBound) + memory.extent.offset
      if offset != range.lowerBound || !memory.holds(range) {
        scheduler.fail("reads \(range) to another place of an extent")
      }
      if !memory.isOpen(range) { scheduler.fail("reads into memory without access") }
      if memory.loading.contains(where: { $0.overlaps(range) }) {
        scheduler.fail("loads a window twice at a time")
      }
      memory.loading.append(range)
      do throws(MapError) {
        try begin("load of a window", (.readFailed, .ioError))
        let file = file(request.handle, "load")
        let end = min(range.upperBound, max(file.now.size, range.lowerBound))
        if !memory.fill(range.lowerBound..<end, from: file) {
          scheduler.fail("loads one file into another file's extent")
        }
        request.result = .success(Int(end - range.lowerBound))
        scheduler.pass("load of a window ends")
      } catch {
        request.result = .failure(error)
      }
      memory.loading.removeAll { $0 == range }
    }

    /// Starts reads, which the kernel ends in any order; at once where there is none.
    public func submit(
      _ requests: [ReadRequest], completion: @escaping @Sendable ([ReadRequest]) -> Void
    ) -> LoadCancellation {
      guard let kernel, !isShutDown else {
        var requests = requests
        read(&requests)
        completion(requests)
        return .impossible
      }
      try? begin("submit")
      let cancelled = CancellationFlag()
      for one in requests {
        kernel.add(self) { [self] in
          var one = one
          if cancelled.isRaised {
            one.result = .failure(MapError(.cancelled))
          } else {
            read(&one)
          }
          completion([one])
        }
      }
      end("submit ends")
      return cancelled.cancellation
    }

    // MARK: Memory for copies

    package func reserve(
      fileSize: Int64, byteCount: Int, alignment: Int
    ) throws(MapError) -> Extent {
      try makeExtent(of: nil, fileSize: fileSize, byteCount: byteCount)
    }

    package func reserve(span: Range<Int64>) throws(MapError) -> Extent {
      try makeExtent(
        of: nil, from: span.lowerBound, fileSize: Int64(span.count), byteCount: span.count)
    }

    func makeExtent(
      of file: VirtualFile?, from offset: Int64 = 0, fileSize: Int64, byteCount: Int
    ) throws(MapError) -> Extent {
      if fileSize <= 0 || Int64(byteCount) < fileSize {
        scheduler.fail("wants an extent of \(byteCount) bytes for \(fileSize)")
      }
      try begin("makeExtent", (.addressSpaceExhausted, .noMemory))
      if files.memories.count(where: { $0.owner === self }) >= mostExtents {
        throw MapError(.addressSpaceExhausted, errno: .noMemory)
      }
      let memory = VirtualMemory(
        file, from: offset, byteCount: byteCount, opensWindows: opensWindows && file == nil,
        owner: self)
      files.add(memory)
      end("makeExtent ends")
      return memory.extent
    }

    package func release(_ extent: Extent) {
      try? begin("release")
      files.release(extent)
      end("release ends")
    }

    package func open(_ region: ExtentRange) throws(MapError) {
      if !region.extent.opensWindows { return }
      try begin("open a window", (.addressSpaceExhausted, .noMemory))
      let (memory, range) = place(of: region)
      let held = files.memories.filter { $0.extent.opensWindows && !$0.isMap }
      let pages = held.reduce(0) { $0 + $1.openPages }
      if pages > mostOpenPages - region.byteCount / VirtualMemory.pageSize {
        throw MapError(.addressSpaceExhausted, errno: .noMemory)
      }
      memory.setOpen(true, range)
      end("open a window ends")
    }

    package func populate(_ regions: [ExtentRange]) {
      for region in regions { _ = place(of: region) }
    }

    package func empty(_ regions: [ExtentRange]) {
      try? begin("unload")
      for region in regions {
        let (memory, range) = place(of: region)
        // What a map lacks comes back by being touched.
        if !memory.isMap || !scheduler.mayUse(region) {
          let start = unsafe UInt(bitPattern: region.start)
          files.forbidLeases(start..<start + UInt(region.byteCount))
        }
        memory.empty(range)
        if region.extent.opensWindows {
          if memory.isMap { scheduler.fail("closes a part of a map") }
          memory.setOpen(false, range)
        }
      }
      end("unload ends")
    }

    func place(of region: ExtentRange) -> (VirtualMemory, Range<Int64>) {
      let memory = files.memory(of: region.extent)
      let range = region.offset..<region.offset + Int64(region.byteCount)
      if !memory.holds(range) {
        scheduler.fail("names \(range) of an extent of \(memory.extent.byteCount) bytes")
      }
      return (memory, range)
    }

    /// Waits until the kernel has ended all that is under way.
    public func shutdown() {
      try? begin("shutdown")
      isShutDown = true
      kernel?.finish(for: self)
    }
  }
#endif

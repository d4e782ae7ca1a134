public import MapProtocols

/// A backend in front of another that fails where you say, to test what your program does then.
///
/// A bad disk, a full descriptor table, a file that vanishes: hard to arrange, easy to imitate. The closure sees each
/// call before the wrapped backend does, and returns the error it is to end with, or nil to let it pass:
///
/// ```swift
/// let disk = FaultProvider(.mmap) { call in
///   call.operation == .load && call.range?.contains(4096) == true
///     ? MapError(.readFailed, errno: .ioError) : nil
/// }
/// let maps = SlidingWindowMapManager(backend: disk)
/// ```
///
/// It ends its backend with the last manager that uses the `FaultProvider`, so give other managers another backend. File and range are
/// filled into errors. A call that fails does not reach the wrapped backend, so it
/// leaves nothing behind.
///
/// Windows of the mmap backend load by being touched, and no call could fail then. So a `FaultProvider` asks to be called
/// for every load (`mapping.loadsWhenTouched` is false), and passes the load on only if there is one to be done.
///
/// The backend that takes over for the wrapped one is wrapped as well, with the same closure; `ProviderCall.backend` tells whose call
/// it is. So the takeover can be tested, and its failing too:
///
/// ```swift
/// let full = FaultProvider(MMapProvider(takeover: takeover)) { call in
///   call.backend == "mmap" && call.operation == .open ? MapError(.handlesExhausted) : nil
/// }
/// ```
public final class FaultProvider<Base: RegionProvider>: RegionProvider {
  private struct Names {
    var ofHandles: [Handle: FileSource] = [:]
    var ofExtents: [UInt: FileSource] = [:]
    var poisons: [UInt: ExtentPoison] = [:]
  }

  /// That of the wrapped backend.
  public var name: String { base.name }
  /// That of the wrapped backend.
  public var reloadCost: Int { base.reloadCost }
  /// That of the wrapped backend.
  public var bypassLimit: Int { base.bypassLimit }
  /// That of the wrapped backend.
  public var preferredWindowSize: Int? { base.preferredWindowSize }
  /// That of the wrapped backend, with the same faults in front of it.
  public let takeover: Takeover?
  fileprivate let base: Base
  private let fault: @Sendable (ProviderCall) -> MapError?
  private let memory: any CopyMemory
  private let names = Guarded(Names())

  /// Puts faults in front of a backend.
  ///
  /// - Parameters:
  ///   - base: the backend that does the work.
  ///   - fault: called before each operation, on any thread and several at a time; the error it is to end with, or nil.
  public init(_ base: Base, failing fault: @escaping @Sendable (ProviderCall) -> MapError?) {
    self.base = base
    self.fault = fault
    memory = base as? any CopyMemory ?? SystemCopyMemory()
    takeover = base.takeover.map {
      Takeover(
        provider: Self.wrap($0.provider, failing: fault), reservedWindows: $0.reservedWindows)
    }
  }

  private static func wrap<Other: RegionProvider>(
    _ provider: Other, failing fault: @escaping @Sendable (ProviderCall) -> MapError?
  ) -> any RegionProvider {
    FaultProvider<Other>(provider, failing: fault)
  }

  fileprivate func error(
    _ operation: ProviderCall.Operation, _ source: FileSource?, _ range: Range<Int64>? = nil
  ) -> MapError? {
    let call = ProviderCall(backend: name, operation: operation, source: source, range: range)
    return fault(call)?.about(source, range: range)
  }

  private func name(of handle: Handle) -> FileSource? {
    names.withLock { $0.ofHandles[handle] }
  }

  // MARK: Files

  /// Opens a file, unless `open` is to fail.
  ///
  /// - Throws: what the closure names, else what the backend throws.
  public func open(_ source: FileSource) throws(MapError) -> OpenedFile {
    if let error = error(.open, source) { throw error }
    return note(try base.open(source), of: source)
  }

  fileprivate func note(_ file: OpenedFile, of source: FileSource) -> OpenedFile {
    names.withLock { $0.ofHandles[file.handle] = source }
    return file
  }

  /// As of the wrapped backend.
  public func resolve(_ source: FileSource) -> FileSource { base.resolve(source) }

  /// Examines a source, unless `status` is to fail.
  ///
  /// - Throws: what the closure names, else what the backend throws.
  public func status(of source: FileSource) throws(MapError) -> FileStatus {
    if let error = error(.status, source) { throw error }
    return try base.status(of: source)
  }

  /// Examines an open file, unless `status` is to fail.
  ///
  /// - Throws: what the closure names, else what the backend throws.
  public func status(of handle: Handle) throws(MapError) -> FileStatus {
    if let error = error(.status, name(of: handle)) { throw error }
    return try base.status(of: handle)
  }

  /// Closes a handle.
  public func close(_ handle: Handle) {
    // Forgotten first: once closed, the number may be another file's.
    names.withLock { _ = $0.ofHandles.removeValue(forKey: handle) }
    base.close(handle)
  }

  // MARK: Reading

  /// Reads bytes without a window, unless `read` is to fail.
  ///
  /// - Throws: what the closure names, else what the backend throws.
  public func read(
    _ handle: Handle, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
  ) throws(MapError) -> Int {
    let (end, overflow) = offset.addingReportingOverflow(Int64(buffer.count))
    if let error = error(.read, name(of: handle), offset..<(overflow ? .max : end)) { throw error }
    return try unsafe base.read(handle, at: offset, into: buffer)
  }

  /// Reads windows, each unless its `load` is to fail.
  public func read(_ requests: inout [ReadRequest]) {
    let failures = requests.map(failure)
    let passed = requests.indices.filter { failures[$0] == nil }
    var rest = passed.map { requests[$0] }
    if !rest.isEmpty { base.read(&rest) }
    for (index, request) in zip(passed, rest) { requests[index] = request }
    for (index, failure) in failures.enumerated() {
      if let failure { requests[index].result = .failure(failure) }
    }
  }

  /// Starts reading windows, each unless its `load` is to fail; those that fail end at once.
  @discardableResult
  public func submit(
    _ requests: [ReadRequest], completion: @escaping @Sendable ([ReadRequest]) -> Void
  ) -> LoadCancellation {
    var (passed, failed): ([ReadRequest], [ReadRequest]) = ([], [])
    for var request in requests {
      if let failure = failure(of: request) {
        request.result = .failure(failure)
        failed.append(request)
      } else {
        passed.append(request)
      }
    }
    if !failed.isEmpty { completion(failed) }
    return passed.isEmpty ? .impossible : base.submit(passed, completion: completion)
  }

  private func failure(of request: ReadRequest) -> MapError? {
    error(.load, name(of: request.handle), request.range)
  }

  /// Lets the wrapped backend give back what it holds; `takeover` is shut down by itself.
  public func shutdown() { base.shutdown() }

  // MARK: Names of extents

  fileprivate func note(_ extent: Extent, of source: FileSource?) {
    names.withLock { unsafe $0.ofExtents[UInt(bitPattern: extent.base)] = source }
  }

  fileprivate func forget(_ extent: Extent) {
    names.withLock { _ = unsafe $0.ofExtents.removeValue(forKey: UInt(bitPattern: extent.base)) }
  }

  fileprivate func failure(of load: RegionLoad) -> MapError? {
    let region = load.region
    let source = names.withLock { names in
      unsafe names.ofExtents[UInt(bitPattern: region.extent.base)]
    }
    return error(.load, source, region.offset..<region.offset + Int64(region.byteCount))
  }
}

extension FaultProvider: AsynchronousProvider where Base: AsynchronousProvider {
  /// Opens a file for a task, unless `open` is to fail.
  ///
  /// - Throws: what the closure names, else what the backend throws.
  public func open(_ source: FileSource) async throws(MapError) -> OpenedFile {
    if let error = error(.open, source) { throw error }
    return note(try await base.open(source), of: source)
  }
}

extension FaultProvider: CopyMemory {
  /// Reserves addresses, unless `makeExtent` is to fail.
  package func reserve(
    fileSize: Int64, byteCount: Int, alignment: Int
  ) throws(MapError) -> Extent {
    if let error = error(.makeExtent, nil, 0..<Int64(byteCount)) { throw error }
    return try memory.reserve(fileSize: fileSize, byteCount: byteCount, alignment: alignment)
  }
  package func release(_ extent: Extent) { memory.release(extent) }
  package func open(_ region: ExtentRange) throws(MapError) { try memory.open(region) }
  package func populate(_ regions: [ExtentRange]) { memory.populate(regions) }
  package func empty(_ regions: [ExtentRange]) { memory.empty(regions) }
}

extension FaultProvider: MappingProvider where Base: MappingProvider {
  /// As of the wrapped backend, save that every load is called for.
  public var mapping: MappingProperties {
    var mapping = base.mapping
    mapping.loadsWhenTouched = false
    return mapping
  }

  /// Maps a file, unless `makeExtent` is to fail.
  ///
  /// - Throws: what the closure names, else what the backend throws.
  public func map(
    _ handle: Handle, fileSize: Int64, byteCount: Int, alignment: Int
  ) throws(MapError) -> Extent {
    let source = name(of: handle)
    if let error = error(.makeExtent, source, 0..<Int64(byteCount)) { throw error }
    let extent = try base.map(
      handle, fileSize: fileSize, byteCount: byteCount, alignment: alignment)
    note(extent, of: source)
    return extent
  }

  /// As the wrapped backend.
  public var mapsSpans: Bool { base.mapsSpans }

  /// Maps a span of a file, unless `makeExtent` is to fail.
  ///
  /// - Throws: what the closure names, else what the backend throws.
  public func map(_ handle: Handle, span: Range<Int64>) throws(MapError) -> Extent {
    let source = name(of: handle)
    if let error = error(.makeExtent, source, span) { throw error }
    let extent = try base.map(handle, span: span)
    note(extent, of: source)
    return extent
  }

  /// Maps a file in the place of copies, unless `makeExtent` is to fail.
  ///
  /// - Throws: what the closure names, else what the backend throws.
  public func map(
    _ handle: Handle, fileSize: Int64, replacing extent: Extent
  ) throws(MapError) -> Extent {
    let source = name(of: handle)
    if let error = error(.makeExtent, source, 0..<Int64(extent.byteCount)) { throw error }
    let replacement = try base.map(handle, fileSize: fileSize, replacing: extent)
    note(replacement, of: source)
    return replacement
  }

  /// Has the wrapped backend watch an extent.
  ///
  /// - Throws: what the backend throws.
  public func watch(
    _ extent: Extent, windowSize: Int, _ poison: ExtentPoison
  ) throws(MapError) {
    try base.watch(extent, windowSize: windowSize, poison)
    names.withLock { unsafe $0.poisons[UInt(bitPattern: extent.base)] = poison }
  }

  /// Has it end that.
  public func unwatch(_ extent: Extent) {
    names.withLock { _ = unsafe $0.poisons.removeValue(forKey: UInt(bitPattern: extent.base)) }
    base.unwatch(extent)
  }

  /// Says of a loaded window that its bytes are missing, where a `touch` of it is to fail.
  private func touch(_ load: RegionLoad) {
    let region = load.region
    let (source, poison) = names.withLock { names in
      let base = unsafe UInt(bitPattern: region.extent.base)
      return (names.ofExtents[base], names.poisons[base])
    }
    let range = region.offset..<region.offset + Int64(region.byteCount)
    if error(.touch, source, range) != nil { poison?.note(range) }
  }

  /// Gives an extent's addresses back.
  public func unmap(_ extent: Extent) {
    forget(extent)
    base.unmap(extent)
  }

  /// Loads windows, each unless its `load` is to fail.
  public func load(_ loads: inout [RegionLoad]) {
    var passed: [Int] = []
    for index in loads.indices {
      loads[index].error = failure(of: loads[index])
      if loads[index].error == nil {
        passed.append(index)
        touch(loads[index])
      }
    }
    if base.mapping.loadsWhenTouched || passed.isEmpty { return }
    var rest = passed.map { loads[$0] }
    base.load(&rest)
    for (index, load) in zip(passed, rest) { loads[index] = load }
  }

  /// Starts loads, each unless its `load` is to fail; those that fail end at once. The wrapped backend is called also where
  /// its windows load by being touched, since it may bring them into memory before.
  @discardableResult
  public func submit(
    _ loads: [RegionLoad], completion: @escaping @Sendable ([RegionLoad]) -> Void
  ) -> LoadCancellation {
    var (passed, failed): ([RegionLoad], [RegionLoad]) = ([], [])
    for var load in loads {
      load.error = failure(of: load)
      if load.error == nil { passed.append(load) } else { failed.append(load) }
    }
    if !failed.isEmpty { completion(failed) }
    return passed.isEmpty ? .impossible : base.submit(passed, completion: completion)
  }

  /// Empties ranges of extents.
  public func unload(_ regions: [ExtentRange]) { base.unload(regions) }

  /// Tells the system how a range will be read.
  public func advise(_ advice: AccessAdvice, _ region: ExtentRange) {
    base.advise(advice, region)
  }

  /// As the wrapped backend tells.
  public func residentBytes(of handle: Handle, in range: Range<Int64>) -> Int? {
    base.residentBytes(of: handle, in: range)
  }
}

/// One call of a backend's that is about to be made; see `FaultProvider`.
public struct ProviderCall: Hashable, Sendable {
  /// What is about to happen; more may come.
  public struct Operation: Hashable, Sendable, CustomStringConvertible {
    /// The operation's name in Swift, as written after the dot.
    public let description: String
    private init(_ description: String) { self.description = description }

    /// A file is opened.
    public static let open = Operation("open")
    /// A path or an open file is examined.
    public static let status = Operation("status")
    /// Addresses are had for a file: mapped, also in the place of copies, or reserved for copies; `range` is what they are to hold, the
    /// file's room for growth included.
    public static let makeExtent = Operation("makeExtent")
    /// A window is loaded; `range` is what it holds.
    public static let load = Operation("load")
    /// The bytes of a window that was loaded through a map are about to be touched; `range` is what it holds. An error, whichever it is,
    /// stands for pages that are missing: those who read them are told, with the reason that the file gives.
    public static let touch = Operation("touch")
    /// Bytes are read without a window; `range` is what was asked for.
    public static let read = Operation("read")
  }

  /// The name of the backend that is to do it: "mmap", or that of the one that took over.
  public let backend: String
  /// What is about to happen.
  public let operation: Operation
  /// The file it is about; nil for one that was not opened through this provider, and where addresses are reserved for copies.
  public let source: FileSource?
  /// The bytes of the file it is about, if it is about some.
  public let range: Range<Int64>?
}

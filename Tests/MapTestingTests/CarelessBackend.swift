import Foundation
import MapProtocols
import SystemPackage

/// Files in a dictionary, read on a thread of its own, but for one fault; without one it is right.
final class CarelessBackend: AsynchronousProvider, @unchecked Sendable {
  enum Fault: CaseIterable, Sendable {
    case readsTooLittle, inventsBytes, writesBehind, sharesAnOffset, swapsRequests, sharesHandles
    case closesAll, hasOneIdentity, opensAnything, keepsItsVersion, mixesVersions, tellsAWrongSize
    case forgetsAnEnd, endsTwice, writesAfterTheEnd, leavesReadsAtShutdown, tellsUnderItsLock
    case wantsOddWindows, failsForCancelled, sharesHandlesOfTasks, opensAnythingForTasks
    case hasOtherVersionsForTasks, keepsOldOffsets, makesUpWhatIsDamaged, writesOnceMore

    /// The promise that it breaks, and words of the message that names it.
    var isFoundAs: (promise: String, words: String) {
      switch self {
      case .readsTooLittle: ("readsEveryByte", ", and no error")
      case .inventsBytes: ("readsEveryByte", "they are invented")
      case .writesBehind: ("readsEveryByte", "wrote to bytes beside")
      case .sharesAnOffset: ("readsOnSeveralThreads", "a read beside others")
      case .swapsRequests: ("readsSeveralAtOnce", "a request of")
      case .sharesHandles: ("givesEachOpenAHandle", "two opens gave the same handle")
      case .closesAll: ("givesEachOpenAHandle", "Bad file descriptor")
      case .hasOneIdentity: ("tellsFilesApart", "have the same identity")
      case .opensAnything: ("refusesWhatIsNotThere", "was opened")
      case .keepsItsVersion: ("tellsVersions", "other bytes, the same version")
      case .mixesVersions: ("mixesNoVersions", "bytes that the file never had together")
      case .tellsAWrongSize: ("readsEveryByte", "is said to have")
      case .forgetsAnEnd: ("submitsReads", "were not told within")
      case .endsTwice: ("submitsReads", "told more than once")
      case .writesAfterTheEnd: ("endsCancelledReads", "written to after the end")
      case .leavesReadsAtShutdown: ("endsReadsAtShutdown", "`shutdown` returned before")
      case .tellsUnderItsLock:
        ("submitsReads", "within a completion, which must not be called under a lock")
      case .wantsOddWindows: ("describesItself", "no multiple of the page")
      case .sharesHandlesOfTasks: ("givesEachOpenAHandle", "two opens gave the same handle")
      case .opensAnythingForTasks: ("refusesWhatIsNotThere", "was opened")
      case .hasOtherVersionsForTasks: ("tellsFilesApart", "has two identities or versions")
      case .keepsOldOffsets: ("tellsVersions", "after a change of another file, through an old")
      case .makesUpWhatIsDamaged: ("tellsOfDamage", "byte 500000 is wrong")
      case .writesOnceMore: ("submitsReads", "written to after the end")
      case .failsForCancelled: ("endsCancelledReads", "were not told within")
      }
    }
  }

  private struct File {
    let number: UInt64
    var version: Int64 = 0
    var bytes: [UInt8]
    var old: [UInt8] = []
  }

  let fault: Fault?
  private let lock = NSRecursiveLock()
  private let completionLock = NSLock()
  private var files: [String: File] = [:]
  private var handles: [Int: String] = [:]
  private var shifts: [Int: Int] = [:]
  private var damaged: Set<String> = []
  private var lastHandle = 0
  private var offset: Int64 = 0
  private var submitted = 0
  private var late: [ReadRequest] = []
  private let reads = DispatchGroup()
  private let queue = DispatchQueue(label: "careless")

  init(_ fault: Fault?, _ contents: [String: [UInt8]]) {
    self.fault = fault
    for (name, bytes) in contents { put(bytes, at: name) }
  }

  func put(_ bytes: [UInt8], at name: String) {
    lock.withLock {
      var file = files[name] ?? File(number: UInt64(files.count), bytes: [])
      (file.old, file.bytes) = (file.bytes, bytes)
      for (handle, other) in handles where other != name {
        shifts[handle, default: 0] += bytes.count - file.old.count
      }
      if fault != .keepsItsVersion { file.version += 1 }
      files[name] = file
    }
  }

  /// Its bytes from 500,000 on can't be read any more.
  func damage(_ name: String) { lock.withLock { _ = damaged.insert(name) } }

  var name: String { "careless" }
  var preferredWindowSize: Int? { fault == .wantsOddWindows ? 5_000 : nil }

  private func status(_ file: File) -> FileStatus {
    FileStatus(
      identity: FileIdentity(fault == .hasOneIdentity ? 1 : file.number),
      version: FileVersion(file.version),
      size: Int64(file.bytes.count) + (fault == .tellsAWrongSize ? 1 : 0))
  }

  func open(_ source: FileSource) throws(MapError) -> OpenedFile {
    guard case .name(let name) = source else { throw MapError(.unsupported, source: source) }
    lock.lock()
    defer { lock.unlock() }
    if fault == .opensAnything && files[name] == nil {
      files[name] = File(number: UInt64(files.count), bytes: [])
    }
    guard let file = files[name] else {
      throw MapError(.openFailed, source: source, errno: .noSuchFileOrDirectory)
    }
    if fault == .sharesHandles, let handle = handles.first(where: { $0.value == name })?.key {
      return OpenedFile(handle: Handle(rawValue: handle), status: status(file))
    }
    lastHandle += 1
    handles[lastHandle] = name
    return OpenedFile(handle: Handle(rawValue: lastHandle), status: status(file))
  }

  func open(_ source: FileSource) async throws(MapError) -> OpenedFile {
    switch fault {
    case .sharesHandlesOfTasks:
      let handle = lock.withLock { handles.first { .name($0.value) == source }?.key }
      guard let handle else { break }
      let status = try status(of: Handle(rawValue: handle))
      return OpenedFile(handle: Handle(rawValue: handle), status: status)
    case .opensAnythingForTasks:
      do throws(MapError) { return try openNow(source) } catch { return try openNow(.name("1")) }
    case .hasOtherVersionsForTasks:
      let opened = try openNow(source)
      let status = FileStatus(
        identity: opened.status.identity, version: FileVersion(-1), size: opened.status.size)
      return OpenedFile(handle: opened.handle, status: status)
    default: break
    }
    return try openNow(source)
  }

  private func openNow(_ source: FileSource) throws(MapError) -> OpenedFile { try open(source) }

  private func file(_ handle: Handle) throws(MapError) -> File {
    lock.lock()
    defer { lock.unlock() }
    guard let name = handles[handle.rawValue], let file = files[name] else {
      throw MapError(.readFailed, errno: .badFileDescriptor)
    }
    return file
  }

  func status(of handle: Handle) throws(MapError) -> FileStatus { status(try file(handle)) }

  func close(_ handle: Handle) {
    lock.withLock {
      let name = handles.removeValue(forKey: handle.rawValue)
      if fault == .closesAll { handles = handles.filter { $0.value != name } }
    }
  }

  func read(
    _ handle: Handle, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
  ) throws(MapError) -> Int {
    let file = try file(handle)
    var content = file.bytes
    // A part of the file that was read before it changed.
    if fault == .mixesVersions && file.old.count > 50_000 && content.count > 50_000 {
      content.replaceSubrange(40_000..<50_000, with: file.old[40_000..<50_000])
    }
    let (shift, isDamaged) = lock.withLock {
      (shifts[handle.rawValue] ?? 0, damaged.contains(handles[handle.rawValue] ?? ""))
    }
    var place = offset
    if fault == .keepsOldOffsets { place = max(offset + Int64(shift), 0) }
    if isDamaged && offset + Int64(buffer.count) > 500_000 {
      if fault != .makesUpWhatIsDamaged { throw MapError(.readFailed, errno: .ioError) }
      for index in content.indices.dropFirst(500_000) { content[index] = 0 }
    }
    if fault == .sharesAnOffset {
      lock.withLock { self.offset = offset }
      sched_yield()
      place = lock.withLock { self.offset }
    }
    var bytes = content.dropFirst(Int(clamping: place)).prefix(buffer.count)
    if fault == .readsTooLittle && bytes.count > 2_000 { bytes.removeLast(500) }
    unsafe buffer.copyBytes(from: bytes)
    if fault == .inventsBytes && bytes.count < buffer.count && !bytes.isEmpty {
      for index in bytes.count..<buffer.count { unsafe buffer[index] = 0 }
      return buffer.count
    }
    if fault == .writesBehind, bytes.count < buffer.count { unsafe buffer[bytes.count] = 0 }
    return bytes.count
  }

  func read(_ requests: inout [ReadRequest]) {
    for index in requests.indices { read(&requests[index]) }
    if fault == .swapsRequests && requests.count > 1 {
      (requests[0].result, requests[1].result) = (requests[1].result, requests[0].result)
    }
  }

  private func read(_ request: inout ReadRequest) {
    do throws(MapError) {
      request.result = .success(
        try unsafe read(request.handle, at: request.offset, into: request.buffer))
    } catch {
      request.result = .failure(error)
    }
  }

  func submit(
    _ requests: [ReadRequest], completion: @escaping @Sendable ([ReadRequest]) -> Void
  ) -> LoadCancellation {
    lock.lock()
    submitted += 1
    let number = submitted
    lock.unlock()
    if fault == .forgetsAnEnd && number % 7 == 0 { return .impossible }
    if fault == .tellsUnderItsLock { completionLock.lock() }
    defer { if fault == .tellsUnderItsLock { completionLock.unlock() } }
    let flag = CancellationFlag()
    reads.enter()
    let body: @Sendable () -> Void = { [self] in
      defer { reads.leave() }
      var ended = requests
      if flag.isRaised {
        for index in ended.indices { ended[index].result = .failure(MapError(.cancelled)) }
        if fault == .failsForCancelled { return }
      } else {
        read(&ended)
      }
      completion(ended)
      if fault == .writesOnceMore { for request in requests { unsafe request.buffer[0] ^= 1 } }
      if fault == .endsTwice && number == 5 { completion(ended) }
      if fault == .writesAfterTheEnd && flag.isRaised { lock.withLock { late += requests } }
    }
    if fault == .tellsUnderItsLock { body() } else { queue.async(execute: body) }
    return flag.cancellation
  }

  func shutdown() {
    if fault == .leavesReadsAtShutdown { return }
    reads.wait()
    for request in late { unsafe request.buffer[0] = 1 }
    late = []
  }
}

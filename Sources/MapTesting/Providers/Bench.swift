internal import MapProtocols
internal import SystemPackage

/// A new backend, some files that it can open, and what is known of them: what a promise is checked with.
final class Bench: Sendable {
  let checks: Checks
  let seed: UInt64
  let provider: any RegionProvider
  let windows: ProviderWindows
  /// What the files hold at first, by name.
  let contents: [String: [UInt8]]
  private let subject: TriedFiles.Subject

  /// The largest file, of many windows.
  static let large = "large"
  /// The sizes of the files beside it, which have them for names.
  static let sizes = [0, 1, 4_095, 4_096, 4_097, 100_003]

  init(_ files: TriedFiles, seed: UInt64, _ checks: Checks) throws {
    self.checks = checks
    self.seed = seed
    var contents = [Self.large: patternedBytes(1 << 20 + 3, seed: 1)]
    for size in Self.sizes { contents["\(size)"] = patternedBytes(size, seed: UInt64(size)) }
    self.contents = contents
    subject = try files.make(contents)
    provider = subject.provider
    windows = ProviderWindows(of: provider)
  }

  /// Ends the backend, and checks that nothing is left of it that the system knows of.
  func end() {
    provider.shutdown()
    guard let directory = subject.directory, ProcessResources.isAvailable else { return }
    let descriptors = ProcessResources.descriptors(under: directory.path)
    checks.expect(descriptors == 0, "\(descriptors) descriptors are left open at the end")
    let maps = (try? ProcessResources.maps(under: directory.path)) ?? 0
    checks.expect(maps == 0, "\(maps) maps are left at the end")
  }

  // MARK: Files

  func source(_ name: String) -> FileSource { subject.source(name) }

  /// Gives a file other bytes; nil where files never change, which is noted.
  var change: (@Sendable (String, [UInt8]) throws -> Void)? {
    if subject.change == nil { checks.skip("no `change` was given: files never change") }
    return subject.change
  }

  /// Spoils what is kept of a file; nil where that can't be done, which is noted.
  var damage: (@Sendable (String) throws -> Void)? {
    if subject.damage == nil { checks.skip("no `damage` was given") }
    return subject.damage
  }

  /// The directory of the system's files. Only for promises about those.
  var directory: TemporaryDirectory { subject.directory! }
  /// Whether the files are the system's.
  var filesAreTheSystems: Bool { subject.directory != nil }

  /// Opens as threads do, or, of a backend that has both ways, as tasks do; the calling thread waits.
  func open(_ source: FileSource, forTask: Bool = false) throws(MapError) -> OpenedFile {
    checks.calls("\(forTask ? "the async " : "")`open` of \(source)")
    guard forTask, let asynchronous else { return try provider.open(source) }
    return try ThreadExecutor.run { () async throws(MapError) in
      try await asynchronous.open(source)
    }
  }

  private var asynchronous: (any AsynchronousProvider)? { provider as? any AsynchronousProvider }
  /// The ways to open a file that the backend has.
  var opensForTask: [Bool] { asynchronous == nil ? [false] : [false, true] }

  /// Opens a file for the length of `body`.
  func withHandle<Result>(
    _ name: String, forTask: Bool = false, _ body: (OpenedFile) throws -> Result
  ) throws -> Result {
    let opened = try open(source(name), forTask: forTask)
    defer { provider.close(opened.handle) }
    return try body(opened)
  }

  /// How an open file is now; nil where the provider can't tell any more.
  func status(of handle: Handle) throws(MapError) -> FileStatus? {
    checks.calls("`status` of a handle")
    do throws(MapError) {
      return try provider.status(of: handle)
    } catch {
      if error.code == .fileChanged { return nil }
      throw error
    }
  }

  /// How a source is now, without a handle.
  func status(of source: FileSource) throws(MapError) -> FileStatus {
    checks.calls("`status` of \(source)")
    return try provider.status(of: source)
  }

  /// The error that opening ends with; it must name the source.
  func refusal(of source: FileSource, forTask: Bool) -> MapError? {
    do throws(MapError) {
      let opened = try open(source, forTask: forTask)
      provider.close(opened.handle)
      checks.note("\(source) was opened")
      return nil
    } catch {
      checks.expect(
        error.source == nil || error.source == source,
        "the error of opening \(source) names another: \(error)")
      return error
    }
  }

  // MARK: Bytes

  /// Reads by one call, into memory at an odd address with room behind that must stay as it is.
  func read(_ handle: Handle, at offset: Int, _ count: Int) throws(MapError) -> [UInt8] {
    checks.calls("`read` of \(count) bytes at \(offset)")
    // No byte that a backend may write by itself.
    let untouched = UInt8.random(in: 1...255)
    var bytes = [UInt8](repeating: untouched, count: count + 9)
    let result: Result<Int, MapError> = unsafe bytes.withUnsafeMutableBytes { all in
      let middle = unsafe UnsafeMutableRawBufferPointer(rebasing: all[1..<count + 1])
      do throws(MapError) {
        return .success(try unsafe provider.read(handle, at: Int64(offset), into: middle))
      } catch {
        return .failure(error)
      }
    }
    let read = try result.get()
    guard (0...count).contains(read) else {
      checks.note("a read of \(count) bytes says that it gave \(read)")
      return []
    }
    let behind = bytes[(read + 1)...]
    checks.expect(
      bytes[0] == untouched && behind.allSatisfy { $0 == untouched },
      "a read of \(count) bytes at \(offset) that gave \(read) wrote to bytes beside them")
    return Array(bytes[1..<read + 1])
  }

  /// Compares what a read gave with what is there.
  func expect(
    _ bytes: [UInt8], at offset: Int, _ count: Int, of content: [UInt8], _ what: String,
    hint: String = ""
  ) {
    let truth = content.dropFirst(offset).prefix(count)
    if bytes.elementsEqual(truth) { return }
    let place = "\(what) of \(count) bytes at \(offset) of a file of \(content.count)"
    if bytes.count < truth.count {
      checks.note("\(place) gave \(bytes.count) bytes of \(truth.count), and no error")
    } else if bytes.count > truth.count {
      checks.note(
        "\(place) gave \(bytes.count) bytes where the file has \(truth.count): they are invented")
    } else {
      let wrong = zip(bytes, truth).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? 0
      checks.note("\(place): byte \(offset + wrong) is wrong\(hint)")
    }
  }
}

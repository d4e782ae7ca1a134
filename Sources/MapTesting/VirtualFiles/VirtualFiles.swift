#if Schedule
  package import MapProtocols
  public import SystemPackage

  /// A small file system in memory, for schedules: files grow, shrink, are replaced and go, numbers are used again, and what a
  /// reader sees can be held against all that ever was.
  public final class VirtualFiles: @unchecked Sendable {
    // Only whoever has the turn looks at what follows.
    let scheduler: Scheduler
    private var names: [FilePath: VirtualFile] = [:]
    /// Where each path led to from which step on.
    private var history: [(step: Int, path: FilePath, file: VirtualFile?)] = []
    private var freeNumbers: [UInt64] = []
    private var numbers: UInt64 = 100
    private var serials: UInt16 = 0
    private var time: Int64 = 1_000_000
    /// How many steps the clock of change times stands still; 0 where no two changes have the same time.
    public var tickLength = 0
    private var leases: [ObjectIdentifier: Range<UInt>] = [:]
    private(set) var memories: [VirtualMemory] = []
    /// Since when zeros stood for bytes that the last look came upon; nil if all were there.
    package private(set) var missingSince: Int?
    /// Files that no path leads to, but a handle or a map holds.
    private var orphans: [VirtualFile] = []
    /// What the program around has open itself.
    private var descriptors: [FileDescriptor: VirtualFile] = [:]
    private var nextDescriptor: Int32 = 1_000

    /// No file is there yet.
    public init(_ scheduler: Scheduler) { self.scheduler = scheduler }

    private var step: Int { scheduler.step }

    /// The time of a change.
    private func tick() -> Int64 {
      if tickLength > 0 { return Int64(step / tickLength) }
      time += 1
      return time
    }

    /// What the system tells of a file. It is settled when the next change would have another time.
    func status(of file: VirtualFile) -> FileStatus {
      let isSettled = tickLength == 0 || file.now.changeTime != Int64(step / tickLength)
      return file.status(isSettled: isSettled)
    }

    // MARK: What others do to files

    private func make(size: Int64) -> VirtualFile {
      // The number of the file that went last is the first to be used again, as on ext4.
      collectNumbers()
      serials += 1
      if freeNumbers.isEmpty {
        numbers += 1
        freeNumbers.append(numbers)
      }
      return VirtualFile(
        serial: serials, number: freeNumbers.removeLast(), size: size, step: step, time: tick())
    }

    private func collectNumbers() {
      for file in orphans where file.holders == 0 { freeNumbers.append(file.number) }
      orphans.removeAll { $0.holders == 0 }
    }

    private func lead(_ path: FilePath, to file: VirtualFile?) {
      if let old = names[path] {
        old.links -= 1
        old.touch(step: step, time: tick())
        if old.links == 0 { orphans.append(old) }
      }
      names[path] = file
      file?.links += 1
      history.append((step, path, file))
    }

    /// Makes a file, or gives the path to a new one.
    public func create(_ path: FilePath, size: Int64) { lead(path, to: make(size: size)) }

    /// Takes a path away; who holds its file keeps it.
    public func remove(_ path: FilePath) {
      if names[path] != nil { lead(path, to: nil) }
    }

    /// Gives a file another path.
    public func link(_ path: FilePath, as other: FilePath) {
      guard let file = names[path], names[other] !== file else { return }
      lead(other, to: file)
      file.touch(step: step, time: tick())
    }

    /// Lengthens a file.
    public func append(_ path: FilePath, _ count: Int64) {
      guard let file = names[path] else { return }
      let size = file.now.size
      file.change(writing: size..<size + count, size: size + count, step: step, time: tick())
    }

    /// Writes other bytes to a range of a file.
    ///
    /// - Parameter keepsTime: whether the modification time is put back afterwards.
    public func overwrite(_ path: FilePath, _ range: Range<Int64>, keepsTime: Bool = false) {
      guard let file = names[path] else { return }
      let range = range.clamped(to: 0..<file.now.size)
      let time = keepsTime ? file.now.modificationTime : nil
      file.change(
        writing: range, size: file.now.size, step: step, time: tick(), modificationTime: time)
    }

    /// Cuts a file short.
    public func truncate(_ path: FilePath, to size: Int64) {
      guard let file = names[path], size < file.now.size else { return }
      file.change(writing: size..<size, size: size, step: step, time: tick())
    }

    // MARK: What the program around does

    /// Opens a file, or nothing where the path leads nowhere.
    public func open(_ path: FilePath) -> FileDescriptor? {
      guard let file = names[path] else { return nil }
      let descriptor = FileDescriptor(rawValue: nextDescriptor)
      nextDescriptor += 1
      descriptors[descriptor] = file
      file.holders += 1
      return descriptor
    }

    /// Closes what `open` gave.
    public func close(_ descriptor: FileDescriptor) {
      descriptors.removeValue(forKey: descriptor)?.holders -= 1
    }

    // MARK: What is so

    /// What a source leads to now.
    package func file(of source: FileSource) -> VirtualFile? {
      switch source {
      case .path(let path): names[path]
      case .descriptor(let descriptor): descriptors[descriptor]
      case .name: nil
      }
    }

    /// Where a path leads to now.
    package func file(at path: FilePath) -> VirtualFile? { names[path] }

    /// Where a path led to at some moment from `step` on.
    package func files(at path: FilePath, since step: Int) -> [VirtualFile] {
      let entries = history.filter { $0.path == path }
      let first = entries.lastIndex { $0.step <= step } ?? 0
      return entries[first...].compactMap(\.file)
    }

    package var paths: [FilePath] { names.keys.sorted { $0.string < $1.string } }

    // MARK: Memory

    func add(_ memory: VirtualMemory) { memories.append(memory) }

    func memory(of extent: Extent) -> VirtualMemory {
      guard let memory = memories.first(where: { unsafe $0.extent.base == extent.base }) else {
        scheduler.fail("names an extent that is not there")
      }
      return memory
    }

    func memory(at address: UInt) -> VirtualMemory? {
      memories.first { $0.addresses.contains(address) }
    }

    func release(_ extent: Extent) {
      let memory = memory(of: extent)
      forbidLeases(memory.addresses)
      if !memory.isWhole { scheduler.fail("wrote outside an extent") }
      memories.removeAll { $0 === memory }
      memory.free()
    }

    func forbidLeases(_ addresses: Range<UInt>) {
      if leases.values.contains(where: { $0.overlaps(addresses) }) {
        scheduler.fail("empties memory that a lease shows")
      }
    }

    /// Whether nothing is left of what handles and extents held.
    package var isEmptyOfMemory: Bool { memories.isEmpty }

    /// How many pages are loaded in all extents.
    package var loadedPages: Int { memories.reduce(0) { $0 + $1.loadedPages } }

    // MARK: Readers

    /// From now on the bytes of a span must stay.
    package func beginLease(_ owner: AnyObject, _ span: RawSpan) {
      unsafe span.withUnsafeBytes { bytes in
        guard let base = bytes.baseAddress, bytes.count > 0 else { return }
        let start = UInt(bitPattern: base)
        leases[ObjectIdentifier(owner)] = start..<start + UInt(bytes.count)
      }
    }

    package func endLease(_ owner: AnyObject) { leases[ObjectIdentifier(owner)] = nil }

    /// What a reader sees must lie where its offset says.
    private func check(_ address: UInt, _ count: Int, at offset: Int64, in memory: VirtualMemory) {
      let start = Int64(address - memory.addresses.lowerBound) + memory.extent.offset
      if start != offset { scheduler.fail("shows byte \(start) for byte \(offset)") }
      if address + UInt(count) > memory.addresses.upperBound {
        scheduler.fail(
          "shows \(offset)..<\(offset + Int64(count)) of an extent of"
            + " \(memory.addresses.count) bytes")
      }
      // As touching does.
      if memory.isMap { memory.touch(start..<start + Int64(count), scheduler) }
    }

    /// Fails the schedule unless a reader sees one version of a file that its path has led to since some step.
    ///
    /// - Parameters:
    ///   - offset: of the first byte.
    ///   - path: what the reader's cursor was opened by.
    ///   - step: when the cursor was opened, or before that.
    public func check(_ span: RawSpan, at offset: Int64, of path: FilePath, since step: Int = 0) {
      _ = check(span, at: offset, of: files(at: path, since: step), in: step...(.max))
    }

    /// Looks at what a reader sees: it must be of one version of one of `files`.
    ///
    /// - Parameters:
    ///   - offset: of the first byte.
    ///   - steps: when the file may have been so: from when the reader looked at it last.
    /// - Returns: which file it is of; nil if there is nothing to tell it by.
    package func check(
      _ span: RawSpan, at offset: Int64, of files: [VirtualFile], in steps: ClosedRange<Int>
    ) -> VirtualFile? {
      let word = Int64(VirtualFile.wordSize)
      // Others come to look while this one waits for pages.
      var since: Int?
      defer { missingSince = since }
      return unsafe span.withUnsafeBytes { bytes -> VirtualFile? in
        guard let base = bytes.baseAddress else { return nil }
        let address = UInt(bitPattern: base)
        let memory = memory(at: address)
        let isMap = memory?.isMap == true
        if let memory { check(address, bytes.count, at: offset, in: memory) }
        var words: [(offset: Int64, word: UInt64)] = []
        var place = (offset + word - 1) / word * word
        while place + 8 <= offset + Int64(bytes.count) {
          let value = unsafe bytes.loadUnaligned(
            fromByteOffset: Int(place - offset), as: UInt64.self)
          if isMap, let step = memory?.missingSince(place) {
            if value != 0 { scheduler.fail("shows \(value) where zeros must stand") }
            since = min(since ?? step, step)
          } else {
            words.append((place, value))
          }
          place += word
        }
        if words.isEmpty { return nil }
        // Past a file's end its map may show anything, so there only the map tells which file it is of.
        for file in files where !isMap || file === memory?.file {
          let versions = isMap ? file.versions.suffix(1) : file.versions(in: steps)
          let sizes = file.versions(in: steps).map(\.size).min() ?? 0
          for version in versions {
            let fits = words.allSatisfy { (offset, word) in
              // A map shows nothing that could be relied on past the file's end.
              if isMap && offset >= sizes { return true }
              return offset < version.size
                && word == VirtualFile.word(file.serial, version.stamp(at: offset), at: offset)
            }
            if fits { return file }
          }
        }
        let expected = files.map { file in
          "file \(file.serial) of sizes \(file.versions(in: steps).map(\.size))"
        }
        let seen = words.prefix(3).map { "\($0.offset): \(String($0.word, radix: 16))" }
        scheduler.fail(
          "sees wrong bytes through \(isMap ? "a map" : "a copy"): \(seen) … of"
            + " \(offset)..<\(offset + Int64(bytes.count)), expected \(expected)")
      }
    }
  }
#endif

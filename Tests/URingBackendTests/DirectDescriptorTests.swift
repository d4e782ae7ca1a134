import Foundation
import Glibc
import MapProtocols
import MapTestSupport
import MapTesting
import SystemPackage
import Testing
import URingBackend

/// Files open in the table of a ring, without a descriptor of the process.
@Suite(.enabled(if: Machine.hasDirectDescriptors, Machine.noDirectDescriptors))
struct DirectDescriptorTests {
  let directory: TemporaryDirectory
  let content = patternedBytes(20_000)
  let path: FilePath

  init() throws {
    directory = try TemporaryDirectory()
    path = try directory.file("file", content)
  }

  /// The size of the table follows the limit of descriptors, which is the process's.
  @Test func `a full table`() async {
    await #expect(processExitsWith: .success) {
      let directory = try TemporaryDirectory()
      let content = patternedBytes(9_000)
      let path = try directory.file("file", content)
      let original = try FileDescriptor.open(path, .readOnly)
      try setLimit(RLIMIT_NOFILE, to: 40)
      guard let provider = try Machine.directProvider() else { return }
      #expect(provider.features.directDescriptorCount == 40)
      var open: [OpenedFile] = []
      for index in 0..<40 {
        open.append(try provider.open(index % 2 == 0 ? .path(path) : .descriptor(original)))
      }
      for _ in 0..<3 {
        for source in [FileSource.path(path), .descriptor(original)] {
          #expect(throws: MapError(.handlesExhausted, source: source, errno: .tooManyOpenFiles)) {
            try provider.open(source)
          }
        }
        // What is open can be read, and a place that was given back taken again.
        #expect(try provider.bytes(of: open[7].handle, 0..<10_000) == content)
        for index in [3, 39] {
          provider.close(open[index].handle)
          open[index] = try provider.open(.path(path))
          #expect(
            try provider.bytes(of: open[index].handle, 5_000..<10_000) == Array(content[5_000...]))
        }
      }
      for file in open { provider.close(file.handle) }
      #expect(ProcessResources.descriptors(under: path) == 1)
    }
  }

  @Test func `no descriptor of the process is held`() throws {
    guard let provider = try Machine.directProvider() else { return }
    let file = try WindowedFile(provider, .path(path))
    #expect(ProcessResources.descriptors(under: path) == 0)
    #expect(file.loadAll().allSatisfy { $0 == nil })
    #expect(file.bytes == content)
    #expect(try file.read(19_990..<30_000) == Array(content[19_990...]))
    file.close()
  }

  @Test func `a deleted file stays readable, and its room is given back at the close`() throws {
    guard let provider = try Machine.directProvider() else { return }
    let file = try WindowedFile(provider, .path(path))
    try FileManager.default.removeItem(atPath: path.string)
    #expect(file.loadAll().allSatisfy { $0 == nil })
    #expect(file.bytes == content)
    file.close()
    #expect(throws: MapError(.openFailed, source: .path(path), errno: .noSuchFileOrDirectory)) {
      try provider.open(.path(path))
    }
  }

  /// What becomes of the path by which a file was opened.
  enum Fate: CaseIterable { case kept, moved, replaced, removed, descriptor }

  @Test(
    .enabled(if: Machine.examinesDirectly, Machine.noExamination), arguments: Fate.allCases)
  func `the status is today's whatever became of the path`(_ fate: Fate) throws {
    guard let provider = try Machine.directProvider() else { return }
    let writer = try FileDescriptor.open(path, .readWrite)
    let opened = try provider.open(fate == .descriptor ? .descriptor(writer) : .path(path))
    switch fate {
    case .kept, .descriptor: break
    case .moved: try FileManager.default.moveItem(atPath: path.string, toPath: path.string + "2")
    case .replaced: try directory.replace(path, by: directory.file("other", [1]))
    case .removed: try FileManager.default.removeItem(atPath: path.string)
    }
    for size in stride(from: Int64(20_001), to: 20_100, by: 1) {
      try writer.writeAll(toAbsoluteOffset: size - 1, [0])
      let now = try provider.status(of: opened.handle)
      #expect(now.size == size)
      #expect(now.isSame(as: try FileStatus(of: writer)))
    }
    #expect(ProcessResources.descriptors(under: directory.path) == 1)
    provider.close(opened.handle)
    try writer.close()
  }

  @Test(.enabled(if: Machine.examinesDirectly, Machine.noExamination))
  func `the spare descriptor tells where there is no other`() async {
    await #expect(processExitsWith: .success) {
      let directory = try TemporaryDirectory()
      let path = try directory.file("file", patternedBytes(9_000))
      guard let provider = try Machine.directProvider() else { return }
      let writer = try FileDescriptor.open(path, .readWrite)
      try setLimit(RLIMIT_NOFILE, to: UInt(writer.rawValue + 10))
      var fillers: [FileDescriptor] = []
      func fill() {
        while let more = try? FileDescriptor.open(path, .readOnly) { fillers.append(more) }
      }
      fill()
      let opened = try provider.open(.path(path))
      let adopted = try provider.open(.descriptor(writer))
      #expect(unsafe rename(path.string, directory("moved").string) == 0)
      for size in stride(from: Int64(9_003), to: 9_030, by: 3) {
        fill()
        try writer.writeAll(toAbsoluteOffset: size - 3, [1, 2, 3])
        for file in [opened, adopted] {
          #expect(try provider.status(of: file.handle).isSame(as: FileStatus(of: writer)))
        }
      }
      for filler in fillers { try filler.close() }
      try setLimit(RLIMIT_NOFILE, to: 4_096)
      for file in [opened, adopted] { provider.close(file.handle) }
      #expect(ProcessResources.descriptors(under: directory.path) == 1)
    }
  }

  @Test func `without a spare descriptor files open, and the next one has it again`() async {
    await #expect(processExitsWith: .success) {
      let directory = try TemporaryDirectory()
      let content = patternedBytes(9_000)
      let path = try directory.file("file", content)
      let faults = SyscallFaults()
      guard let provider = try Machine.directProvider(faults: faults) else { return }
      let held = try ringDescriptors()
      faults.fail(.duplicate, with: .tooManyOpenFiles)
      let first = try provider.open(.path(path))
      let heldAfterFailure = try ringDescriptors()
      let second = try provider.open(.path(path))
      #expect(try [held, heldAfterFailure, ringDescriptors()] == [2, 1, 2])
      for file in [first, second] {
        #expect(try provider.bytes(of: file.handle, 0..<10_000) == content)
        provider.close(file.handle)
      }
      #expect(ProcessResources.descriptors(under: path) == 0)
      provider.shutdown()
      #expect(try ringDescriptors() == 0)
    }
  }

  /// A link on the way to a file is no property of the file: nothing of it tells that somebody turned the link for a moment.
  @Test func `a link that leads to one file after the other gives one of them`() throws {
    guard let provider = try Machine.directProvider() else { return }
    let contents = (0..<2).map { patternedBytes(3_000 + $0, seed: UInt64($0 + 1)) }
    let directory = directory
    let paths = try (0..<2).map { try directory.file("file\($0)", contents[$0]) }
    let place = directory("place")
    let isDone = Guarded(false)
    let changer = try ServiceThread {
      var index = 0
      while !isDone.withLock({ $0 }) {
        _ = unsafe symlink(paths[index % 2].string, directory("next").string)
        _ = unsafe rename(directory("next").string, place.string)
        index += 1
      }
    }
    defer {
      isDone.withLock { $0 = true }
      changer.join()
    }
    while unsafe access(place.string, R_OK) != 0 {}
    for _ in 0..<3_000 {
      let file = try provider.open(.path(place))
      defer { provider.close(file.handle) }
      let bytes = try provider.bytes(of: file.handle, 0..<6_000)
      #expect(bytes == contents[Int(file.status.size) - 3_000])
    }
  }

  @Test func `a kernel that can't tell is asked once`() throws {
    let faults = SyscallFaults()
    guard let provider = try Machine.directProvider(faults: faults) else { return }
    let original = try FileDescriptor.open(path, .readOnly)
    defer { try? original.close() }
    let adopted = try provider.open(.descriptor(original))
    faults.fail(.ringInstall, with: .invalidArgument)
    for _ in 0..<3 {
      #expect(throws: MapError(.fileChanged, errno: .invalidArgument)) {
        try provider.status(of: adopted.handle)
      }
    }
    #expect(faults.calls(of: .ringInstall) == 1)
    let opened = try provider.open(.path(path))
    #expect(try provider.status(of: opened.handle) == opened.status)
    for file in [adopted, opened] { provider.close(file.handle) }
  }

  @Test(.enabled(if: Machine.examinesDirectly, Machine.noExamination))
  func `a failure passes, and leaves no descriptor`() throws {
    let faults = SyscallFaults()
    guard let provider = try Machine.directProvider(faults: faults) else { return }
    let original = try FileDescriptor.open(path, .readOnly)
    defer { try? original.close() }
    let adopted = try provider.open(.descriptor(original))
    for errno in [Errno.tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory] {
      faults.fail(.ringInstall, with: errno)
      #expect(throws: MapError(.fileChanged, errno: errno)) {
        try provider.status(of: adopted.handle)
      }
      #expect(try provider.status(of: adopted.handle) == adopted.status)
    }
    faults.fail(.stat, with: .ioError)
    #expect(throws: MapError(.openFailed, errno: .ioError)) {
      try provider.status(of: adopted.handle)
    }
    #expect(ProcessResources.descriptors(under: directory.path) == 1)
    provider.close(adopted.handle)
  }

  @Test func `a path that leads to one file after the other gives one of them`() throws {
    guard let provider = try Machine.directProvider() else { return }
    let isDone = Guarded(false)
    let directory = directory
    let place = directory("place")
    func version(_ index: Int) -> [UInt8] {
      Array(repeating: UInt8(index % 2 + 1), count: 3_000 + index % 2 * 2_000)
    }
    try directory.file("place", version(0))
    let changer = try ServiceThread {
      var index = 1
      while !isDone.withLock({ $0 }) {
        let bytes = Array(repeating: UInt8(index % 2 + 1), count: 3_000 + index % 2 * 2_000)
        guard (try? directory.file("next", bytes)) != nil else { return }
        _ = unsafe rename(directory("next").string, place.string)
        index += 1
      }
    }
    defer {
      isDone.withLock { $0 = true }
      changer.join()
    }
    for _ in 0..<2_000 {
      let file = try provider.open(.path(place))
      defer { provider.close(file.handle) }
      let bytes = try provider.bytes(of: file.handle, 0..<6_000)
      #expect(bytes == version(file.status.size == 3_000 ? 0 : 1))
      #expect(file.status.size == Int64(bytes.count))
    }
  }

  @Test func `threads load, read, open and close at once`() throws {
    let files = 16
    let size = 40_000
    let contents = (0..<files).map { patternedBytes(size, seed: UInt64($0)) }
    let paths = try (0..<files).map { try directory.file("\($0)", contents[$0]) }
    guard let provider = try Machine.directProvider(depth: 8) else { return }
    let mistakes = Guarded([String]())
    let threads = try (0..<8).map { thread in
      try ServiceThread {
        func work() throws {
          for round in 0..<60 {
            let index = (thread * 7 + round) % files
            let file = try WindowedFile(provider, .path(paths[index]))
            defer { file.close() }
            switch (thread + round) % 3 {
            case 0:
              if file.loadAll().contains(where: { $0 != nil }) || file.bytes != contents[index] {
                mistakes.withLock { $0.append("load of \(index)") }
              }
            case 1:
              let start = round * 631 % size
              let bytes = try file.read(Int64(start)..<Int64(start + 5_000))
              if bytes[...] != contents[index][start..<min(start + 5_000, size)] {
                mistakes.withLock { $0.append("read of \(index)") }
              }
            default:
              let original = try FileDescriptor.open(paths[index], .readOnly)
              let adopted = try WindowedFile(provider, .descriptor(original))
              try original.close()
              if Machine.examinesDirectly,
                try provider.status(of: adopted.opened.handle) != adopted.opened.status
              {
                mistakes.withLock { $0.append("status of adopted \(index)") }
              }
              if adopted.loadAll().contains(where: { $0 != nil })
                || adopted.bytes != contents[index]
              {
                mistakes.withLock { $0.append("load of adopted \(index)") }
              }
              adopted.close()
            }
          }
        }
        do { try work() } catch { mistakes.withLock { $0.append("\(error)") } }
      }
    }
    for thread in threads { thread.join() }
    #expect(mistakes.withLock { $0 } == [])
    // None of the slots was lost.
    var open: [OpenedFile] = []
    for _ in 0..<provider.features.directDescriptorCount {
      open.append(try provider.open(.path(path)))
    }
    for file in open { provider.close(file.handle) }
  }

  @Test func `after shutdown nothing opens and a close is harmless`() throws {
    guard let provider = try Machine.directProvider() else { return }
    let file = try WindowedFile(provider, .path(path))
    provider.shutdown()
    #expect(file.loadAll().allSatisfy { $0?.code == .shutdown })
    #expect(throws: MapError(.shutdown)) { try file.read(0..<10) }
    #expect(throws: MapError(.shutdown, source: .path(path))) { try provider.open(.path(path)) }
    try FileManager.default.removeItem(atPath: path.string)
    #expect(throws: MapError(.shutdown)) { try provider.status(of: file.opened.handle) }
    file.close()
    file.provider.shutdown()
  }
}

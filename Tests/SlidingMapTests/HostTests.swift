import Foundation
import SlidingMap
import SystemPackage
import Testing

/// What the program around does, or others do to it.
struct HostTests {
  private static let model = content(50_000)

  @Test(arguments: BackendKind.allCases)
  func `A relative path means what it meant, wherever the program goes`(
    _ kind: BackendKind
  ) async {
    await #expect(processExitsWith: .success) { [kind] in
      let scratch = try Scratch()
      try scratch.write("file", HostTests.model)
      #expect(unsafe chdir(scratch.path.string) == 0)
      let maps = SlidingWindowMapManager(
        backend: try kind.make(), budget: .fixed(bytes: 65_536, handles: 1), windowSize: 4096)
      var cursor = try maps.cursor(for: "file")
      #expect(unsafe mkdir("other", 0o700) == 0 && chdir("other") == 0)
      try scratch.write("other/file", content(50_000, seed: 2))
      // Of one handle, so that the file must be opened again.
      var other = try maps.cursor(for: "file")
      for offset in [0, 20_000, 40_000] as [Int64] {
        try other.use(at: offset, count: 1_000)
        try cursor.use(at: offset, count: 1_000)
        let isRight = shows(cursor.bytes, HostTests.model, at: Int(offset))
        #expect(isRight)
      }
      try cursor.refresh()
      #expect(cursor.source == .path("file"))
      cursor.release()
      other.release()
      let (below, beside) = (maps.unload(under: "../other"), maps.unload(under: scratch.path))
      #expect(below > 0 && beside > 0, "\(below), \(beside)")
    }
  }

  @Test(arguments: BackendKind.allCases)
  func `A lease of somebody who writes is waited for`(_ kind: BackendKind) async {
    await #expect(processExitsWith: .success) { [kind] in
      let scratch = try Scratch()
      let path = try scratch.write("file", HostTests.model)
      let file = try FileDescriptor.open(path, .readWrite)
      // What asks for the lease back.
      _ = signal(SIGIO, SIG_IGN)
      let setLease: CInt = 1024  // F_SETLEASE
      try #require(fcntl(file.rawValue, setLease, CInt(F_WRLCK)) == 0)
      let maps = SlidingWindowMapManager(backend: try kind.make())
      let held = Locked(true)
      let holder = Thread {
        usleep(100_000)
        held.withLock { $0 = false }
        _ = fcntl(file.rawValue, setLease, CInt(F_UNLCK))
      }
      holder.start()
      var cursor = try maps.cursor(for: path)
      #expect(!held.withLock { $0 })
      let isRight = try cursor.withBytes(at: 0, count: 50_000) { shows($0, HostTests.model, at: 0) }
      #expect(isRight)
    }
  }

  /// Maps of huge pages go only as a whole.
  @Test(.enabled(if: HugeFileSystem.isThere, "no huge pages to be had"))
  func `Files on hugetlbfs are read, and their maps go with the manager`() async {
    await #expect(processExitsWith: .success) {
      let scratch = try Scratch()
      let system = try HugeFileSystem(in: scratch)
      defer { system.remove() }
      let path = try system.makeFile("file", byteCount: 4 << 20)
      for windowSize in [4096, 2 << 20, nil] {
        for kind in [BackendKind.mmap, .automatic] {
          let maps = Shape(windowSize: windowSize).manager(backend: try kind.make())
          var cursor = try maps.cursor(for: path)
          for offset in [0, 2 << 20, (4 << 20) - 8] as [Int64] {
            try cursor.use(at: offset, count: 8)
            let bytes = array(cursor.bytes)
            #expect(bytes == [UInt8](repeating: 0, count: 8))
          }
          cursor.release()
          maps.shutdown()
          #expect(scratch.maps == 0, "\(kind), \(String(describing: windowSize))")
        }
      }
    }
  }
}

import BenchmarkSupport
import SlidingMap
import Synchronization
import SystemPackage

extension UserWork {
  /// A file that no cache holds, gone through once from front to back.
  static func coldScan(in directory: FilePath, _ scale: Double) throws -> UserWork {
    let path = directory.appending("scan.bin")
    let byteCount = Int(3 * scale * 1024) << 20
    try PatternFile.write(path, byteCount: byteCount, seed: 21)
    func way(
      _ name: String, isOurs: Bool, _ run: @escaping @Sendable (FilePath) throws -> UInt64
    ) -> Way {
      Way(name: name, isOurs: isOurs) {
        try PatternFile.chill(path)
        return { try run(path) }
      }
    }
    var ways = [
      way("windows", isOurs: true) { try scan($0, SlidingWindowMapManager()) },
      way("a raw mapping", isOurs: false) { path in
        let mapping = try RawMapping(path)
        return mapping.bytes.sumOfWords()
      },
      way("reads of 1 MiB", isOurs: false, scanByReading),
    ]
    if BackendName.uring.obstacle == nil {
      let ring = way("windows, ring", isOurs: true) {
        try scan($0, SlidingWindowMapManager(backend: .uring(method: .ring)))
      }
      ways.insert(ring, at: 1)
    }
    return UserWork(
      name: "cold scan",
      work: "\(ByteSize.text(byteCount)) summed, read from disk; windows(of:readAhead: 8)",
      ways: ways,
      peer: "a raw mapping", most: 1.1)
  }

  private static func scan(_ path: FilePath, _ maps: MapManager) throws -> UInt64 {
    defer { maps.shutdown() }
    let sum = Mutex<UInt64>(0)
    try WaitedTask.run {
      var total: UInt64 = 0
      for try await window in maps.windows(of: path, readAhead: 8) {
        total &+= window.withBytes { $0.sumOfWords() }
      }
      sum.withLock { $0 = total }
    }
    return sum.withLock { $0 }
  }

  @Sendable
  private static func scanByReading(_ path: FilePath) throws -> UInt64 {
    let file = try FileDescriptor.open(path, .readOnly)
    defer { try? file.close() }
    let buffer = AlignedBuffer(byteCount: 1 << 20)
    var sum: UInt64 = 0
    while true {
      let count = try unsafe file.read(into: buffer.memory)
      if count == 0 { return sum }
      sum &+= buffer.bytes.extracting(0..<count).sumOfWords()
    }
  }
}

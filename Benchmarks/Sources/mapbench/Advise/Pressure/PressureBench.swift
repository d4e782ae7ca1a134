import BenchmarkSupport
import FoundationEssentials
import SystemPackage

/// Files on disk and a memory group in which processes read them, one after another.
struct PressureBench: ~Copyable {
  private let directory: FilePath
  private let group: MemoryGroup
  private let cold: FilePath
  private let coldSize: Int

  /// Writes the cold file.
  ///
  /// - Throws: `Errno` where no memory group can be made.
  init(in directory: FilePath, memory: Int, coldSize: Int) throws {
    let group = try MemoryGroup(limit: memory)
    let cold = directory.appending("cold.bin")
    try PatternFile.write(cold, byteCount: coldSize, seed: PressureWork.coldSeed)
    self.directory = directory
    self.group = group
    self.cold = cold
    self.coldSize = coldSize
  }

  /// Has a process read, after both files were dropped from the page cache.
  func run(
    _ reader: PressureReader, _ hotSet: HotSet, _ shape: ReadShape, hotThreads: Int,
    seconds: Double
  ) throws -> PressureRun {
    let hot = directory.appending("\(hotSet.rawValue).bin")
    if (try? FileDescriptor.open(hot, .readOnly).close()) == nil {
      try PatternFile.write(hot, byteCount: hotSet.fileSize, seed: HotSet.seed)
    }
    for path in [hot, cold] { try PatternFile.chill(path) }
    let said = try Command.output(
      "/proc/self/exe",
      [
        PressureCommand.name, group.directory.string, reader.rawValue, hot.string, hotSet.rawValue,
        "\(hotThreads)", cold.string, "\(coldSize)", shape.rawValue, "\(seconds)",
      ])
    return try JSONDecoder().decode(PressureRun.self, from: Data(said.utf8))
  }
}

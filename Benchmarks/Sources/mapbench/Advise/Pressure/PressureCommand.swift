import ArgumentParser
import FoundationEssentials
import Glibc
import SystemPackage

/// The process that `PressureBench` starts in a memory group: does one `PressureWork` and prints what it came to.
struct PressureCommand: ParsableCommand {
  static let name = "read-under-pressure"
  static let configuration = CommandConfiguration(
    commandName: name, abstract: "The process of advise --memory.", shouldDisplay: false)

  @Argument var group: String
  @Argument var reader: PressureReader
  @Argument var hot: String
  @Argument var hotSet: HotSet
  @Argument var hotThreads: Int
  @Argument var cold: String
  @Argument var coldSize: Int
  @Argument var shape: ReadShape
  @Argument var seconds: Double

  func run() throws {
    // Before anything is read: a page counts where it was first read.
    try MemoryGroup.join(FilePath(group))
    let work = PressureWork(
      reader: reader, hot: FilePath(hot), hotSet: hotSet, hotThreads: hotThreads,
      cold: FilePath(cold), coldSize: coldSize, shape: shape, seconds: seconds)
    Report.print(String(decoding: try JSONEncoder().encode(work.run()), as: UTF8.self))
  }
}

extension HotSet: ExpressibleByArgument {}

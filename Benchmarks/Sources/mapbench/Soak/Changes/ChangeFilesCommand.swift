import ArgumentParser
import BenchmarkSupport
import FoundationEssentials
import Glibc
import SystemPackage

/// The second process of `mapbench soak`: changes files until its standard input ends, as it does when the first process closes the
/// pipe or ends, whatever ends it. Then it removes the files, since the first one may not have been able to.
struct ChangeFilesCommand: ParsableCommand {
  static let name = "change-files"
  static let configuration = CommandConfiguration(
    commandName: name, abstract: "The second process of soak changes.",
    shouldDisplay: false)

  @Argument var directory: String
  @Argument var files: Int
  @Argument var changesPerSecond: Int
  @Argument var seed: UInt64

  func run() throws {
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let folder = FilePath(directory)
    let table = try ChangeTable(folder.appending(SecondProcess.tableName), count: files)
    var changer = FileChanger(table, in: folder, seed: seed)
    let start = nanoseconds()
    var changes = 0
    while !hasEnded(waiting: start + UInt64(changes * 1_000_000_000 / changesPerSecond)) {
      do {
        try changer.change()
      } catch {
        // The first process was ended by a signal, and removes the files before it goes.
        if hasEnded(waiting: nanoseconds() + 10_000_000_000) { return }
        throw error
      }
      changes += 1
    }
  }

  /// Waits until a moment or the end of standard input, whichever is first; whether it was the end.
  private func hasEnded(waiting end: UInt64) -> Bool {
    let now = nanoseconds()
    var input = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
    let milliseconds = end > now ? (end - now) / 1_000_000 : 0
    return unsafe poll(&input, 1, Int32(milliseconds)) > 0
  }
}

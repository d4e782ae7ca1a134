import FoundationEssentials
import SystemPackage

/// fio, the peer for reads in flight: https://github.com/axboe/fio.
enum Fio {
  /// Its version, or nil where it is not installed.
  static func version() throws -> String? {
    do {
      return try Command.output("fio", ["--version"])
        .split(separator: "\n").first.map(String.init)
    } catch Errno.noSuchFileOrDirectory {
      return nil
    }
  }

  /// Reads a second it does at random, of 4 KiB each, by io_uring. It drops the file from the page cache itself, and is
  /// told not to read the clock around each read.
  static func readsPerSecond(
    _ path: FilePath, reads: Int, depth: Int, isDirect: Bool, seed: Int
  ) throws -> Double {
    let text = try Command.output(
      "fio",
      [
        "--name=random", "--filename=\(path)", "--readonly", "--rw=randread", "--bs=4k",
        "--ioengine=io_uring", "--iodepth=\(depth)", "--direct=\(isDirect ? 1 : 0)",
        "--number_ios=\(reads)", "--randrepeat=0", "--randseed=\(seed)", "--invalidate=1",
        "--gtod_reduce=1", "--output-format=json",
      ])
    guard let start = text.firstIndex(of: "{") else { throw Unreadable() }
    let report = try JSONDecoder().decode(Output.self, from: Data(text[start...].utf8))
    guard let read = report.jobs.first?.read, read.total_ios >= reads else { throw Unreadable() }
    return read.iops
  }

  private struct Output: Decodable {
    let jobs: [Job]

    struct Job: Decodable {
      let read: Read
    }
    struct Read: Decodable {
      let iops: Double
      let total_ios: Int
    }
  }

  private struct Unreadable: Error, CustomStringConvertible {
    var description: String { "fio's report is not as expected" }
  }
}

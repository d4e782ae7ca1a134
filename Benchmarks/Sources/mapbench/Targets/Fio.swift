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

  // MARK: In order

  /// A way to read files from their start.
  struct SequentialRead {
    let name: String
    let arguments: [String]

    private static let ways: [(engine: String, depth: Int, isDirect: Bool)] = [
      ("psync", 1, false), ("io_uring", 8, false), ("io_uring", 32, false), ("psync", 1, true),
      ("io_uring", 8, true), ("io_uring", 32, true),
    ]

    private init(
      _ way: (engine: String, depth: Int, isDirect: Bool), jobs: Int, _ files: [String]
    ) {
      name =
        "\(way.engine) \(way.depth)\(way.isDirect ? " direct" : "")"
        + (jobs == 1 ? "" : " x \(jobs)")
      arguments =
        [
          "--ioengine=\(way.engine)", "--iodepth=\(way.depth)", "--numjobs=\(jobs)",
          "--direct=\(way.isDirect ? 1 : 0)",
        ] + files
    }

    /// Of one file, by one job or by two, each of which reads a half.
    static func ofOne(_ path: FilePath) throws -> [SequentialRead] {
      let file = try FileDescriptor.open(path, .readOnly)
      defer { try? file.close() }
      let half = try file.seek(offset: 0, from: .end) / 2
      return ways.flatMap { way in
        [
          SequentialRead(way, jobs: 1, ["--filename=\(path)"]),
          SequentialRead(
            way, jobs: 2,
            ["--filename=\(path)", "--size=\(half)", "--offset_increment=\(half)"]),
        ]
      }
    }

    /// Of many files, by one job or by four.
    static func ofMany(_ files: WarmFiles) -> [SequentialRead] {
      func names(_ directory: FilePath, _ count: Int) -> [String] {
        [
          "--directory=\(directory)", "--filename_format=$jobnum.$filenum", "--nrfiles=\(count)",
          "--filesize=\(WarmFiles.byteCount)", "--openfiles=16",
          "--file_service_type=sequential",
        ]
      }
      return ways.flatMap { way in
        [
          SequentialRead(way, jobs: 1, names(files.single, WarmFiles.jobs * WarmFiles.perJob)),
          SequentialRead(way, jobs: WarmFiles.jobs, names(files.shared, WarmFiles.perJob)),
        ]
      }
    }
  }

  /// Bytes a second it reads in pieces of 1 MiB; the files are to be dropped from the page cache beforehand.
  static func bytesPerSecond(_ read: SequentialRead) throws -> Double {
    let text = try Command.output(
      "fio",
      [
        "--name=sequential", "--readonly", "--rw=read", "--bs=1M", "--thread", "--invalidate=0",
        "--gtod_reduce=1", "--group_reporting", "--output-format=json",
      ] + read.arguments)
    guard let start = text.firstIndex(of: "{") else { throw Unreadable() }
    let report = try JSONDecoder().decode(Output.self, from: Data(text[start...].utf8))
    guard let read = report.jobs.first?.read, read.bw_bytes > 0 else { throw Unreadable() }
    return read.bw_bytes
  }

  private struct Output: Decodable {
    let jobs: [Job]

    struct Job: Decodable {
      let read: Read
    }
    struct Read: Decodable {
      let iops: Double
      let total_ios: Int
      let bw_bytes: Double
    }
  }

  private struct Unreadable: Error, CustomStringConvertible {
    var description: String { "fio's report is not as expected" }
  }
}

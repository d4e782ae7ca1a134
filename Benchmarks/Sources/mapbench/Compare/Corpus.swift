import BenchmarkSupport
import Glibc
import SystemPackage

/// The files a comparison reads, seen as one row of whole 4 KiB pages.
struct Corpus: Sendable {
  static let pageSize = 4096
  /// More files than these would measure the opening of files instead.
  static let maximumFiles = 64

  let files: [FoundFile]
  /// The number of each file's first page, and at the end the number of all pages.
  private let firstPages: [Int]

  /// The largest of `found`, those without a whole page left out.
  init(_ found: [FoundFile]) throws {
    let largest = found.filter { $0.size >= Int64(Self.pageSize) }
      .sorted { $0.size > $1.size }.prefix(Self.maximumFiles)
    guard !largest.isEmpty else { throw Errno.noSuchFileOrDirectory }
    files = largest.sorted { $0.path.string < $1.path.string }
    var firstPages = [0]
    for file in files {
      firstPages.append((firstPages.last ?? 0) + Int(file.size) / Self.pageSize)
    }
    self.firstPages = firstPages
  }

  /// Eight files of seeded content under `directory`, `byteCount` bytes together.
  static func make(in directory: FilePath, byteCount: Int, seed: UInt64) throws -> Corpus {
    var files: [FoundFile] = []
    for index in 0..<8 {
      let path = directory.appending("corpus-\(index).bin")
      try PatternFile.write(path, byteCount: byteCount / 8, seed: seed &+ UInt64(index))
      files.append(FoundFile(path: path, size: Int64(byteCount / 8)))
    }
    return try Corpus(files)
  }

  var pageCount: Int { firstPages.last ?? 0 }
  var byteCount: Int { pageCount * Self.pageSize }

  /// Where a page of the row lies: which file, and the offset there. O(log n) of the files.
  func locate(page: Int) -> (file: Int, offset: Int) {
    var low = 0
    var high = files.count - 1
    while low < high {
      let middle = (low + high + 1) / 2
      if firstPages[middle] <= page { low = middle } else { high = middle - 1 }
    }
    return (low, (page - firstPages[low]) * Self.pageSize)
  }

  /// Reads all of it once, so that every row finds it in the page cache.
  func warm() throws {
    for file in files { try PatternFile.warm(file.path) }
  }
}

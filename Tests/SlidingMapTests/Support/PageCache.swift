#if os(Linux)
  import Foundation
  import SystemPackage
  import Testing

  /// What the kernel has of files in memory, asked without the library.
  enum PageCache {
    /// Drops a file's pages: fsync(2), then posix_fadvise(2) with DONTNEED. False where the file system keeps them, as tmpfs does.
    static func chill(_ path: FilePath) throws -> Bool {
      let file = try FileDescriptor.open(path, .readOnly)
      defer { try? file.close() }
      fsync(file.rawValue)
      try #require(posix_fadvise(file.rawValue, 0, 0, POSIX_FADV_DONTNEED) == 0)
      return try residentPages(path) == 0
    }

    /// How many pages of a file are in memory: mincore(2).
    static func residentPages(_ path: FilePath) throws -> Int {
      let file = try FileDescriptor.open(path, .readOnly)
      defer { try? file.close() }
      let size = Int(try file.seek(offset: 0, from: .end))
      if size == 0 { return 0 }
      let map = unsafe mmap(nil, size, PROT_READ, MAP_SHARED, file.rawValue, 0)
      try #require(unsafe map != MAP_FAILED)
      defer { unsafe munmap(map, size) }
      var pages = [UInt8](repeating: 0, count: (size + 4095) / 4096)
      try #require(unsafe mincore(map, size, &pages) == 0)
      return pages.count { $0 & 1 != 0 }
    }
  }
#endif

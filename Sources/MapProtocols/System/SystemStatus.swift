internal import CMapShims
package import SystemPackage

/// What the system tells of a file: statx(2), as stat(2) has no birth time on Linux.
package struct SystemStatus: Sendable {
  private let found: smap_status

  fileprivate init(_ found: smap_status) { self.found = found }

  package var type: FileType { FileMode(rawValue: CInterop.Mode(found.mode)).type }
  package var size: Int64 { found.size }
  var changeTime: Int64 { found.change_time }
  var modificationTime: Int64 { found.modification_time }
  var isAppendOnly: Bool { found.is_append_only }
  var isAmbiguous: Bool { found.is_ambiguous }

  var identity: FileIdentity {
    FileIdentity(
      device: found.device, inode: found.inode,
      birthTime: found.has_birth_time ? found.birth_time : nil)
  }
}

extension SystemCalls {
  /// Looks at what a path leads to: statx(2), or fstatat(2) where that is forbidden.
  package func look(at path: FilePath) throws(Errno) -> SystemStatus {
    var status = smap_status()
    _ = try retrying(.stat) {
      unsafe path.withPlatformString { name in
        unsafe Int(smap_examine_path(paths.directory, name, paths.lookFlags, &status))
      }
    }
    return SystemStatus(status)
  }

  /// Looks at an open file: statx(2) with AT_EMPTY_PATH, or fstat(2).
  package func look(at descriptor: FileDescriptor) throws(Errno) -> SystemStatus {
    var status = smap_status()
    _ = try retrying(.stat) { unsafe Int(smap_examine(descriptor.rawValue, &status)) }
    return SystemStatus(status)
  }
}

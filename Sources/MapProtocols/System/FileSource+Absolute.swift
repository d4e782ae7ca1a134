internal import SystemPackage

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

extension FileSource {
  /// The same with a path from the root: what a relative one leads to now, whatever directory the program goes to later. getcwd(3) for a
  /// relative path; the same where that fails.
  var absolute: FileSource {
    if case .path(let path) = self { .path(path.absolute) } else { self }
  }
}

extension FilePath {
  /// The path from the root that leads where this one leads now.
  fileprivate var absolute: FilePath {
    if isAbsolute { return self }
    guard let directory = unsafe getcwd(nil, 0) else { return self }
    defer { unsafe free(directory) }
    return unsafe FilePath(platformString: directory).pushing(self)
  }
}

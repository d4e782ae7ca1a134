internal import MapProtocols

extension Syscalls {
  /// Gives the memory of ranges back, one call for each run of neighbours.
  func unload(_ regions: [ExtentRange]) {
    for run in regions.runs(pageSize: Self.pageSize) {
      guard let start = unsafe UnsafeMutableRawPointer(bitPattern: run.lowerBound) else { continue }
      unsafe drop(start, byteCount: run.count)
    }
  }
}

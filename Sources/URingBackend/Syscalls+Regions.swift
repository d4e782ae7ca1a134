internal import MapProtocols

extension Syscalls {
  /// Gives the memory of ranges back, one call for each run of neighbours.
  func unload(_ regions: [ExtentRange]) {
    for run in regions.runs(pageSize: Self.pageSize) {
      guard let start = unsafe UnsafeMutableRawPointer(bitPattern: run.lowerBound) else { continue }
      unsafe drop(start, byteCount: run.count)
    }
  }

  /// Gives those of the regions that are small their memory, one call for each run of neighbours.
  ///
  /// Whoever submits them does that, on a processor of its own, and the thread that feeds the disk need not: for a page that
  /// is a third of its work. The memory of larger regions comes as they are read.
  func populateSmall(_ loads: [RegionLoad]) {
    let small = loads.lazy.map(\.region).filter { 1...Self.small ~= $0.byteCount }
    for run in small.runs(pageSize: Self.pageSize) {
      guard let start = unsafe UnsafeMutableRawPointer(bitPattern: run.lowerBound) else { continue }
      unsafe populate(start, byteCount: run.count)
    }
  }

  /// Up to how many bytes of a window are small: a few microseconds' worth of zeros.
  private static var small: Int { 16 << 10 }
}

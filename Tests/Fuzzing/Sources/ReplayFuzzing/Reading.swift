import FuzzSupport
import SystemPackage
import Traces

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// What comes of reading a trace.
struct Reading: Equatable {
  var requests: [Int32] = []
  var isCut = false
  var error: TraceError?

  /// Reads bytes from a file in memory.
  init(_ bytes: [UInt8], _ format: ReplayFormat?) {
    let file = Self.file
    do {
      try file.resize(to: 0)
      try file.seek(offset: 0, from: .start)
      try file.writeAll(bytes)
      try file.seek(offset: 0, from: .start)
      let trace = try Trace(of: file, name: "fuzz", format)
      requests = trace.requests
      isCut = trace.isCut
      check(trace)
    } catch let problem as TraceError {
      error = problem
    } catch {
      fail("\(error)")
    }
  }

  /// One for all inputs, without a name, and in memory where there is room for files.
  private static let file: FileDescriptor = {
    let directory = unsafe access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
    let path = FilePath("\(directory)/sliding-map-fuzz-\(getpid())")
    do {
      let file = try FileDescriptor.open(
        path, .readWrite, options: [.create, .truncate], permissions: .ownerReadWrite)
      _ = unsafe unlink(path.string)
      return file
    } catch {
      fail("no file for traces: \(error)")
    }
  }()

  /// Regions are numbered in the order in which they appear.
  private func check(_ trace: Trace) {
    var regions: Int32 = 0
    for request in trace.requests {
      if request < 0 || request > regions { fail("region \(request) after \(regions)") }
      if request == regions { regions += 1 }
    }
    if Int(regions) != trace.regionCount { fail("\(trace.regionCount) regions, not \(regions)") }
  }

  /// Whether this may have been read of the beginning of the bytes of which `whole` was read.
  func mayBegin(_ whole: Reading, _ format: ReplayFormat?) -> Bool {
    // Nothing tells which format a beginning is in, and a number of which digits are missing is another.
    switch format {
    case nil: return true
    case .text:
      if error != nil { return true }
      let certain = isCut ? requests[...] : requests.dropLast()
      return whole.error != nil || whole.requests.starts(with: certain)
    case .oracleGeneral, .compact:
      if case .empty = error { return true }
      return error != nil
        ? whole.error != nil : whole.error != nil || whole.requests.starts(with: requests)
    }
  }
}

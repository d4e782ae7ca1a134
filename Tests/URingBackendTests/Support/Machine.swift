import Foundation
import Glibc
import MapProtocols
import MapTestSupport
import MapTesting
import SystemPackage
import Testing
import URingBackend

/// What this machine has of io_uring(7).
enum Machine {
  static let features = ((try? URingProvider()) ?? URingProvider.pread).features

  static let hasRing = features.ring.isPresent
  static let hasSubmitRing = features.submitRing.isPresent
  static let hasDirectDescriptors = features.directDescriptors.isPresent

  /// A provider that opens files into its table; nil where other tests have all the locked memory that the user may have,
  /// for longer than it makes sense to wait.
  static func directProvider(
    depth: Int = 128, faults: SyscallFaults? = nil
  ) throws -> URingProvider? {
    for _ in 0..<100 {
      let provider = try URingProvider(depth: depth, opensDirectly: true, faults: faults)
      let features = provider.features
      let isShort =
        features.ring == .refused(.noMemory) || features.directDescriptors == .refused(.noMemory)
      if !isShort { return provider }
      poll(nil, 0, 10)
    }
    return nil
  }

  /// Whether the kernel makes a descriptor of a direct one.
  static let examinesDirectly: Bool = {
    guard let directory = try? TemporaryDirectory(), let provider = try? directProvider(),
      let path = try? directory.file("probe", [1]),
      let descriptor = try? FileDescriptor.open(path, .readOnly)
    else { return false }
    defer { try? descriptor.close() }
    guard let opened = try? provider.open(.descriptor(descriptor)) else { return false }
    defer { provider.close(opened.handle) }
    return (try? provider.status(of: opened.handle)) != nil
  }()

  static let noRing: Comment = "there is no io_uring here"
  static let noDirectDescriptors: Comment = "there are no direct descriptors here"
  static let noExamination: Comment = "only paths tell of direct descriptors here"
}

/// The threads of this process.
func threadCount() throws -> Int {
  try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count
}

/// How many descriptors of this process lead to a ring: one of each, and the duplicates that keep a number from others.
func ringDescriptors() throws -> Int {
  let all = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
  return all.count {
    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)"))
      == "anon_inode:[io_uring]"
  }
}

public import SystemPackage

/// What a `URingProvider` found in this kernel and what it holds, for a report or a doctor's look at a machine.
public struct URingFeatures: Hashable, Sendable {
  /// One thing that a kernel may lack.
  public enum Feature: Hashable, Sendable {
    /// It is in use.
    case present
    /// The kernel refused it, with this errno.
    case refused(Errno)
    /// It was not tried: there is no ring, or this provider has no need of it.
    case notTried

    /// Whether it is in use.
    public var isPresent: Bool { self == .present }
    /// What the kernel refused it with, if it did.
    public var errno: Errno? { if case .refused(let errno) = self { errno } else { nil } }
  }

  /// How bytes are read: `.ring` or `.pread`, never `.automatic`.
  public internal(set) var method = ReadMethod.pread
  /// The ring for reads that their caller waits for. Refused with EPERM where the administrator or a container forbids it, with ENOSYS
  /// where the kernel has none or the package was built without the trait URing, with ENOMEM where locked memory is limited.
  public internal(set) var ring = Feature.notTried
  /// Reads end without interrupting their thread (IORING_SETUP_COOP_TASKRUN, Linux 5.19).
  public internal(set) var cooperativeTaskRun = Feature.notTried
  /// The second ring, for loads that nobody waits for.
  public internal(set) var submitRing = Feature.notTried
  /// Only one thread submits to it (IORING_SETUP_SINGLE_ISSUER, Linux 6.0).
  public internal(set) var singleIssuer = Feature.notTried
  /// And does the kernel's part of the work when it asks for ends (IORING_SETUP_DEFER_TASKRUN, Linux 6.1).
  public internal(set) var deferredTaskRun = Feature.notTried
  /// Files can be opened without descriptors of the process (Linux 5.15).
  public internal(set) var directDescriptors = Feature.notTried
  /// How many files can be open without descriptors.
  public internal(set) var directDescriptorCount = 0
  /// Requests in flight, of each ring.
  public internal(set) var depth = 0
  /// Descriptors of the process that the provider holds for itself, open files left out.
  public internal(set) var descriptorCount = 0

  init() {}
}

extension URingFeatures.Feature: CustomStringConvertible {
  /// "yes", "not tried", or "no" with the errno.
  public var description: String {
    switch self {
    case .present: "yes"
    case .refused(let errno): "no (\(errno))"
    case .notTried: "not tried"
    }
  }
}

extension URingFeatures: CustomStringConvertible {
  /// One line for each feature.
  public var description: String {
    var lines = ["reads by \(method == .ring ? "io_uring" : "pread")"]
    lines += [
      "ring for waiting callers: \(ring), cooperative task run: \(cooperativeTaskRun)",
      "ring for submitted loads: \(submitRing), single issuer: \(singleIssuer)"
        + ", deferred task run: \(deferredTaskRun)",
      "direct descriptors: \(directDescriptors), \(directDescriptorCount) of them",
      "depth: \(depth)", "descriptors held: \(descriptorCount)",
    ]
    return lines.joined(separator: "\n")
  }
}

import SlidingMap
import SystemPackage

/// Whether there is io_uring, and what of it.
struct RingReport: Encodable {
  /// Whether reads go by a ring.
  let isAvailable: Bool
  /// Why not; empty where they do.
  let reason: String
  /// The error behind it.
  let errno: Int32?
  /// kernel.io_uring_disabled: 0 allows all users, 1 root and one group, 2 none; null before Linux 6.6.
  let disabled: Int?
  /// Whether files can be opened without descriptors of the process, and how many at a time.
  let opensWithoutDescriptors: Bool
  let directDescriptors: Int
  /// Reads at a time, of each ring.
  let depth: Int
  /// Descriptors of the process that a provider holds for itself.
  let descriptorsHeld: Int
  /// All that was tried, by name.
  let features: [String: String]

  init() {
    disabled = SystemText.read("/proc/sys/kernel/io_uring_disabled").flatMap { Int($0) }
    do throws(MapError) {
      let provider = try URingProvider()
      defer { provider.shutdown() }
      let found = provider.features
      isAvailable = found.method == .ring
      errno = found.ring.errno?.rawValue
      reason = isAvailable ? "" : Self.reason(found.ring.errno, disabled)
      opensWithoutDescriptors = found.directDescriptors.isPresent
      directDescriptors = found.directDescriptorCount
      depth = found.depth
      descriptorsHeld = found.descriptorCount
      features = [
        "ring": "\(found.ring)", "cooperative task run": "\(found.cooperativeTaskRun)",
        "second ring": "\(found.submitRing)", "single issuer": "\(found.singleIssuer)",
        "deferred task run": "\(found.deferredTaskRun)",
        "direct files": "\(found.directDescriptors)",
      ]
    } catch {
      isAvailable = false
      errno = error.errno?.rawValue
      reason = Self.reason(error.errno, disabled)
      opensWithoutDescriptors = false
      (directDescriptors, depth, descriptorsHeld) = (0, 0, 0)
      features = [:]
    }
  }

  /// What the user can do something about, where that is known.
  private static func reason(_ error: Errno?, _ disabled: Int?) -> String {
    switch error {
    case .notPermitted?:
      switch disabled {
      case 2?: "kernel.io_uring_disabled is 2: nobody may make one"
      case 1?: "kernel.io_uring_disabled is 1: only root and the group kernel.io_uring_group may"
      default: "making one is not permitted, by a container's seccomp filter perhaps"
      }
    case .noFunction?: "the kernel has none, or the package was built without it"
    case .noMemory?: "its memory exceeds what may be locked (RLIMIT_MEMLOCK)"
    case .tooManyOpenFiles?: "no descriptor is left for it (RLIMIT_NOFILE)"
    case let error?: "making one failed: \(error)"
    case nil: "making one failed"
    }
  }

  /// What there is to say of it, by name.
  var lines: [(String, String)] {
    var lines = [("ring", isAvailable ? "works" : "none: \(reason)")]
    if isAvailable {
      lines.append(("in flight", "\(grouped(depth)) reads of each ring"))
      lines.append(("holds", "\(grouped(descriptorsHeld)) descriptors for itself"))
      lines.append(
        (
          "direct files",
          opensWithoutDescriptors
            ? "\(grouped(directDescriptors)) can be open without descriptors of the process"
            : "none: files need descriptors of the process"
        ))
    }
    for (name, outcome) in features.sorted(by: { $0.key < $1.key })
    where isAvailable && name != "ring" && name != "direct files" {
      lines.append((name, outcome))
    }
    return lines
  }
}

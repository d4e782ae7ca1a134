import SystemPackage

/// Whether there is io_uring, and what of it.
struct RingReport: Encodable {
  let isAvailable: Bool
  /// Why not; empty where there is.
  let reason: String
  /// kernel.io_uring_disabled: 0 for all users, 1 for a group's, 2 for none; null before Linux 6.6.
  let disabled: Int?

  init() {
    disabled = SystemText.read("/proc/sys/kernel/io_uring_disabled").flatMap { Int($0) }
    isAvailable = false
    reason = "this version has no ring"
  }

  /// What there is to say of it, by name.
  var lines: [(String, String)] {
    [("ring", isAvailable ? "works" : reason)]
  }
}

import Glibc
import SlidingMap
import SystemPackage

/// The kernel, and which of the calls it has that SlidingMap likes to use.
struct KernelReport: Encodable {
  let release: String
  let processors: Int
  let pageSize: Int
  /// The choice in /sys/kernel/mm/transparent_hugepage/enabled; null where there are no huge pages.
  let hugePages: String?
  /// Limits on locked memory and some permissions don't bind root.
  let isRoot: Bool
  /// Whether readers can pin windows without a fence of their own.
  let hasMembarrier: Bool

  init() {
    release = SystemText.read("/proc/sys/kernel/osrelease") ?? "unknown"
    processors = sysconf(Int32(_SC_NPROCESSORS_ONLN))
    pageSize = SystemPage.size
    hugePages = SystemText.read("/sys/kernel/mm/transparent_hugepage/enabled")
      .flatMap(Self.chosen)
    isRoot = geteuid() == 0
    hasMembarrier = Probe.membarrierError == nil
  }

  /// The word in brackets: "madvise" of "always [madvise] never".
  private static func chosen(_ choices: String) -> String? {
    guard let start = choices.firstIndex(of: "["), let end = choices.firstIndex(of: "]"),
      start < end
    else { return nil }
    return String(choices[choices.index(after: start)..<end])
  }
}

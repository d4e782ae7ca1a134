import BenchmarkSupport
import Glibc
import SystemPackage

/// Takes descriptors and addresses away from the process by its limits, and gives them back, once a second; and counts what the process
/// has while it has its limits.
struct SystemPressure {
  /// Descriptors that may be opened while there are few.
  private static let spareDescriptors = 2
  /// Addresses that may be taken while there are few: enough for stacks of threads that others start.
  private static let spareAddresses = 64 << 20
  private static let phase: UInt32 = 500_000

  private let openFiles = Probe.openFiles.soft
  private let addresses = Probe.addresses.soft

  /// Goes on until a moment of the clock, with all limits as they were afterwards.
  func run(until end: UInt64, _ take: (ProcessSample) -> Void) throws {
    defer { restore() }
    while true {
      let now = ProcessSample.current()
      try Probe.setOpenFiles(now.counts.descriptors + Self.spareDescriptors)
      #if !SLIDING_MAP_CANARY
        // The thread sanitizer ends the process where it gets no addresses.
        try Probe.setAddresses(now.addresses + Self.spareAddresses)
      #endif
      if wait(until: end) { return }
      restore()
      take(.current())
      if wait(until: end) { return }
    }
  }

  private func restore() {
    try? Probe.setOpenFiles(openFiles ?? .max)
    try? Probe.setAddresses(addresses)
  }

  /// Waits for a phase, or until the end; whether that is reached.
  private func wait(until end: UInt64) -> Bool {
    let now = nanoseconds()
    if now < end { usleep(min(UInt32(clamping: (end - now) / 1000), Self.phase)) }
    return nanoseconds() >= end
  }
}

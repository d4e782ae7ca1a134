import Glibc
import SlidingMap

/// What a manager left behind; all of it should be nothing.
struct Leftovers: Encodable {
  /// In the manager when all who used it had ended.
  private(set) var pinned = 0
  private(set) var inFlight = 0
  private(set) var cursors = 0
  /// In the manager after `shutdown`.
  private(set) var bytes = 0
  private(set) var files = 0
  private(set) var kernelMaps = 0
  private(set) var handles = 0
  private let before = ProcessCounts.current()
  /// When the manager was gone.
  private(set) var after = ProcessCounts()

  var isNothing: Bool { isNothingInManager && after <= before }

  /// The same but for what the process has.
  var isNothingInManager: Bool {
    pinned + inFlight + cursors + bytes + files + kernelMaps + handles == 0
  }

  /// Waits for what is under way, a minute at most, and counts what should have ended with the last use.
  mutating func lookAtIdle(_ maps: MapManager) {
    // A load that never ends is to be told, not waited for.
    for _ in 0..<60_000 {
      if maps.statistics.inFlight == 0 { break }
      usleep(1000)
    }
    let statistics = maps.statistics
    pinned = statistics.pinned
    inFlight = statistics.inFlight
    cursors = statistics.cursors
  }

  /// Shuts the manager down and counts what should have gone with that.
  mutating func shutdown(_ maps: MapManager) {
    maps.shutdown()
    let statistics = maps.statistics
    bytes = statistics.usage.bytes
    files = statistics.files
    kernelMaps = statistics.usage.maps
    handles = statistics.usage.handles
  }

  /// Counts what the process has without the manager. A thread that was joined may be listed for a moment yet.
  mutating func lookAtProcess() {
    for _ in 0..<100 {
      after = .current()
      if after <= before { return }
      usleep(10_000)
    }
  }

  static let titles = [
    "pinned", "in flight", "cursors", "loaded", "descriptors", "maps", "threads",
  ]

  var cells: [String] {
    [
      grouped(pinned), grouped(inFlight), grouped(cursors), ByteSize.text(bytes),
      "\(before.descriptors) to \(after.descriptors)", "\(before.maps) to \(after.maps)",
      "\(before.threads) to \(after.threads)",
    ]
  }
}

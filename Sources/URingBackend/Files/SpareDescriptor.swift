internal import CURing
internal import MapProtocols
internal import SystemPackage

/// A descriptor that is given up for a moment where the process may have no other left: so that a file can be opened and asked what it is
/// before it moves into the ring's table.
///
/// Two looks at a path, before and after a direct open, would not prove what was opened in between: a link or a directory on the way may
/// lead elsewhere for that moment.
final class SpareDescriptor: @unchecked Sendable {
  private let syscalls: Syscalls
  private let monitor = Monitor(isScheduled: false)
  // Under the monitor. Nil while it is given up, and after another thread of the process has taken it.
  private var held: FileDescriptor?
  private var isOver = false

  /// Takes one if it `isWanted`: eventfd(2), the least there is.
  init(_ syscalls: Syscalls, isWanted: Bool) {
    self.syscalls = syscalls
    isOver = !isWanted
    take()
  }

  /// Calls `body`, which may open one descriptor and closes it. Callers take turns.
  func whileGivenUp<Result>(
    _ body: () throws(MapError) -> Result
  ) throws(MapError) -> Result {
    monitor.lock()
    defer { monitor.unlock() }
    giveUp()
    defer { take() }
    return try body()
  }

  /// Gives it up for good.
  func shutdown() {
    monitor.lock()
    defer { monitor.unlock() }
    isOver = true
    giveUp()
  }

  private func giveUp() {
    if let held { syscalls.close(held) }
    held = nil
  }

  private func take() {
    let made = isOver ? -1 : smap_ring_make_event()
    held = made < 0 ? nil : FileDescriptor(rawValue: made)
  }
}

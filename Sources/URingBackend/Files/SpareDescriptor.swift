internal import MapProtocols
internal import SystemPackage

/// A descriptor that is given up for a moment where the process may have no other left: so that a file can be opened and asked what it is
/// before it moves into the ring's table.
///
/// Two looks at a path, before and after a direct open, would not prove what was opened in between: a link or a directory on the way may
/// lead elsewhere for that moment.
final class SpareDescriptor: Sendable {
  private struct State {
    /// Nil while it is given up, and after another thread of the process has taken its place.
    var held: FileDescriptor?
    var isOver = false
  }

  private let syscalls: Syscalls
  private let ring: Ring
  private let state = Guarded(State(), isScheduled: false)

  init(_ syscalls: Syscalls, _ ring: Ring) {
    self.syscalls = syscalls
    self.ring = ring
    takeBack()
  }

  /// Calls `body`, which may open one descriptor and closes it. Nobody waits for another's, which may hang: who comes meanwhile has no spare
  /// one.
  func whileGivenUp<Result>(
    _ body: () throws(MapError) -> Result
  ) throws(MapError) -> Result {
    giveUp()
    defer { takeBack() }
    return try body()
  }

  /// Gives it up for good.
  func shutdown() {
    state.withLock { $0.isOver = true }
    giveUp()
  }

  private func giveUp() {
    if let given = state.withLock({ $0.held.take() }) { syscalls.close(given) }
  }

  private func takeBack() {
    let isWanted = state.withLock { !$0.isOver && $0.held == nil }
    guard isWanted, let held = try? syscalls.holdPlace(ring) else { return }
    let isSurplus = state.withLock { state in
      if state.isOver || state.held != nil { return true }
      state.held = held
      return false
    }
    if isSurplus { syscalls.close(held) }
  }
}

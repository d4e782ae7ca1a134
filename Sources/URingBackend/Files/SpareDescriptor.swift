internal import CURing
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
    var isOver: Bool
  }

  private let syscalls: Syscalls
  private let state: Guarded<State>

  /// Takes one if it `isWanted`: eventfd(2), the least there is.
  init(_ syscalls: Syscalls, isWanted: Bool) {
    self.syscalls = syscalls
    state = Guarded(State(held: nil, isOver: !isWanted), isScheduled: false)
    take()
  }

  /// Calls `body`, which may open one descriptor and closes it. Nobody waits for another's, which may hang: who comes meanwhile has no spare
  /// one.
  func whileGivenUp<Result>(
    _ body: () throws(MapError) -> Result
  ) throws(MapError) -> Result {
    giveUp()
    defer { take() }
    return try body()
  }

  /// Gives it up for good.
  func shutdown() {
    state.withLock { $0.isOver = true }
    giveUp()
  }

  private func giveUp() {
    let given = state.withLock { $0.held.take() }
    if let given { syscalls.close(given) }
  }

  private func take() {
    let made = state.withLock { $0.isOver || $0.held != nil } ? -1 : smap_ring_make_event()
    if made < 0 { return }
    let descriptor = FileDescriptor(rawValue: made)
    let isSurplus = state.withLock { state in
      if state.isOver || state.held != nil { return true }
      state.held = descriptor
      return false
    }
    if isSurplus { syscalls.close(descriptor) }
  }
}

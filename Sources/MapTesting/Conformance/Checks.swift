internal import MapProtocols

/// What the check of one promise finds, on whichever thread.
final class Checks: Sendable {
  private struct State {
    var texts: [String] = []
    var reason: String?
    var steps = 0
    var call: String?
  }
  private let state = Guarded(State(), isScheduled: false)

  /// Enough for a reader to see what is wrong.
  private static let mostTexts = 5

  /// Ends a check: what would come next makes no sense any more. What is wrong was noted.
  struct End: Error {}

  /// Notes what is wrong where something does not hold.
  func expect(_ condition: Bool, _ text: @autoclosure () -> String) {
    if !condition { note(text()) }
  }

  /// The same, and ends the check.
  func require(_ condition: Bool, _ text: @autoclosure () -> String) throws(End) {
    if condition { return }
    note(text())
    throw End()
  }

  /// Notes what is wrong, once; only the first few are kept.
  func note(_ text: String) {
    state.withLock { state in
      if state.texts.count < Self.mostTexts && !state.texts.contains(text) {
        state.texts.append(text)
      }
    }
  }

  /// Says why there is nothing to check.
  func skip(_ reason: String) { state.withLock { $0.reason = reason } }

  /// Says which call comes next, for the note of an error that ends the check.
  func calls(_ text: String) { state.withLock { $0.call = text } }

  /// Notes the error that ended the check, and which call it came from.
  func note(_ error: any Error) {
    let call = state.withLock { $0.call }
    note(call.map { "it threw \(error); the last call was \($0)" } ?? "it threw \(error)")
  }

  /// Notes that the check does not come to an end, and in which call.
  func noteNothingCame(for seconds: Int) {
    let call = state.withLock { $0.call }
    note(
      "nothing came back for \(seconds) seconds: an endless loop, or a wait for nothing"
        + (call.map { "; the last call was \($0)" } ?? ""))
  }

  /// Tells whoever watches that the check goes on.
  func step() { state.withLock { $0.steps += 1 } }

  var texts: [String] { state.withLock { $0.texts } }
  var reason: String? { state.withLock { $0.reason } }
  var steps: Int { state.withLock { $0.steps } }
}

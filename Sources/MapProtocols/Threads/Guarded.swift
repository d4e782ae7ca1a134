/// A value behind a lock that the thread sanitizer knows; it does not know the standard library's `Mutex`, and reports what
/// that guards as races.
package final class Guarded<Value>: @unchecked Sendable {
  private let monitor: Monitor
  private var value: Value

  /// - Parameter isScheduled: see `Monitor`.
  package init(_ value: Value, isScheduled: Bool = true) {
    self.value = value
    monitor = Monitor(isScheduled: isScheduled)
  }

  package func withLock<R>(_ body: (inout Value) -> R) -> R {
    monitor.lock()
    defer { monitor.unlock() }
    return body(&value)
  }
}

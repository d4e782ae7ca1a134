internal import Synchronization

/// How to ask for the end of loads that were submitted, once nobody wants them any more.
public struct LoadCancellation: Sendable {
  private let body: (@Sendable () -> Void)?

  /// There is no way: the loads end in their time, or have ended.
  public static let impossible = LoadCancellation(body: nil)

  private init(body: (@Sendable () -> Void)?) { self.body = body }

  /// A way to ask.
  ///
  /// - Parameter cancel: called on any thread, perhaps more than once, also after the loads have ended; returns at once, and tells no end
  ///   itself.
  public init(_ cancel: @escaping @Sendable () -> Void) { body = cancel }

  /// Asks for the end of the loads; returns at once. From any thread, as often as one likes.
  public func cancel() { body?() }
}

/// Whether somebody asked for the end of loads, for backends that look from time to time.
package final class CancellationFlag: Sendable {
  // Relaxed: it orders nothing, and who sees it late works in vain.
  private let flag = Atomic(false)

  package init() {}

  package var isRaised: Bool { flag.load(ordering: .relaxed) }

  /// What raises it.
  package var cancellation: LoadCancellation {
    LoadCancellation { [self] in flag.store(true, ordering: .relaxed) }
  }
}

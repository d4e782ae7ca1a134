import CMapShims
import MapProtocols

/// A manager's share in a provider, which may serve several: the last of them ends it.
final class ProviderShare: Sendable {
  private let provider: any RegionProvider
  /// Whether this share was the last; nil as long as it is held.
  private let wasLast = Guarded<Bool?>(nil)

  init(of provider: any RegionProvider) {
    self.provider = provider
    Self.table.withLock { $0[ObjectIdentifier(provider), default: 0] += 1 }
  }

  /// Ends the share, and the provider with the last one.
  ///
  /// - Returns: whether that was the last.
  func end() -> Bool {
    let wasLast = wasLast.withLock { wasLast in
      let result = wasLast ?? Self.leave(provider)
      wasLast = result
      return result
    }
    if wasLast { provider.shutdown() }
    return wasLast
  }

  /// How many managers hold each provider. Of the process, and so under a lock that no schedule knows. In a child process after fork(2),
  /// where a thread that is not there may have held that lock, another table serves, for the managers that are made there.
  private static let holders = (0..<16).map { _ in
    Guarded<[ObjectIdentifier: Int]>([:], isScheduled: false)
  }

  private static var table: Guarded<[ObjectIdentifier: Int]> {
    holders[Int(smap_fork_generation()) % holders.count]
  }

  private static func leave(_ provider: any RegionProvider) -> Bool {
    table.withLock { holders in
      let left = (holders[ObjectIdentifier(provider)] ?? 1) - 1
      holders[ObjectIdentifier(provider)] = left == 0 ? nil : left
      return left == 0
    }
  }
}

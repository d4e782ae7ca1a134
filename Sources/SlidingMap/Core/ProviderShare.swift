import MapProtocols

/// A manager's share in a provider, which may serve several: the last of them ends it.
final class ProviderShare: Sendable {
  private let provider: any RegionProvider
  /// Whether this share was the last; nil as long as it is held.
  private let wasLast = Guarded<Bool?>(nil)

  init(of provider: any RegionProvider) {
    self.provider = provider
    Self.holders.withLock { $0[ObjectIdentifier(provider), default: 0] += 1 }
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
    if wasLast { provider.shutDown() }
    return wasLast
  }

  /// How many managers hold each provider. Of the process, and so under a lock that no schedule knows.
  private static let holders = Guarded<[ObjectIdentifier: Int]>([:], isScheduled: false)

  private static func leave(_ provider: any RegionProvider) -> Bool {
    holders.withLock { holders in
      let left = (holders[ObjectIdentifier(provider)] ?? 1) - 1
      holders[ObjectIdentifier(provider)] = left == 0 ? nil : left
      return left == 0
    }
  }
}

import Testing

/// The pin protocol, run in every order that a machine with store buffers allows: as it stands, and with each fault planted.
@Suite struct PinProtocolTests {
  /// Threads that meet on a few windows.
  enum Scenario: CaseIterable {
    /// A collector between a reader's hits.
    case hits
    /// A collector between a copy and the end of its source; the scan comes by the copy first.
    case copyCollected
    /// A copy that outlives its source's lease while others need the room.
    case copy
    /// One reader keeps what another, who has to go over the budget, leaves behind.
    case kept
    /// Of two leases one leaves by the fast path while the budget is overshot.
    case hop
    /// The same, where that lease is so new that its cursor has yet to learn how hits are noted.
    case hopAtOnce
    /// A lease on two windows.
    case wide
    /// Two readers who want each other's window.
    case moving
    case crossing
    /// Two readers and a collector, on one window.
    case collected

    var model: PinProtocol {
      var model: PinProtocol
      switch self {
      case .hits:
        model = PinProtocol([
          [
            .use(cursor: 0, windows: 1), .use(cursor: 0, windows: 2), .use(cursor: 0, windows: 1),
            .release(cursor: 0, windows: 1),
          ],
          [.collect],
        ])
        (model.limit, model.loaded) = (2, 3)
      case .copyCollected:
        model = PinProtocol([
          [
            .use(cursor: 1, windows: 1), .copy(from: 1, to: 0), .release(cursor: 1, windows: 1),
            .release(cursor: 0, windows: 1),
          ],
          [.collect],
        ])
        (model.windows, model.loaded) = (1, 1)
      case .copy:
        model = PinProtocol([
          [
            .use(cursor: 0, windows: 1), .copy(from: 0, to: 2), .use(cursor: 0, windows: 2),
            .release(cursor: 2, windows: 1), .release(cursor: 0, windows: 2),
          ],
          [.use(cursor: 1, windows: 2), .release(cursor: 1, windows: 2)],
        ])
        model.cursors = 3
      case .kept:
        model = PinProtocol([
          [.use(cursor: 0, windows: 1)],
          [.use(cursor: 1, windows: 2), .release(cursor: 1, windows: 2)],
        ])
      case .hop, .hopAtOnce:
        let first = [
          PinProtocol.Action.use(cursor: 0, windows: 1), .use(cursor: 1, windows: 2),
        ]
        model = PinProtocol([
          (self == .hop ? first : first.reversed()) + [.use(cursor: 0, windows: 2)],
          [.use(cursor: 2, windows: 4)],
        ])
        (model.windows, model.cursors, model.limit, model.loaded) = (3, 3, 2, 3)
        model.isCalled = self == .hopAtOnce
      case .wide:
        model = PinProtocol([
          [.use(cursor: 0, windows: 3), .release(cursor: 0, windows: 3)],
          [.use(cursor: 1, windows: 2), .release(cursor: 1, windows: 2)],
        ])
      case .moving:
        model = PinProtocol([
          [
            .use(cursor: 0, windows: 1), .use(cursor: 0, windows: 2),
            .release(cursor: 0, windows: 2),
          ],
          [.use(cursor: 1, windows: 2), .release(cursor: 1, windows: 2)],
        ])
      case .crossing:
        model = PinProtocol([
          [.use(cursor: 0, windows: 1), .use(cursor: 0, windows: 2)],
          [.use(cursor: 1, windows: 2), .use(cursor: 1, windows: 1)],
        ])
      case .collected:
        model = PinProtocol([
          [.use(cursor: 0, windows: 1), .release(cursor: 0, windows: 1)],
          [.use(cursor: 1, windows: 1), .release(cursor: 1, windows: 1)],
          [.collect],
        ])
        (model.windows, model.loaded) = (1, 1)
      }
      return model
    }
  }

  @Test("As it stands nothing goes wrong", arguments: Scenario.allCases, [true, false])
  func asItStands(_ scenario: Scenario, hasBarrier: Bool) {
    var model = scenario.model
    model.hasBarrier = hasBarrier
    let exploration = model.explore()
    #expect(exploration.failure == nil)
    #expect(exploration.states > 1000)
  }

  @Test("Each planted fault is found", arguments: PinProtocol.Fault.allCases)
  func planted(_ fault: PinProtocol.Fault) {
    let failures = Scenario.allCases.lazy.compactMap { scenario in
      var model = scenario.model
      model.fault = fault
      model.hasBarrier = fault != .noFence
      return model.explore().failure
    }
    let symptom =
      switch fault {
      case .overshootAfterScan, .releaseWithoutLook, .noAttention, .logsByPlainStore:
        "the overshoot stays"
      case .lostWaiter: "nobody can go on"
      default: "what is gone was read"
      }
    #expect(failures.first?.hasPrefix(symptom) == true)
  }
}

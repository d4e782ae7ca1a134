#if Schedule
  import Policies

  /// Who gets the turn, by seed.
  ///
  /// Half of the seeds take priorities with up to three preemptions: whoever has the highest priority and can go on does, until,
  /// at steps chosen beforehand, he gets the lowest one. That finds each fault that a few preemptions bring about with a
  /// probability known beforehand (Burckhardt and others, A Randomized Scheduler with Probabilistic Guarantees of Finding
  /// Bugs, ASPLOS 2010). The other half walks at random, and mostly stays where it is.
  struct TurnOrder {
    private enum Kind {
      /// At which steps the turn is taken from who has it.
      case priorities(preemptions: [Int])
      /// At one of so many steps the turn goes to another.
      case walk(stay: Int)
    }

    private let kind: Kind
    private var dice: SplitMix64
    /// Of each thread; the highest goes first.
    private var priorities: [Int] = []
    private var lowest = 0
    private var sinceSwitch = 0

    /// Beyond so many steps of one thread it waits for another one, which has no turn to do its part.
    private static let patience = 2_000

    init(seed: UInt64) {
      dice = SplitMix64(seed: seed)
      if dice.draw(below: 2) == 0 {
        // How long a schedule is can't be known beforehand, so each length is tried.
        let horizon = 1 << (5 + dice.draw(below: 8))
        var preemptions: [Int] = []
        for _ in 0..<dice.draw(below: 4) { preemptions.append(dice.draw(below: horizon)) }
        kind = .priorities(preemptions: preemptions)
      } else {
        kind = .walk(stay: 2 << dice.draw(below: 6))
      }
    }

    /// A thread that begins.
    mutating func add() {
      priorities.append(priorities.count)
      priorities.swapAt(priorities.count - 1, dice.draw(below: priorities.count))
    }

    /// Who goes on after a step of `current`, which could go on itself.
    ///
    /// - Parameter canGoOn: whether another thread can.
    mutating func next(after current: Int, step: Int, _ canGoOn: (Int) -> Bool) -> Int {
      sinceSwitch += 1
      switch kind {
      case .priorities(let preemptions):
        if preemptions.contains(step) || sinceSwitch > Self.patience { demote(current) }
        var best = current
        for thread in priorities.indices
        where priorities[thread] > priorities[best] && canGoOn(thread) {
          best = thread
        }
        return switched(from: current, to: best)
      case .walk(let stay):
        if dice.draw(below: stay) > 0 { return current }
        return switched(from: current, to: any(but: current, canGoOn) ?? current)
      }
    }

    /// Who goes on when `current` can't, or nil if nobody can.
    mutating func next(insteadOf current: Int, _ canGoOn: (Int) -> Bool) -> Int? {
      sinceSwitch = 0
      switch kind {
      case .priorities:
        return priorities.indices.filter(canGoOn).max { priorities[$0] < priorities[$1] }
      case .walk:
        return any(but: nil, canGoOn)
      }
    }

    private mutating func switched(from old: Int, to new: Int) -> Int {
      if new != old { sinceSwitch = 0 }
      return new
    }

    private mutating func demote(_ thread: Int) {
      lowest -= 1
      priorities[thread] = lowest
      sinceSwitch = 0
    }

    private mutating func any(but current: Int?, _ canGoOn: (Int) -> Bool) -> Int? {
      let others = priorities.indices.filter { $0 != current && canGoOn($0) }
      return others.isEmpty ? nil : others[dice.draw(below: others.count)]
    }
  }
#endif

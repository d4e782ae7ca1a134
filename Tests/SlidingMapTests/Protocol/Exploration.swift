/// Takes a machine through every order of its threads' steps and of what waits in their buffers.
struct Exploration {
  /// How many different machines came up.
  private(set) var states = 0
  /// What went wrong first, with the steps that led there; nil if nothing can.
  private(set) var failure: String?

  /// - Parameters:
  ///   - isSound: says what is wrong with a machine whose threads have ended, if something is.
  init(
    of start: Machine, _ programs: [Program], isSound: (Machine) -> String?
  ) {
    var known: Set<Machine> = [start]
    var machines = [start]
    var origins: [(parent: Int, step: String)] = [(-1, "")]
    var current = 0
    func report(_ message: String, after step: String) -> String {
      var steps = [step]
      var at = current
      while at > 0 {
        steps.append(origins[at].step)
        at = origins[at].parent
      }
      return message + " after\n" + steps.reversed().joined(separator: "\n")
    }
    func note(_ machine: Machine, _ step: @autoclosure () -> String) {
      if known.insert(machine).inserted {
        machines.append(machine)
        origins.append((current, step()))
      }
    }
    while current < machines.count {
      let machine = machines[current]
      var isStuck = true
      var isDone = true
      for (thread, program) in programs.enumerated() {
        for index in 0..<machine.buffered(thread) {
          (isStuck, isDone) = (false, false)
          guard machine.mayComplete(thread, index) else { continue }
          var next = machine
          let (location, read) = next.complete(thread, index)
          let step =
            "thread \(thread): location \(location.index) \(read == nil ? "stored" : "read")"
          if read == 0 {
            failure = report("what is gone was read", after: step)
            states = known.count
            return
          }
          note(next, step)
        }
        let position = machine.next(thread)
        if position == program.steps.count { continue }
        isDone = false
        var turn = Program.Turn(machine: machine, thread: thread)
        program.steps[position].body(&turn)
        if turn.isBlocked { continue }
        isStuck = false
        let step = "thread \(thread): \(program.steps[position].name)"
        if let message = turn.failure {
          failure = report(message, after: step)
          states = known.count
          return
        }
        turn.machine.setNext(thread, turn.jump.map(program.position) ?? position + 1)
        note(turn.machine, step)
      }
      if isDone, let message = isSound(machine) {
        failure = report(message, after: "the end")
        states = known.count
        return
      }
      if isStuck && !isDone {
        failure = report("nobody can go on", after: "this")
        states = known.count
        return
      }
      current += 1
    }
    states = known.count
  }
}

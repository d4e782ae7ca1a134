/// What a thread of the machine does: steps, each of which touches what threads share at most once.
final class Program {
  /// What one step sees of the machine.
  struct Turn {
    var machine: Machine
    let thread: Int
    /// Nothing could be done: the step is tried again when something has changed.
    var isBlocked = false
    private(set) var failure: String?
    private(set) var jump: Label?
    private var accesses = 0

    init(machine: Machine, thread: Int) {
      self.machine = machine
      self.thread = thread
    }

    /// A variable of the thread's own.
    subscript(_ register: Int) -> UInt8 {
      get { machine.register(thread, register) }
      set { machine.setRegister(thread, register, newValue) }
    }

    mutating func load(_ location: Location) -> UInt8 {
      access()
      return machine.load(thread, location)
    }

    mutating func store(_ value: UInt8, to location: Location, _ order: Machine.Order) {
      access()
      isBlocked = machine.isFull(thread)
      if !isBlocked { machine.buffer(thread, store: value, to: location, order) }
    }

    /// Reads at a time of the machine's choice; what is read must not be 0.
    mutating func read(_ location: Location) {
      access()
      isBlocked = machine.isFull(thread)
      if !isBlocked { machine.buffer(thread, readOf: location) }
    }

    /// An atomic read-modify-write with acquire and release; returns the old value, or nil if it must wait.
    @discardableResult
    mutating func modify(_ location: Location, _ body: (UInt8) -> UInt8) -> UInt8? {
      access()
      guard fence() else { return nil }
      let old = machine[location]
      machine[location] = body(old)
      return old
    }

    /// An atomic exchange with acquire alone: what waits in the buffer may take effect later.
    mutating func exchange(_ location: Location, for value: UInt8) -> UInt8? {
      access()
      isBlocked = machine.isBuffered(thread, location)
      if isBlocked { return nil }
      let old = machine[location]
      machine[location] = value
      return old
    }

    /// An atomic comparison and exchange without any order.
    mutating func compareExchange(_ location: Location, _ expected: UInt8, for value: UInt8) {
      access()
      isBlocked = machine.isBuffered(thread, location)
      if !isBlocked && machine[location] == expected { machine[location] = value }
    }

    /// Goes on when all of the thread's stores and reads have taken effect.
    mutating func fence() -> Bool {
      isBlocked = machine.buffered(thread) > 0
      return !isBlocked
    }

    mutating func goto(_ label: Label) { jump = label }
    mutating func fail(_ message: String) { failure = message }

    private mutating func access() {
      accesses += 1
      precondition(accesses == 1, "a step touches what is shared once")
    }
  }

  /// A place in a program.
  struct Label { fileprivate let index: Int }

  private(set) var steps: [(name: String, body: (inout Turn) -> Void)] = []
  private var places: [Int?] = []

  func label() -> Label {
    places.append(nil)
    return Label(index: places.count - 1)
  }

  /// Lets a label stand for the step that comes next.
  func place(_ label: Label) { places[label.index] = steps.count }

  func step(_ name: String, _ body: @escaping (inout Turn) -> Void) { steps.append((name, body)) }

  func position(of label: Label) -> Int { places[label.index]! }

  /// Lets go of the steps, which hold what wrote them, and that the program.
  func end() { steps = [] }
}

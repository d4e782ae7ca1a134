/// One moment of a machine with a few threads and a few bytes of memory, on which a protocol is explored in every order.
///
/// Weaker than x86, so that what holds here does not rest on its strong order. A store and a plain read wait in their
/// thread's buffer and take effect in any order, save that those of one location stay in turn and that a store with release
/// comes after everything before it. Loads and read-modify-writes take effect at once; a load sees what its own thread has
/// stored; a read-modify-write, a lock and a fence wait until the thread's buffer is empty.
struct Machine: Hashable {
  /// The machine's memory, where each thread is, its registers, and its buffer: one value to compare and to hash.
  private var bytes: [UInt8]
  let layout: Layout

  /// Where things lie in `bytes`.
  struct Layout: Hashable {
    let locations: Int
    let threads: Int
    static let registers = 8
    static let bufferEntries = 4
    /// Next step, registers, entries in the buffer, three bytes for each.
    static let stride = 3 + registers + 3 * bufferEntries

    func thread(_ thread: Int) -> Int { locations + thread * Self.stride }
    func register(_ thread: Int, _ index: Int) -> Int { self.thread(thread) + 2 + index }
    func length(_ thread: Int) -> Int { self.thread(thread) + 2 + Self.registers }
    func entry(_ thread: Int, _ index: Int) -> Int { length(thread) + 1 + 3 * index }
  }

  enum Order { case relaxed, release }

  /// What waits in a buffer.
  private enum Kind: UInt8 { case store, releasingStore, read }

  init(locations: Int, threads: Int) {
    layout = Layout(locations: locations, threads: threads)
    bytes = Array(repeating: 0, count: layout.thread(threads))
  }

  static func == (a: Machine, b: Machine) -> Bool { a.bytes == b.bytes }
  func hash(into hasher: inout Hasher) { hasher.combine(bytes) }

  /// What memory holds, whatever waits in buffers.
  subscript(_ location: Location) -> UInt8 {
    get { bytes[location.index] }
    set { bytes[location.index] = newValue }
  }

  /// Which step a thread takes next.
  func next(_ thread: Int) -> Int {
    let place = layout.thread(thread)
    return Int(bytes[place]) << 8 | Int(bytes[place + 1])
  }
  mutating func setNext(_ thread: Int, _ step: Int) {
    let place = layout.thread(thread)
    (bytes[place], bytes[place + 1]) = (UInt8(step >> 8), UInt8(step & 0xff))
  }

  func register(_ thread: Int, _ index: Int) -> UInt8 { bytes[layout.register(thread, index)] }
  mutating func setRegister(_ thread: Int, _ index: Int, _ value: UInt8) {
    bytes[layout.register(thread, index)] = value
  }

  func buffered(_ thread: Int) -> Int { Int(bytes[layout.length(thread)]) }

  func isFull(_ thread: Int) -> Bool { buffered(thread) == Layout.bufferEntries }

  mutating func buffer(_ thread: Int, store value: UInt8, to location: Location, _ order: Order) {
    append(thread, order == .release ? .releasingStore : .store, location, value)
  }

  mutating func buffer(_ thread: Int, readOf location: Location) {
    append(thread, .read, location, 0)
  }

  private mutating func append(
    _ thread: Int, _ kind: Kind, _ location: Location, _ value: UInt8
  ) {
    let entry = layout.entry(thread, buffered(thread))
    (bytes[entry], bytes[entry + 1], bytes[entry + 2]) =
      (kind.rawValue, UInt8(location.index), value)
    bytes[layout.length(thread)] += 1
  }

  /// What a thread sees at a location.
  func load(_ thread: Int, _ location: Location) -> UInt8 {
    for index in (0..<buffered(thread)).reversed() {
      let entry = layout.entry(thread, index)
      if bytes[entry] != Kind.read.rawValue && Int(bytes[entry + 1]) == location.index {
        return bytes[entry + 2]
      }
    }
    return self[location]
  }

  /// Whether something of a thread's that concerns a location has not taken effect.
  func isBuffered(_ thread: Int, _ location: Location) -> Bool {
    (0..<buffered(thread)).contains {
      Int(bytes[layout.entry(thread, $0) + 1]) == location.index
    }
  }

  /// Whether what waits at a place of a thread's buffer may take effect before what waits ahead of it.
  func mayComplete(_ thread: Int, _ index: Int) -> Bool {
    if index == 0 { return true }
    let entry = layout.entry(thread, index)
    if bytes[entry] == Kind.releasingStore.rawValue { return false }
    return (0..<index).allSatisfy {
      bytes[layout.entry(thread, $0) + 1] != bytes[entry + 1]
    }
  }

  /// Lets what waits at a place of a thread's buffer take effect.
  ///
  /// - Returns: the location, and the value that was read, if it was a read.
  mutating func complete(_ thread: Int, _ index: Int) -> (Location, read: UInt8?) {
    let entry = layout.entry(thread, index)
    let (kind, value) = (bytes[entry], bytes[entry + 2])
    let location = Location(index: Int(bytes[entry + 1]))
    // What waits moves up; the place left behind is zero, so that equal machines are equal bytes.
    let end = layout.entry(thread, buffered(thread))
    for place in entry..<end - 3 { bytes[place] = bytes[place + 3] }
    for place in end - 3..<end { bytes[place] = 0 }
    bytes[layout.length(thread)] -= 1
    if kind == Kind.read.rawValue { return (location, self[location]) }
    self[location] = value
    return (location, nil)
  }
}

/// A byte of the machine's memory.
struct Location: Hashable {
  let index: Int
}

import FuzzSupport
import SlidingMap

/// A manager's life, as an input tells it.
final class Session {
  static let mostOperations = 150
  private static let window = 65_536

  let setup: Setup
  let disk: Disk
  var choices: Choices
  var maps: MapManager?
  let places = (0..<4).map { _ in Place() }
  var buffers: [ModelBuffer?] = [nil, nil]
  /// Whether loads may be under way that nobody waits for.
  var mayLoad = false
  var isShutDown = false
  private var recording: TraceRecording?

  init(_ choices: Choices, _ disk: Disk) {
    self.choices = choices
    self.disk = disk
    setup = Setup(&self.choices)
    log("\(setup)")
    maps = setup.makeManager()
    if self.choices.oneIn(16) { record() }
  }

  func run() {
    for _ in 0..<Self.mostOperations where !choices.isAtEnd { step() }
  }

  private func step() {
    let place = choices.pick(places.count)
    let operation = choices.pick(32)
    log("place \(place), operation \(operation)")
    switch operation {
    case 0..<10: use(place)
    case 10, 11: with(place) { $0.withBytes(at: offset(of: $0.file), count: count(), $1) }
    case 12: with(place) { $0.look($1) }
    case 13: copy(place)
    case 14: with(place) { reader, _ in reader.release() }
    case 15: with(place) { $0.refresh($1) }
    case 16: with(place) { $0.check($1) }
    case 17: places[place].reader = nil
    case 18: openBuffer(place % buffers.count)
    case 19, 20: readBuffer(place % buffers.count)
    case 21: buffers[place % buffers.count] = nil
    case 22: prefetch()
    case 23, 24: manage()
    case 25: open(place)
    case 26: choices.oneIn(2) ? walk() : lease(place)
    default: change()
    }
  }

  // MARK: Cursors

  func with(_ place: Int, _ body: (inout Reader, Surroundings) -> Void) {
    if places[place].reader == nil { open(place) }
    // Looked at before the reader is lent.
    let around = around(place)
    if places[place].reader != nil { body(&places[place].reader!, around) }
  }

  func use(_ place: Int) {
    with(place) { reader, around in
      let offset = offset(of: reader.file)
      let count = choices.oneIn(6) ? nil : self.count()
      reader.use(at: offset, count: count, around)
    }
  }

  private func copy(_ place: Int) {
    let other = choices.pick(places.count)
    if other == place || places[place].reader == nil { return }
    let copy = places[place].reader!.copy()
    places[other].reader = consume copy
  }

  private func open(_ place: Int) {
    places[place].reader = nil
    guard let maps else { return }
    let name = choices.pick(Disk.names)
    let byDescriptor = choices.oneIn(4)
    opening(name, byDescriptor) { source throws(MapError) in
      let cursor = try maps.cursor(for: source)
      guard let file = disk.files[name] else { fail("\(name) opened, and there is none") }
      places[place].reader = Reader(cursor, file)
    }
  }

  /// Calls `body` to open a file, and judges its error.
  func opening(
    _ name: String, _ byDescriptor: Bool, _ body: (FileSource) throws(MapError) -> Void
  ) {
    let file = disk.files[name]
    let around = around(nil, and: file)
    log(
      "\(name): opened\(byDescriptor ? " by descriptor" : "") for cursor, buffer, prefetch or walk")
    do throws(MapError) {
      if byDescriptor, let descriptor = Disk.descriptor(name) {
        defer { try? descriptor.close() }
        // No path need lead to it, which so is known by its descriptor alone.
        file?.mayBeLost = true
        try body(.descriptor(descriptor))
      } else {
        try body(.path(Disk.path(name)))
      }
    } catch {
      log("\(name): threw \(error)")
      if error.code == .openFailed && error.errno == .noSuchFileOrDirectory && file == nil {
        return
      }
      guard let file else { fail("a missing \(name): \(error)") }
      let isOfReading = [.fileChanged, .fileTruncated, .readFailed].contains(error.code)
      if isOfReading || !error.isExplained(by: file, since: file.latest, 0..<0, in: around) {
        fail("opening \(name) of \(file.size) bytes: \(error), \(around)")
      }
    }
  }

  /// A place in a file or near it.
  func offset(of file: ModelFile) -> Int64 {
    let window = setup.windowSize ?? Self.window
    switch choices.pick(8) {
    case 0..<4: return Int64(choices.pick(file.size + 1))
    case 4: return Int64(max(window * choices.pick(4) + choices.pick(9) - 4, 0))
    case 5: return Int64(max(file.size + choices.pick(9) - 4, 0))
    case 6: return 0
    default:
      return choices.pick([Int64.max, Int64.max - 1, 1 << 62, 1 << 40, Int64(Disk.mostBytes)])
    }
  }

  func count() -> Int {
    switch choices.pick(8) {
    case 0..<4: choices.pick(256)
    case 4: choices.pick(4 * (setup.windowSize ?? Self.window))
    case 5: setup.windowSize ?? 4096
    case 6: choices.pick([0, 1, 4096, 4097])
    default: choices.pick([Int.max, Int.max - 1, 1 << 40, 400_000])
    }
  }

  // MARK: Buffers

  private func openBuffer(_ place: Int) {
    buffers[place] = nil
    guard let maps else { return }
    let name = choices.pick(Disk.names)
    var range: Range<Int64>?
    if let file = disk.files[name], choices.oneIn(2) {
      let start = offset(of: file)
      range = start..<start + min(Int64(count()), Int64.max - start)
    }
    opening(name, false) { _ throws(MapError) in
      let buffer = try maps.buffer(for: Disk.path(name), range: range)
      guard let file = disk.files[name] else { fail("\(name) opened, and there is none") }
      buffers[place] = ModelBuffer(buffer, file, range: range)
    }
  }

  private func readBuffer(_ place: Int) {
    if buffers[place] == nil { openBuffer(place) }
    let around = around(nil)
    buffers[place]?.read(&choices, around)
  }

  // MARK: The manager

  private func prefetch() {
    guard let maps else { return }
    let name = choices.pick(Disk.names)
    let ranges = (0..<choices.pick(3)).map { _ in
      let start = disk.files[name].map { offset(of: $0) } ?? 0
      return start..<start + min(Int64(count()), Int64.max - start)
    }
    mayLoad = true
    opening(name, false) { _ throws(MapError) in
      try maps.prefetch(Disk.path(name), ranges: ranges)
      if disk.files[name] == nil { fail("\(name) prefetched, and there is none") }
    }
  }

  private func manage() {
    guard let maps else { return }
    switch choices.pick(8) {
    case 0: if maps.collect() < 0 { fail("less than nothing collected") }
    case 1:
      maps.unload(under: choices.oneIn(3) ? Disk.directory : Disk.path(choices.pick(Disk.names)))
    case 2: maps.setPolicy(setup.policy(&choices))
    case 3: if choices.oneIn(8) { shutdown() }
    default: lookAtStatistics(maps)
    }
  }

  func shutdown() {
    maps?.shutdown()
    isShutDown = true
  }

  private func lookAtStatistics(_ maps: MapManager) {
    settle()
    Books.check(
      maps.statistics, setup, readers: places.count { $0.reader != nil },
      buffers: buffers.count { $0 != nil }, isIdle: isIdle)
  }

  /// Whether no cursor holds windows, as far as can be told.
  private var isIdle: Bool {
    places.allSatisfy { !$0.holds } && buffers.allSatisfy { $0 == nil }
  }

  /// Waits for loads that nobody waits for.
  func settle() {
    guard mayLoad, let maps else { return }
    while maps.statistics.inFlight > 0 { pause() }
    mayLoad = false
  }

  // MARK: Surroundings

  /// What a request of a place meets.
  func around(_ place: Int?, and file: ModelFile? = nil) -> Surroundings {
    var around = Surroundings(setup: setup)
    var keepers: Set<ObjectIdentifier> = []
    func note(_ file: ModelFile) {
      if file.mayBeLost || file.size == 0 { keepers.insert(ObjectIdentifier(file)) }
    }
    if let file { note(file) }
    for (index, other) in places.enumerated() {
      guard let file = other.file else { continue }
      note(file)
      if index != place && other.holds { around.isAlone = false }
    }
    for buffer in buffers {
      guard let buffer else { continue }
      note(buffer.file)
      around.isAlone = false
    }
    if mayLoad { around.isAlone = false }
    around.keepers = keepers.count
    around.mayLoad = mayLoad
    around.isShutDown = isShutDown
    return around
  }

  // MARK: Recordings

  private func record() {
    do throws(MapError) {
      recording = try maps?.recordTrace(to: Disk.path("trace"))
    } catch {
      fail("no recording: \(error)")
    }
  }

  /// Ends a recording, if there is one, and reads it.
  func endRecording() {
    guard let recording else { return }
    self.recording = nil
    do throws(MapError) {
      let summary = try recording.finish()
      var (accesses, regions) = (0, Set<Int>())
      try TraceDecoder.read(Disk.path("trace")) { access in
        accesses += 1
        regions.insert(access.region)
      }
      if accesses != summary.accesses || regions.count != summary.regions || summary.dropped > 0 {
        fail("a recording of \(summary) has \(accesses) accesses to \(regions.count) regions")
      }
    } catch {
      fail("a recording: \(error)")
    }
  }
}

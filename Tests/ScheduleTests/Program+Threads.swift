#if Schedule
  import MapProtocols
  import MapTesting
  import Policies
  import SlidingMap

  /// What threads do.
  extension Program {
    func read() -> [Reader] {
      var readers: [Reader] = []
      let steps = scenario.operations.lowerBound + dice.draw(below: scenario.operations.count)
      attempt(.open, &readers)
      for _ in 0..<steps {
        let basic: [Scenario.Verb] = [.open, .use, .use, .use, .release, .across]
        let verbs =
          !scenario.verbs.isEmpty && dice.draw(below: 2) == 0 ? scenario.verbs : basic
        attempt(verbs[dice.draw(below: verbs.count)], &readers)
      }
      // Some readers end here, others on the thread that comes last.
      if dice.draw(below: 2) == 0 {
        for reader in readers { reader.endLease() }
        readers = []
      }
      return readers
    }

    private func attempt(_ verb: Scenario.Verb, _ readers: inout [Reader]) {
      do throws(MapError) {
        try perform(verb, &readers)
      } catch {
        scheduler.note("throws \(error)")
        if !scenario.expects(error.code) { scheduler.fail("fails by \(verb): \(error)") }
      }
    }

    private func perform(_ verb: Scenario.Verb, _ readers: inout [Reader]) throws(MapError) {
      let path = Self.paths[dice.draw(below: scenario.files.count)]
      let other = Self.paths[dice.draw(below: scenario.files.count)]
      let reader = readers.isEmpty ? nil : readers[dice.draw(below: readers.count)]
      let window = Int64(scenario.windowPages * Self.page)
      switch verb {
      case .open:
        guard let maps else { return }
        scheduler.note("open \(path)")
        readers.append(try open(path, maps))
      case .openAsynchronously:
        guard let maps else { return }
        scheduler.note("open \(path) as a task")
        try openAsynchronously(path, maps, &readers)
      case .openDescriptor:
        guard let maps, let descriptor = files.open(path) else { return }
        defer { files.close(descriptor) }
        scheduler.note("open a descriptor of \(path)")
        guard let file = files.file(of: .descriptor(descriptor)) else { return }
        let start = scheduler.step
        let cursor = try maps.cursor(for: descriptor)
        readers.append(makeReader(cursor, on: [file], looked: start))
      case .use, .across, .past:
        guard let reader else { return }
        let windows = max(reader.size / window, 1)
        var offset = Int64(dice.draw(below: Int(windows))) * window
        if verb == .past { offset = reader.size }
        let place = [0, 0, 64, 128, 4032][dice.draw(below: 5)]
        let count = verb == .across ? Int(window) * (1 + dice.draw(below: 3)) : 64
        scheduler.note("use \(offset + Int64(place)), \(count) of \(reader.size)")
        try reader.use(at: offset + Int64(place), count: count)
        if dice.draw(below: 2) == 0 {
          scheduler.pass("reads on")
          reader.check()
        }
      case .ask:
        scheduler.note("ask")
        try reader?.ask()
      case .copy:
        guard let reader else { return }
        scheduler.note("copy")
        readers.append(reader.copy())
      case .release:
        scheduler.note("release")
        reader?.release()
      case .drop:
        guard let reader else { return }
        scheduler.note("drop a cursor")
        reader.endLease()
        readers.removeAll { $0 === reader }
      case .refresh:
        scheduler.note("refresh")
        try reader?.refresh()
      case .buffer:
        guard let maps else { return }
        scheduler.note("buffer on \(path)")
        try readBuffer(path, maps)
      case .prefetch:
        guard let maps else { return }
        scheduler.note("prefetch \(path)")
        try maps.prefetch(path, ranges: [0..<window, window..<3 * window])
      case .ready, .cancel:
        guard let reader else { return }
        let offset = Int64(dice.draw(below: 3)) * window
        scheduler.note("ready \(offset)\(verb == .cancel ? ", cancelled" : "")")
        try wait(isCancelled: verb == .cancel) { () async throws(MapError) in
          try await reader.cursor.ready(at: offset, count: Int(window) * 2)
        }
      case .windows:
        guard let maps else { return }
        scheduler.note("windows of \(path)")
        let (start, files) = (scheduler.step, files)
        try wait(isCancelled: dice.draw(below: 4) == 0) { [scheduler] () async throws(MapError) in
          for try await window in maps.windows(of: path, readAhead: 2) {
            window.withBytes {
              _ = files.check(
                $0, at: window.range.lowerBound, of: files.files(at: path, since: start),
                in: start...(.max))
            }
            scheduler.pass("next window")
          }
        }
      case .setPolicy:
        scheduler.note("setPolicy")
        if dice.draw(below: 2) == 0 { maps?.setPolicy(.sieve) } else { maps?.setPolicy(.lru) }
      case .observe:
        scheduler.note("observe")
        let observation = try maps?.observe(policies: LRU(), SIEVE(), sampling: 1)
        scheduler.pass("observes")
        observation?.stop()
      case .collect:
        scheduler.note("collect")
        maps?.collect()
      case .unload:
        scheduler.note("unload \(path)")
        maps?.unload(under: path)
      case .statistics:
        scheduler.note("statistics")
        if let statistics = maps?.statistics { check(statistics) }
      case .shutdown:
        scheduler.note("shutdown")
        guard let maps else { return }
        maps.shutdown()
        shutdown.insert(ObjectIdentifier(maps))
      case .dropManager:
        scheduler.note("drop the manager")
        if let maps { managers.removeAll { $0 === maps } }
      case .append:
        let count = Int64(64 * (1 + dice.draw(below: 80)))
        scheduler.note("append \(count) to \(path)")
        files.append(path, count)
      case .grow:
        scheduler.note("grow \(path)")
        files.append(path, Int64(100 << 10))
      case .overwrite:
        scheduler.note("overwrite \(path)")
        let start = Int64(dice.draw(below: 2) * Self.page)
        files.overwrite(path, start..<start + 512)
      case .backdate:
        scheduler.note("overwrite \(path), and put its modification time back")
        let start = Int64(dice.draw(below: 2) * Self.page)
        files.overwrite(path, start..<start + 512, keepsTime: true)
      case .truncate:
        scheduler.note("truncate \(path)")
        let size = files.file(at: path)?.now.size ?? 0
        files.truncate(path, to: size / 2 / 64 * 64)
      case .clear:
        scheduler.note("clear \(path)")
        files.truncate(path, to: 0)
      case .replace:
        scheduler.note("replace \(path)")
        files.create(path, size: Int64(Self.page * dice.draw(below: 4)))
      case .remove:
        scheduler.note("remove \(path)")
        files.remove(path)
      case .create:
        if files.file(at: path) != nil { return }
        scheduler.note("create \(path)")
        files.create(path, size: Int64(Self.page * dice.draw(below: 4)))
      case .link:
        scheduler.note("link \(path) as \(other)")
        files.link(path, as: other)
      }
      scheduler.pass("next")
    }

    func open(_ path: FilePath, _ maps: MapManager) throws(MapError) -> Reader {
      let start = scheduler.step
      let cursor = try maps.cursor(for: path)
      let reader = makeReader(cursor, on: files.files(at: path, since: start), looked: start)
      openedByPath.formUnion(reader.files.map(\.serial))
      return reader
    }

    private func openAsynchronously(
      _ path: FilePath, _ maps: MapManager, _ readers: inout [Reader]
    ) throws(MapError) {
      let (start, opened) = (scheduler.step, Opened())
      try wait(isCancelled: dice.draw(below: 4) == 0) { [self] () async throws(MapError) in
        let cursor = try await maps.open(path)
        let reader = makeReader(cursor, on: files.files(at: path, since: start), looked: start)
        openedByPath.formUnion(reader.files.map(\.serial))
        opened.reader = reader
      }
      if let reader = opened.reader { readers.append(reader) }
    }

    private final class Opened: @unchecked Sendable { var reader: Reader? }

    private func makeReader(
      _ cursor: consuming WindowCursor, on files: [VirtualFile], looked: Int
    ) -> Reader {
      Reader(
        cursor, on: files, looked: looked, isOfOneVersion: scenario.follows == .oneVersion,
        windowSize: scenario.isStatic ? .max : Int64(scenario.windowPages * Self.page), self.files,
        scheduler)
    }

    private func readBuffer(_ path: FilePath, _ maps: MapManager) throws(MapError) {
      let start = scheduler.step
      let buffer = try maps.buffer(for: path)
      let count = min(buffer.count, 2 * Self.page)
      let known = files.files(at: path, since: start)
      if count > 0 { _ = buffer[count / 2] }
      var wasMissing = false
      try buffer.withBytes(in: 0..<count) {
        _ = files.check($0, at: 0, of: known, in: start...(.max))
        wasMissing = files.missingSince != nil
      }
      if wasMissing { scheduler.fail("a buffer does not tell of missing bytes") }
    }

    /// Runs a task to its end, and has it cancelled meanwhile if it is to be.
    private func wait(
      isCancelled: Bool, _ body: @escaping @Sendable () async throws(MapError) -> Void
    ) throws(MapError) {
      guard let executor else { return }
      let end = End()
      let task = Task(executorPreference: executor) {
        do throws(MapError) {
          try await body()
        } catch {
          end.error = error
        }
        end.isOver = true
      }
      if isCancelled {
        scheduler.pass("about to cancel")
        scheduler.cancelling { task.cancel() }
      }
      scheduler.wait("a task") { end.isOver }
      if let error = end.error, !(isCancelled && error.code == .cancelled) { throw error }
    }

    private final class End: @unchecked Sendable {
      var isOver = false
      var error: MapError?
    }
  }
#endif

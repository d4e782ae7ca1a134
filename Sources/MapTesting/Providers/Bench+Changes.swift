internal import MapProtocols
internal import Synchronization

#if canImport(Darwin)
  internal import Darwin
#elseif canImport(Glibc)
  internal import Glibc
#endif

extension Bench {
  func tellsVersions() throws {
    guard let change else { return }
    let name = "100003"
    let others = try contents.keys.filter { $0 != name }.sorted().map { ($0, try open(source($0))) }
    defer { for (_, opened) in others { provider.close(opened.handle) } }
    try withHandle(name) { opened in
      // Of another file, as one that took the path, the version may be the same.
      var known = [opened.status]
      for (round, size) in [100_003, 5_000, 200_000].enumerated() {
        let content = patternedBytes(size, seed: UInt64(1000 + round))
        checks.calls("`change`")
        try change(name, content)
        checks.step()
        let now = try status(of: source(name))
        checks.expect(
          !known.contains { areAlike($0, now) } || !now.isSettled,
          "other bytes, the same version: nobody would know that the file changed")
        checks.expect(
          now.size == size, "after a change to \(size) bytes `status` tells \(now.size)")
        known.append(now)
        guard let held = try status(of: opened.handle) else { continue }
        checks.expect(
          held.identity != now.identity || held.version == now.version && held.size == now.size
            || held.version == known[0].version,
          "a handle and a source of one file tell different versions")
        try readAfterChange(
          opened.handle, areAlike(held, now) ? content : contents[name]!)
      }
    }
    try readUnchanged(others)
    // In an archive the others may lie behind it.
    checks.calls("`change`")
    try change("1", patternedBytes(3_000, seed: 1003))
    try readUnchanged(others.filter { $0.0 != "1" })
  }

  /// Whether both are of one version of one file.
  private func areAlike(_ one: FileStatus, _ other: FileStatus) -> Bool {
    one.identity == other.identity && one.version == other.version
  }

  /// Reads files that are as they were, through handles from before the change of another and through new ones.
  private func readUnchanged(_ files: [(name: String, opened: OpenedFile)]) throws {
    for (name, opened) in files {
      let content = contents[name]!
      if try status(of: opened.handle) != nil { try readAll(opened.handle, content, "an old") }
      try withHandle(name) { try readAll($0.handle, content, "a new") }
      checks.step()
    }
  }

  private func readAll(_ handle: Handle, _ content: [UInt8], _ which: String) throws {
    let count = content.count + 10
    expect(
      try read(handle, at: 0, count), at: 0, count, of: content,
      "after a change of another file, through \(which) handle, a read")
  }

  /// Reads a handle that tells the present version, or is still on the first content: its file was replaced, or it shows what was opened.
  private func readAfterChange(_ handle: Handle, _ content: [UInt8]) throws {
    let count = content.count + 10
    let bytes = try read(handle, at: 0, count)
    expect(bytes, at: 0, count, of: content, "after a change, a read of what the handle tells")
  }

  func mixesNoVersions() throws {
    guard let change else { return }
    let name = "100003"
    let ledger = VersionLedger(content: contents[name]!, isWrittenInPlace: filesAreTheSystems)
    let isOver = Atomic(false)
    let threads = try (0..<2).map { _ in
      try ServiceThread { [self] in
        while !isOver.load(ordering: .relaxed) {
          do {
            try lookBesideChanges(name, ledger)
          } catch {
            checks.note("a reader beside changes failed: \(error)")
            return
          }
          // Whoever changes the file needs its turn, too.
          usleep(1_000)
        }
      }
    }
    for round in 0..<12 {
      // The first bytes say which content it is.
      let content = patternedBytes(60_000 + 40_000 * (round % 3), seed: UInt64(2000 + round))
      ledger.add(content)
      do { try change(name, content) } catch { checks.note("`change` failed: \(error)") }
      // Times of changes tick: whoever looks sooner can't know.
      for _ in 0..<300 where !ledger.wasSeen(content) && checks.texts.isEmpty {
        checks.step()
        do { try lookBesideChanges(name, ledger) } catch { checks.note("\(error)") }
      }
    }
    isOver.store(true, ordering: .relaxed)
    for thread in threads { thread.join() }
    if ledger.isEmpty && checks.texts.isEmpty {
      checks.skip("no two looks told one settled version of an open file")
    }
  }

  /// Reads a file between two looks, and if they tell one version, compares.
  private func lookBesideChanges(_ name: String, _ ledger: VersionLedger) throws {
    try withHandle(name) { opened in
      guard let before = try status(of: opened.handle) else { return }
      var bytes: [UInt8] = []
      while bytes.count < before.size {
        let more = try read(opened.handle, at: bytes.count, 30_000)
        if more.isEmpty { break }
        bytes += more
      }
      guard let after = try status(of: opened.handle), after == before, before.isSettled else {
        return
      }
      if let problem = ledger.note(bytes, before) { checks.note(problem) }
    }
  }
}

/// Which contents a file had, and which of them identity and version together stood for.
private final class VersionLedger: Sendable {
  /// Of another file, as one that took the path, the version may be the same.
  private struct Look: Hashable {
    let identity: FileIdentity
    let version: FileVersion
  }
  private struct State {
    var contents: [[UInt8]]
    var meanings: [Look: Int] = [:]
  }
  private let state: Guarded<State>
  /// Whether contents come byte by byte: write(2) sets the time of change when it begins, and may be held up for longer than a tick.
  private let isWrittenInPlace: Bool

  init(content: [UInt8], isWrittenInPlace: Bool) {
    self.isWrittenInPlace = isWrittenInPlace
    state = Guarded(State(contents: [content]), isScheduled: false)
  }

  func add(_ content: [UInt8]) { state.withLock { $0.contents.append(content) } }

  /// Whether no version is known.
  var isEmpty: Bool { state.withLock { $0.meanings.isEmpty } }

  func wasSeen(_ content: [UInt8]) -> Bool {
    state.withLock { state in state.meanings.values.contains { state.contents[$0] == content } }
  }

  /// What is wrong with bytes that were read while a status stood before and after.
  func note(_ bytes: [UInt8], _ status: FileStatus) -> String? {
    state.withLock { state in
      guard let index = state.contents.lastIndex(of: bytes) else {
        if isWrittenInPlace && state.contents.contains(where: { $0.starts(with: bytes) }) {
          return nil
        }
        return bytes.count == status.size
          ? "between two looks that told one version, a read gave bytes that the file never had together"
          : "between two looks that told \(status.size) bytes, \(bytes.count) could be read"
      }
      let look = Look(identity: status.identity, version: status.version)
      guard let other = state.meanings.updateValue(index, forKey: look), other != index
      else { return nil }
      return "one version stood for two contents"
    }
  }
}

internal import MapProtocols
internal import SystemPackage

extension Bench {
  func givesEachOpenAHandle() throws {
    for forTask in opensForTask { try givesEachOpenAHandle(forTask: forTask) }
    // Cursors may outlive their manager's service.
    let last = try open(source(Self.large))
    provider.shutdown()
    provider.close(last.handle)
    provider.shutdown()
  }

  private func givesEachOpenAHandle(forTask: Bool) throws {
    let content = contents[Self.large]!
    let first = try open(source(Self.large), forTask: forTask)
    let second = try open(source(Self.large), forTask: forTask)
    let third = try open(source("4097"), forTask: forTask)
    try checks.require(
      Set([first.handle, second.handle, third.handle]).count == 3,
      "two opens gave the same handle: closing one would close the other")
    provider.close(first.handle)
    expect(
      try read(second.handle, at: 100, 5_000), at: 100, 5_000, of: content,
      "after another handle was closed, a read")
    // Its number may be a new handle's now.
    let fourth = try open(source("1"), forTask: forTask)
    expect(
      try read(fourth.handle, at: 0, 9), at: 0, 9, of: contents["1"]!,
      "through a new handle, a read")
    expect(
      try read(second.handle, at: 7_000, 10), at: 7_000, 10, of: content,
      "through an old handle, a read")
    provider.close(third.handle)
    provider.close(fourth.handle)
    provider.close(second.handle)
  }

  func tellsFilesApart() throws {
    var identities: [FileIdentity: String] = [:]
    for (name, content) in contents.sorted(by: { $0.key < $1.key }) {
      let asked = try status(of: source(name))
      try withHandle(name) { opened in
        let identity = opened.status.identity
        checks.expect(
          asked.identity == identity && asked.version == opened.status.version,
          "`status` of a source and `open` of it tell different identities or versions")
        checks.expect(
          asked.size == content.count,
          "`status` of a source tells \(asked.size) bytes for \(content.count)")
        if let now = try status(of: opened.handle) {
          checks.expect(
            now.identity == identity && now.version == opened.status.version
              && now.size == opened.status.size,
            "`status` of a handle tells something else than `open` told, though nothing changed")
        }
        if let other = identities.updateValue(name, forKey: identity) {
          checks.note("the files \"\(other)\" and \"\(name)\" have the same identity")
        }
        try withHandle(name, forTask: opensForTask.last!) { again in
          checks.expect(
            again.status.identity == identity && again.status.version == opened.status.version,
            "opened twice, a file has two identities or versions")
        }
      }
    }
  }

  func refusesWhatIsNotThere() {
    for forTask in opensForTask { refusesWhatIsNotThere(forTask: forTask) }
  }

  private func refusesWhatIsNotThere(forTask: Bool) {
    let codes: [MapError.Code] = [.openFailed, .unsupported, .notRegularFile]
    for source in [
      source("no such file"), .name("\u{0}"), .path("/no/such/file/anywhere"),
      // No process has so many.
      .descriptor(FileDescriptor(rawValue: 1 << 30)),
    ] {
      guard let error = refusal(of: source, forTask: forTask) else { continue }
      checks.expect(
        codes.contains(error.code) || error.code.isCustom,
        "what is not there ends with `.\(error.code)`, not with `.openFailed` or `.unsupported`")
      do throws(MapError) {
        _ = try provider.status(of: source)
        checks.note("`status` of \(source) tells something, though there is no such file")
      } catch {}
    }
  }
}

internal import MapProtocols
internal import SystemPackage

extension Bench {
  func givesEachOpenAHandle() throws {
    let content = contents[Self.large]!
    let first = try provider.open(source(Self.large))
    let second = try provider.open(source(Self.large))
    let third = try provider.open(source("4097"))
    try checks.require(
      Set([first.handle, second.handle, third.handle]).count == 3,
      "two opens gave the same handle: closing one would close the other")
    provider.close(first.handle)
    expect(
      try read(second.handle, at: 100, 5_000), at: 100, 5_000, of: content,
      "after another handle was closed, a read")
    // Its number may be a new handle's now.
    let fourth = try provider.open(source("1"))
    expect(
      try read(fourth.handle, at: 0, 9), at: 0, 9, of: contents["1"]!,
      "through a new handle, a read")
    expect(
      try read(second.handle, at: 7_000, 10), at: 7_000, 10, of: content,
      "through an old handle, a read")
    provider.close(third.handle)
    provider.close(fourth.handle)
    // Cursors may outlive their manager's service.
    provider.shutdown()
    provider.close(second.handle)
    provider.shutdown()
  }

  func tellsFilesApart() throws {
    var identities: [FileIdentity: String] = [:]
    for (name, content) in contents.sorted(by: { $0.key < $1.key }) {
      let asked = try provider.status(of: source(name))
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
        try withHandle(name) { again in
          checks.expect(
            again.status.identity == identity && again.status.version == opened.status.version,
            "opened twice, a file has two identities or versions")
        }
      }
    }
  }

  func refusesWhatIsNotThere() {
    let codes: [MapError.Code] = [.openFailed, .unsupported, .notRegularFile]
    for source in [
      source("no such file"), .name("\u{0}"), .path("/no/such/file/anywhere"),
      // No process has so many.
      .descriptor(FileDescriptor(rawValue: 1 << 30)),
    ] {
      guard let error = refusal(of: source) else { continue }
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

import MapProtocols
import SystemPackage

/// What one backend is to bring out and in, outside the lock.
struct Transfers {
  let backend: Backend
  var unloads: [ExtentRange] = []
  /// What is emptied in the same call, and may be used meanwhile.
  var emptied: [ExtentRange] = []
  private(set) var loads: [RegionLoad] = []
  /// Who waits for those that are only started.
  private(set) var tickets: [LoadTicket] = []
  /// How each file must still be when its windows were read, once per run of loads of one file.
  private var expected: [Expectation] = []
  private let changes: FileChanges

  init(backend: Backend, _ changes: FileChanges) {
    self.backend = backend
    self.changes = changes
  }

  var isEmpty: Bool { unloads.isEmpty && emptied.isEmpty && loads.isEmpty }

  mutating func append(_ load: RegionLoad, of edition: Edition, _ ticket: LoadTicket?) {
    loads.append(load)
    if let ticket { tickets.append(ticket) }
    guard backend.isCopying, let handle = load.handle else { return }
    if expected.last?.handle != handle {
      expected.append(Expectation(of: edition, handle, changes))
    }
  }

  func unload() {
    if unloads.isEmpty && emptied.isEmpty { return }
    Turn.allowUse(of: emptied) { backend.unload(unloads + emptied) }
  }

  mutating func load() {
    if loads.isEmpty { return }
    backend.load(&loads)
    check(&loads)
  }

  /// Starts the loads; the core hears of the end of each.
  func submit(to core: MapCore) -> LoadCancellation {
    if loads.isEmpty { return .impossible }
    return backend.submit(loads) { ended in
      var ended = ended
      check(&ended)
      core.loadsEnded(ended)
    }
  }

  /// Copies of different versions must not be joined, so each load's file is looked at after it was read: what was
  /// written meanwhile is found out, whenever it was. What was read then is in no budget, and leaves. A read that failed may have done so
  /// because of that: an index of the old version does not fit the new one.
  private func check(_ loads: inout [RegionLoad]) {
    for expectation in expected {
      let meant = loads.indices.filter {
        loads[$0].handle == expectation.handle && loads[$0].error?.code != .cancelled
      }
      if meant.isEmpty || Turn.isPlanted("unchecked copies") { continue }
      if expectation.isMet(backend.provider) {
        for index in meant
        where expectation.isSettled && loads[index].error?.code == .fileTruncated {
          loads[index].error = backend.shortRead(loads[index])
        }
      } else {
        backend.unload(meant.filter { loads[$0].error == nil }.map { loads[$0].region })
        for index in meant { loads[index].error = MapError(.fileChanged) }
      }
    }
  }
}

/// How a file must still be when bytes of it were read. Made under the lock, asked without it.
struct Expectation {
  let handle: Handle
  private let identity: FileIdentity
  private let sources: [FileSource]
  private let status: FileStatus
  private let changes: FileChanges

  init(of edition: Edition, _ handle: Handle, _ changes: FileChanges) {
    self.handle = handle
    identity = edition.file.identity
    sources = edition.file.sources
    status = edition.status
    self.changes = changes
  }

  /// Whether what was expected is the one content of its version.
  var isSettled: Bool { status.isSettled }

  /// Whether the file is so. A system call.
  func isMet(_ provider: any RegionProvider) -> Bool {
    let now =
      (try? provider.status(of: handle))
      ?? (try? provider.status(of: identity, status.version, by: sources))
    // What nobody can tell may have changed.
    guard let now else { return false }
    if changes.onlyGrows(from: status, to: now) { return true }
    return now.isSame(as: status) && (now.isSettled || !status.isSettled)
  }
}

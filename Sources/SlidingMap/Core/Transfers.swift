import MapProtocols
import SystemPackage

/// What one backend is to bring out and in, outside the lock.
struct Transfers {
  let backend: Backend
  var unloads: [ExtentRange] = []
  /// What is emptied in the same call, and may be used meanwhile.
  var emptied: [ExtentRange] = []
  private(set) var loads: [RegionLoad] = []
  /// The version each file must still have when its windows were read, once per run of loads of one file.
  private var expected: [Expectation] = []

  private struct Expectation {
    let handle: Handle
    let identity: FileIdentity
    let sources: [FileSource]
    let version: FileVersion
  }

  init(backend: Backend) { self.backend = backend }

  var isEmpty: Bool { unloads.isEmpty && loads.isEmpty }

  mutating func append(_ load: RegionLoad, of edition: Edition) {
    loads.append(load)
    guard backend.isCopying, let handle = load.handle else { return }
    if expected.last?.handle != handle {
      expected.append(
        Expectation(
          handle: handle, identity: edition.file.identity, sources: edition.file.sources,
          version: edition.version))
    }
  }

  func unload() {
    if unloads.isEmpty { return }
    Turn.allowUse(of: emptied) { backend.unload(unloads + emptied) }
  }

  mutating func load() {
    if loads.isEmpty { return }
    backend.load(&loads)
    check(&loads)
  }

  /// Starts the loads; the core hears of the end of each.
  func submit(to core: MapCore) {
    if loads.isEmpty { return }
    backend.submit(loads) { ended in
      var ended = ended
      check(&ended)
      core.loadsEnded(ended)
    }
  }

  /// Copies of different versions must not be joined, so each load's file is looked at after it was read: what was
  /// written meanwhile is found out, whenever it was. What was read then is in no budget, and leaves.
  private func check(_ loads: inout [RegionLoad]) {
    for expectation in expected {
      let meant = loads.indices.filter {
        loads[$0].handle == expectation.handle && loads[$0].error == nil
      }
      if meant.isEmpty || !hasChanged(expectation) { continue }
      if Turn.isPlanted("unchecked copies") { continue }
      for index in meant { loads[index].error = MapError(.fileChanged) }
      backend.unload(meant.map { loads[$0].region })
    }
  }

  private func hasChanged(_ expectation: Expectation) -> Bool {
    let provider = backend.provider
    let status =
      (try? provider.status(of: expectation.handle))
      ?? (try? provider.status(of: expectation.identity, by: expectation.sources))
    // What nobody can tell may have changed.
    return status?.version != expectation.version
  }
}

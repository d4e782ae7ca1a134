import MapProtocols

/// What one backend is to bring out and in, outside the lock.
struct Transfers {
  let backend: Backend
  var unloads: [ExtentRange] = []
  private(set) var loads: [RegionLoad] = []
  /// The generation each file must still have when its windows were read, once per run of loads of one file.
  private var expected: [(handle: Handle, generation: FileGeneration)] = []

  init(backend: Backend) { self.backend = backend }

  mutating func append(_ load: RegionLoad, of file: FileEntry) {
    loads.append(load)
    guard !backend.properties.isCoherent, let handle = load.handle else { return }
    if expected.last?.handle != handle { expected.append((handle, file.generation)) }
  }

  mutating func perform() {
    if !unloads.isEmpty { backend.provider.unload(unloads) }
    if loads.isEmpty { return }
    backend.provider.load(&loads)
    for (handle, generation) in expected where hasChanged(handle, since: generation) {
      for index in loads.indices where loads[index].handle == handle {
        loads[index].error = loads[index].error ?? MapError(.fileChanged)
      }
    }
  }

  /// Copies of different generations must not be joined, so each load looks at the file after it has read: what was
  /// written meanwhile is found out, whenever it was.
  private func hasChanged(_ handle: Handle, since generation: FileGeneration) -> Bool {
    do throws(MapError) {
      return try backend.provider.status(of: handle).generation != generation
    } catch {
      return false
    }
  }
}

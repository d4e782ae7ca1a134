#if Schedule
  internal import MapProtocols
  internal import SlidingMap
  internal import SystemPackage

  extension PolicyConformance {
    /// How many orders of turns are tried.
    private static let schedules: UInt64 = 300

    /// A few threads with a cursor at a time on files that grow and are replaced; meanwhile the policy takes over from itself.
    static func servesThreadsInAnyOrder(
      _ policy: any EvictionPolicy, _ seed: UInt64, _ checks: Checks
    ) {
      for index in 0..<schedules {
        checks.step()
        let outcome = Scheduler.run(seed: seed &+ index) { scheduler in
          serve(policy, scheduler)
        }
        guard let failure = outcome.failure else { continue }
        checks.note(
          "under a manager, in the order of turns of seed \(failure.seed): \(failure.message)")
        return
      }
    }

    private static func serve(_ policy: some EvictionPolicy, _ scheduler: Scheduler) {
      let files = VirtualFiles(scheduler)
      for path in paths { files.create(path, size: 12 * 4096) }
      let backend =
        scheduler.draw(below: 2) == 0
        ? VirtualProvider(files, "copies") : VirtualMaps(files, MappingProperties())
      let maps = SlidingWindowMapManager(
        backend: backend, policy: policy, budget: .fixed(regions: 8), windowSize: 4096)
      let threads = (0..<3).map { index in
        scheduler.start("reader-\(index)") { read(maps, policy, files, scheduler) }
      }
      scheduler.join(threads)
      maps.shutdown()
    }

    private static let paths: [FilePath] = ["/a", "/b"]

    private static func read(
      _ maps: MapManager, _ policy: some EvictionPolicy, _ files: VirtualFiles,
      _ scheduler: Scheduler
    ) {
      for _ in 0..<4 {
        let path = paths[scheduler.draw(below: paths.count)]
        let beginning = scheduler.step
        do throws(MapError) {
          var cursor = try maps.cursor(for: path)
          for _ in 0..<5 {
            let offset = Int64(scheduler.draw(below: 12 * 4096))
            try cursor.use(at: offset, count: 1 + scheduler.draw(below: 4_000))
            files.check(cursor.bytes, at: offset, of: path, since: beginning)
          }
        } catch {
          scheduler.fail("a cursor failed: \(error)")
        }
        switch scheduler.draw(below: 8) {
        case 0: maps.setPolicy(policy)
        case 1: maps.collect()
        case 2: files.append(path, 4096)
        case 3: files.create(path, size: 12 * 4096)
        default: break
        }
      }
    }
  }
#endif

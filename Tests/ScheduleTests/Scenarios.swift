#if Schedule
  import SlidingMap

  extension Scenario {
    /// All of them: each has a manager of its own kind, and budgets that bind.
    static let all: [Scenario] = [
      Scenario(
        name: "growth in maps", budget: .fixed(bytes: 5 << 12),
        verbs: [.append, .append, .grow, .refresh, .refresh, .open]),
      Scenario(
        name: "looks that overlap", budget: .fixed(bytes: 6 << 12), files: [3], threads: 3...5,
        verbs: [.refresh, .refresh, .refresh, .open, .append, .truncate]),
      Scenario(
        name: "looks that overlap, copies", backend: .copying, budget: .fixed(bytes: 6 << 12),
        files: [3], threads: 3...5,
        verbs: [.refresh, .refresh, .refresh, .open, .append, .truncate, .backdate]),
      Scenario(
        name: "editions of copies", backend: .copying,
        budget: .fixed(bytes: 10 << 12, addresses: 120 << 10, handles: 1), files: [3, 2],
        verbs: [
          .overwrite, .append, .grow, .truncate, .across, .use, .copy, .drop, .refresh, .open,
          .ready,
        ]),
      Scenario(
        name: "editions of maps",
        budget: .fixed(bytes: 10 << 12, addresses: 60 << 10, handles: 1), files: [3, 2],
        verbs: [
          .grow, .grow, .append, .truncate, .across, .use, .copy, .drop, .refresh, .open, .buffer,
        ]),
      Scenario(
        name: "editions and a takeover", backend: .both,
        budget: .fixed(bytes: 10 << 12, addresses: 60 << 10, handles: 2), files: [3, 2],
        verbs: [
          .overwrite, .grow, .append, .truncate, .across, .copy, .drop, .refresh, .open, .collect,
        ], mostHandles: 2),
      Scenario(
        name: "growth, addresses short", budget: .fixed(addresses: 30 << 10), files: [3, 3, 3],
        verbs: [.append, .grow, .refresh, .open, .drop]),
      Scenario(
        name: "emptied files, addresses short", budget: .fixed(addresses: 30 << 10),
        files: [3, 3, 3], verbs: [.clear, .clear, .append, .refresh, .open, .drop]),
      Scenario(
        name: "growth in copies, addresses short", backend: .copying,
        budget: .fixed(bytes: 8 << 12, addresses: 30 << 10), files: [3, 3, 0],
        verbs: [.append, .grow, .refresh, .open, .drop]),
      Scenario(
        name: "growth in copies", backend: .copying, budget: .fixed(bytes: 6 << 12),
        verbs: [.append, .append, .grow, .refresh, .open]),
      Scenario(
        name: "growth of whole files", isStatic: true, budget: .fixed(bytes: 8 << 12),
        verbs: [.append, .grow, .refresh, .open]),
      Scenario(
        name: "growth, hard budget", budget: .fixed(bytes: 6 << 12, isHard: true), windowPages: 2,
        verbs: [.append, .grow, .refresh, .open], populates: true),
      Scenario(
        name: "growth beside a takeover", backend: .both,
        budget: .fixed(bytes: 8 << 12, addresses: 30 << 10), files: [3, 3, 3],
        verbs: [.append, .grow, .refresh, .open, .drop]),
      Scenario(
        name: "empty files, one handle", backend: .copying, budget: .fixed(handles: 1),
        files: [0, 1, 0],
        verbs: [.append, .remove, .create, .refresh, .open, .use]),
      Scenario(
        name: "empty files in maps", budget: .fixed(handles: 1), files: [0, 1, 0],
        verbs: [.append, .remove, .create, .refresh, .open, .use]),
      Scenario(
        name: "descriptors", backend: .copying, budget: .fixed(bytes: 6 << 12, handles: 3),
        files: [3, 2, 0],
        verbs: [
          .openDescriptor, .openDescriptor, .append, .grow, .replace, .refresh, .open, .drop,
          .collect,
        ]),
      Scenario(
        name: "descriptors in maps", budget: .fixed(bytes: 6 << 12, handles: 3),
        files: [3, 2, 0],
        verbs: [
          .openDescriptor, .openDescriptor, .append, .grow, .replace, .refresh, .open, .drop,
          .collect,
        ]),
      Scenario(
        name: "replaced files", budget: .fixed(bytes: 5 << 12, maps: 3, handles: 1),
        verbs: [.replace, .replace, .refresh, .open, .drop, .collect]),
      Scenario(
        name: "replaced files, copies", backend: .copying,
        budget: .fixed(bytes: 5 << 12, handles: 2),
        verbs: [.replace, .overwrite, .refresh, .open, .drop, .collect]),
      Scenario(
        name: "links", budget: .fixed(bytes: 5 << 12, handles: 2), files: [3, 2, 1],
        verbs: [.link, .remove, .create, .append, .refresh, .open, .unload]),
      Scenario(
        name: "links, copies", backend: .copying, budget: .fixed(bytes: 5 << 12, handles: 1),
        files: [3, 2, 1],
        verbs: [.link, .remove, .create, .append, .refresh, .open, .unload]),
      Scenario(
        name: "truncation", budget: .fixed(bytes: 6 << 12), windowPages: 2,
        verbs: [.truncate, .append, .refresh, .open]),
      Scenario(
        name: "truncation, addresses short", budget: .fixed(addresses: 38 << 10),
        windowPages: 4, files: [4, 4, 4],
        verbs: [.truncate, .truncate, .refresh, .open, .across, .across, .drop]),
      Scenario(
        name: "spans", budget: .fixed(bytes: 4 << 12, addresses: 8 << 12), files: [6, 5, 3],
        verbs: [.use, .use, .across, .past, .copy, .drop, .buffer, .unload, .collect]),
      Scenario(
        name: "spans of files that change", budget: .fixed(bytes: 8 << 12, addresses: 12 << 12),
        windowPages: 2, files: [6, 6, 4],
        verbs: [.truncate, .append, .grow, .replace, .refresh, .open, .ask, .across, .drop]),
      Scenario(
        name: "spans of copies", backend: .copying,
        budget: .fixed(bytes: 4 << 12, addresses: 8 << 12, handles: 2), files: [6, 5, 3],
        verbs: [.use, .across, .overwrite, .append, .refresh, .open, .ready, .cancel, .collect]),
      Scenario(
        name: "spans beside a takeover", backend: .both,
        budget: .fixed(bytes: 6 << 12, addresses: 10 << 12, handles: 2), files: [6, 5, 3],
        verbs: [.use, .across, .truncate, .refresh, .open, .ready, .prefetch, .unload],
        failures: 20, mostHandles: 2),
      Scenario(
        name: "spans, extents short", backend: .both, budget: .fixed(bytes: 6 << 12),
        files: [6, 5, 3], verbs: [.use, .across, .copy, .drop, .collect, .setPolicy, .statistics],
        mostExtents: 3),
      Scenario(
        name: "spans and tasks, extents short", budget: .fixed(bytes: 6 << 12),
        files: [6, 5, 3], verbs: [.use, .across, .ready, .ready, .prefetch, .drop, .cancel],
        mostExtents: 3),
      Scenario(
        name: "truncation and tasks", budget: .fixed(addresses: 38 << 10), windowPages: 4,
        files: [4, 4, 4], verbs: [.truncate, .ready, .ready, .refresh, .open, .across, .drop]),
      Scenario(
        name: "writing in place, copies", backend: .copying, budget: .fixed(bytes: 8 << 12),
        verbs: [.overwrite, .backdate, .backdate, .append, .refresh, .open, .across]),
      Scenario(
        name: "missing pages", budget: .fixed(bytes: 6 << 12), windowPages: 2, files: [6, 4],
        verbs: [
          .truncate, .truncate, .append, .grow, .ask, .copy, .refresh, .open, .across, .release,
        ]),
      Scenario(
        name: "missing pages, addresses short", backend: .both,
        budget: .fixed(bytes: 8 << 12, addresses: 60 << 10), windowPages: 2, files: [4, 4, 4],
        verbs: [.truncate, .append, .ask, .copy, .refresh, .open, .buffer, .drop, .ready]),
      Scenario(
        name: "missing pages of whole files", isStatic: true, budget: .fixed(bytes: 12 << 12),
        files: [4, 3], verbs: [.truncate, .append, .ask, .copy, .refresh, .open, .buffer]),
      Scenario(
        name: "truncation of copies", backend: .copying, budget: .fixed(bytes: 6 << 12),
        windowPages: 2,
        verbs: [.truncate, .append, .refresh, .open]),
      Scenario(
        name: "a cut beside evictions", backend: .copying, budget: .fixed(bytes: 2 << 12),
        windowPages: 2, files: [2, 2], threads: 3...4,
        verbs: [.truncate, .refresh, .refresh, .across, .across, .open, .unload]),
      Scenario(
        name: "eviction", budget: .fixed(bytes: 3 << 12), files: [4, 3],
        verbs: [.copy, .drop, .across, .past, .statistics, .collect]),
      // Windows that share no page table: what is emptied with others would hide what was forgotten.
      Scenario(
        name: "eviction in groups", budget: .fixed(bytes: 96 << 12), windowPages: 4,
        files: [80, 64],
        operations: 8...14, verbs: [.across, .across, .copy, .drop, .collect]),
      Scenario(
        name: "eviction of small windows", budget: .fixed(bytes: 4 << 12), files: [7, 3],
        verbs: [.copy, .drop, .across, .past, .ready, .collect, .append], faultAround: 4),
      Scenario(
        name: "eviction of copies", backend: .copying, budget: .fixed(bytes: 4 << 12),
        files: [4, 3], verbs: [.copy, .drop, .across, .statistics, .collect, .unload]),
      Scenario(
        name: "page tables of copies", backend: .copying, budget: .fixed(bytes: 2 << 12),
        files: [8, 5], threads: 3...5, verbs: [.use, .use, .use, .use, .across, .collect]),
      Scenario(
        name: "page tables of small windows", budget: .fixed(bytes: 2 << 12), files: [8, 5],
        threads: 3...5, verbs: [.use, .use, .use, .across, .ready, .collect], faultAround: 4),
      Scenario(
        name: "page tables, addresses short",
        budget: .fixed(bytes: 2 << 12, addresses: 100 << 10), files: [8, 8, 8], threads: 3...5,
        verbs: [.use, .use, .use, .open, .drop, .collect]),
      Scenario(
        name: "eviction of whole files", isStatic: true, budget: .fixed(regions: 2),
        files: [2, 3, 1], verbs: [.copy, .drop, .across, .collect]),
      Scenario(
        name: "hard budget", budget: .fixed(bytes: 4 << 12, isHard: true), files: [4, 3],
        verbs: [.copy, .drop, .across, .statistics], populates: true),
      Scenario(
        name: "barriers refused", budget: .fixed(bytes: 3 << 12), files: [4, 3],
        verbs: [.copy, .drop, .across, .collect], refusesBarriers: true),
      Scenario(
        name: "policies", budget: .fixed(bytes: 4 << 12), files: [4, 3],
        verbs: [.setPolicy, .observe, .statistics, .collect]),
      Scenario(
        name: "prefetch", backend: .copying, budget: .fixed(bytes: 5 << 12), files: [4, 3],
        verbs: [.prefetch, .ready, .windows, .collect, .drop]),
      Scenario(
        name: "cancelled leases", backend: .copying, budget: .fixed(bytes: 4 << 12), files: [4, 3],
        verbs: [.cancel, .cancel, .ready, .unload, .drop]),
      Scenario(
        name: "ready in maps", budget: .fixed(bytes: 4 << 12), files: [4, 3],
        verbs: [.ready, .cancel, .prefetch, .windows, .collect]),
      Scenario(
        name: "shutdown", budget: .fixed(bytes: 4 << 12), files: [4, 3],
        verbs: [.shutdown, .copy, .drop, .collect, .dropManager, .open]),
      Scenario(
        name: "shutdown of copies", backend: .copying, budget: .fixed(bytes: 5 << 12),
        files: [4, 3],
        verbs: [.shutdown, .ready, .prefetch, .drop, .dropManager, .windows]),
      Scenario(
        name: "shutdown of both", backend: .both, budget: .fixed(bytes: 8 << 12, maps: 1),
        files: [4, 3, 2],
        verbs: [.shutdown, .ready, .prefetch, .drop, .dropManager, .observe]),
      Scenario(
        name: "last owners", budget: .fixed(bytes: 4 << 12),
        verbs: [.dropManager, .drop, .copy, .buffer]),
      Scenario(
        name: "takeover, handles short", backend: .both,
        budget: .fixed(bytes: 8 << 12, handles: 3), files: [3, 2, 2],
        verbs: [.drop, .collect, .open],
        mostHandles: 1),
      Scenario(
        name: "takeover, maps short", backend: .both, budget: .fixed(bytes: 8 << 12, maps: 1),
        files: [3, 2, 2], verbs: [.drop, .collect, .open, .across], mostExtents: 1),
      Scenario(
        name: "takeover of files that change", backend: .both,
        budget: .fixed(bytes: 8 << 12, maps: 2, handles: 2), files: [3, 2, 0],
        verbs: [.append, .grow, .replace, .refresh, .open, .drop], mostHandles: 1),
      Scenario(
        name: "bypasses", backend: .both, budget: .fixed(bytes: 40 << 12, handles: 1),
        windowPages: 16,
        files: [64, 64], threads: 2...2, operations: 8...16,
        verbs: [.use, .use, .open, .drop, .copy, .append, .observe, .buffer], bypasses: true),
      Scenario(
        name: "few handles", backend: .copying, budget: .fixed(bytes: 6 << 12, handles: 1),
        files: [3, 2, 2], verbs: [.open, .drop, .collect, .ready]),
      Scenario(
        name: "failing calls, maps", budget: .fixed(bytes: 4 << 12, maps: 2, handles: 2),
        files: [3, 2, 1], verbs: [.append, .refresh, .open, .drop, .collect], failures: 60,
        populates: true),
      Scenario(
        name: "failing calls, copies", backend: .copying,
        budget: .fixed(bytes: 5 << 12, handles: 2), files: [3, 2, 1],
        verbs: [.append, .ready, .prefetch, .refresh, .open, .drop], failures: 60),
      Scenario(
        name: "failing calls, both", backend: .both,
        budget: .fixed(bytes: 8 << 12, maps: 2, handles: 3), files: [3, 2, 1],
        verbs: [.append, .ready, .replace, .refresh, .open, .drop, .shutdown], failures: 60),
      // Each of these was written for a check that no other one needs: few verbs, and budgets that make requests wait.
      Scenario(
        name: "a cut while a map is made", budget: .fixed(addresses: 38 << 10), windowPages: 4,
        files: [4, 4, 4], threads: 3...4, operations: 3...8,
        verbs: [.truncate, .refresh, .refresh, .across, .across, .open]),
      Scenario(
        name: "a cut while copies wait", backend: .copying,
        budget: .fixed(addresses: 38 << 10), windowPages: 4, files: [4, 4, 4], threads: 3...4,
        operations: 3...8, verbs: [.truncate, .refresh, .refresh, .across, .across, .open]),
      Scenario(
        name: "growth beside evictions", budget: .fixed(bytes: 4 << 12), windowPages: 4,
        files: [1, 1, 3], threads: 3...4, verbs: [.append, .refresh, .refresh, .across, .across]),
      Scenario(
        name: "shutdown beside misses",
        budget: .fixed(bytes: 2 << 12, addresses: 30 << 10, handles: 2), files: [3, 3, 2],
        threads: 3...4, verbs: [.shutdown, .across, .across, .open, .drop]),
      Scenario(
        name: "shutdown beside misses of copies", backend: .copying,
        budget: .fixed(bytes: 3 << 12, addresses: 30 << 10, handles: 1), files: [3, 3, 2],
        threads: 3...4, verbs: [.shutdown, .across, .across, .open, .overwrite, .refresh]),
      Scenario(
        name: "overshoot", budget: .fixed(bytes: 2 << 12), files: [4, 3], threads: 3...4,
        operations: 4...10, verbs: [.across, .across, .copy, .drop, .release]),
      Scenario(
        name: "overshoot and tasks", budget: .fixed(bytes: 2 << 12), files: [4, 3],
        threads: 3...4, operations: 4...8, verbs: [.ready, .across, .across, .copy, .release],
        populates: true),
      Scenario(
        name: "little room, one handle", backend: .copying,
        budget: .fixed(bytes: 3 << 12, handles: 1), files: [3, 3, 2], threads: 3...4,
        operations: 4...8, verbs: [.across, .across, .open, .drop, .unload]),
      Scenario(
        name: "extents that move", budget: .fixed(addresses: 20 << 10), files: [4, 4],
        threads: 3...4, operations: 6...12, verbs: [.use, .use, .use, .open]),
      Scenario(
        name: "bypasses of files that change", backend: .both,
        budget: .fixed(bytes: 40 << 12, handles: 1), windowPages: 16, files: [64, 64],
        threads: 2...3, operations: 8...16,
        verbs: [.use, .use, .truncate, .append, .refresh, .open], bypasses: true),
      Scenario(
        name: "ways back", backend: .both, budget: .fixed(bytes: 8 << 12, handles: 4),
        files: [3, 2, 2], threads: 3...4, operations: 4...10,
        verbs: [.across, .across, .append, .replace, .truncate, .refresh, .open, .drop],
        mostHandles: 2),
      Scenario(
        name: "editions that end", backend: .copying, budget: .fixed(bytes: 3 << 12), files: [3],
        threads: 3...4, operations: 4...8,
        verbs: [.overwrite, .open, .refresh, .across, .across, .copy, .drop]),
      Scenario(
        name: "a deep cut", backend: .copying, budget: .fixed(bytes: 16 << 12), windowPages: 4,
        files: [64], verbs: [.truncate, .truncate, .refresh, .across, .use]),
      Scenario(
        name: "copies at one go", backend: .copying, budget: .fixed(bytes: 8 << 12), files: [3],
        threads: 4...5, operations: 6...12,
        verbs: [.overwrite, .overwrite, .overwrite, .across, .across, .refresh, .collect]),
      Scenario(
        name: "copies and collections", backend: .both,
        budget: .fixed(bytes: 8 << 12, handles: 3), files: [3, 2, 2], threads: 3...4,
        verbs: [.collect, .across, .open, .shutdown], mostHandles: 1),
      // Of what managers and backends promise each other.
      Scenario(
        name: "changes within a tick", backend: .copying, files: [3, 2], operations: 3...8,
        verbs: [.overwrite, .backdate, .append, .across, .across, .open, .refresh],
        tickLength: 60),
      Scenario(
        name: "truncation within a tick", backend: .copying,
        budget: .fixed(bytes: 6 << 12, handles: 1), files: [3, 2],
        verbs: [.truncate, .append, .across, .open, .refresh, .ready], tickLength: 60),
      Scenario(
        name: "logs", backend: .copying, budget: .fixed(bytes: 6 << 12), files: [3, 1],
        operations: 4...10, verbs: [.append, .grow, .refresh, .across, .across, .open, .copy],
        follows: .appendOnly, tickLength: 30),
      Scenario(
        name: "logs and a takeover", backend: .both,
        budget: .fixed(bytes: 12 << 12, handles: 2), files: [3, 1, 2], operations: 4...8,
        verbs: [.append, .refresh, .across, .open, .ready, .drop], mostHandles: 1,
        follows: .appendOnly),
      Scenario(
        name: "one version", backend: .copying, budget: .fixed(bytes: 6 << 12, handles: 2),
        files: [3, 2], operations: 4...8,
        verbs: [.overwrite, .append, .truncate, .refresh, .across, .across, .open, .ready],
        follows: .oneVersion),
      Scenario(
        name: "one version within a tick", backend: .copying, files: [3, 2], operations: 4...8,
        verbs: [.overwrite, .append, .refresh, .across, .across, .open], follows: .oneVersion,
        tickLength: 40),
      Scenario(
        name: "cancelled loads", backend: .copying, budget: .fixed(bytes: 5 << 12), files: [4, 3],
        operations: 4...8, verbs: [.cancel, .cancel, .ready, .use, .prefetch, .across]),
      Scenario(
        name: "cancelled loads of maps", budget: .fixed(bytes: 5 << 12), files: [4, 3],
        operations: 4...8, verbs: [.cancel, .cancel, .ready, .use, .prefetch, .shutdown],
        populates: true),
      Scenario(
        name: "opened by tasks", budget: .fixed(handles: 2), files: [2, 2, 1],
        verbs: [.openAsynchronously, .openAsynchronously, .replace, .drop, .collect],
        mostHandles: 3),
      Scenario(
        name: "opened by tasks, copies", backend: .copying, budget: .fixed(handles: 1),
        files: [2, 2, 1],
        verbs: [.openAsynchronously, .openAsynchronously, .overwrite, .append, .drop, .shutdown]),
      Scenario(
        name: "opened by tasks, takeover", backend: .both, budget: .fixed(handles: 4),
        files: [2, 2, 1], threads: 3...4, operations: 4...10,
        verbs: [.openAsynchronously, .openAsynchronously, .across, .across, .open, .drop],
        mostHandles: 2),
      Scenario(
        name: "opened by tasks, one descriptor", files: [2, 2, 1], threads: 3...4,
        verbs: [.openAsynchronously, .openAsynchronously, .open, .across, .drop], mostHandles: 1),
      // The system has one descriptor, addresses are short, and nobody takes over.
      Scenario(
        name: "one descriptor, copies", backend: .copying, budget: .fixed(addresses: 30 << 10),
        files: [3, 2], threads: 3...4,
        verbs: [.overwrite, .overwrite, .use, .across, .refresh, .open], mostHandles: 1),
      Scenario(
        name: "one descriptor, maps", budget: .fixed(addresses: 30 << 10), files: [3, 2],
        threads: 3...4, verbs: [.grow, .append, .use, .across, .refresh, .open], mostHandles: 1),
      Scenario(
        name: "two managers", budget: .fixed(bytes: 3 << 12, handles: 2), files: [3, 2],
        verbs: [.use, .drop, .dropManager, .shutdown, .refresh, .append], mostHandles: 3,
        managers: 2),
      Scenario(
        name: "two managers of copies", backend: .copying,
        budget: .fixed(bytes: 3 << 12, handles: 2), files: [3, 2],
        verbs: [.ready, .cancel, .drop, .dropManager, .shutdown, .overwrite], managers: 2),
      Scenario(
        name: "two managers and a takeover", backend: .both,
        budget: .fixed(bytes: 9 << 12, handles: 2), files: [3, 2],
        verbs: [.ready, .drop, .dropManager, .shutdown, .refresh, .append], mostHandles: 2,
        managers: 2),
      // Memory for copies that is given access a window at a time, of which the system has little.
      Scenario(
        name: "memory short", backend: .copying, budget: .fixed(bytes: 8 << 12), files: [3, 2, 2],
        operations: 4...8, verbs: [.across, .ready, .cancel, .append, .refresh, .drop],
        mostOpenPages: 4),
      Scenario(
        name: "maps short for copies", backend: .copying, budget: .fixed(maps: 9),
        files: [3, 2, 2], operations: 4...8,
        verbs: [.across, .ready, .prefetch, .open, .overwrite, .drop], mostOpenPages: 6),
      Scenario(
        name: "memory short, takeover", backend: .both,
        budget: .fixed(bytes: 12 << 12, handles: 4), files: [3, 2, 2], operations: 4...10,
        verbs: [.across, .across, .use, .drop, .refresh, .append], mostHandles: 1,
        mostOpenPages: 4),
      Scenario(
        name: "ways back of open windows", backend: .both,
        budget: .fixed(bytes: 5 << 12, handles: 3), files: [4, 4], threads: 4...5,
        operations: 8...16, verbs: [.use, .use, .use, .drop, .open], mostHandles: 1,
        reservedWindows: 1, mostOpenPages: 40),
      Scenario(
        name: "memory short, failing calls", backend: .copying,
        budget: .fixed(bytes: 5 << 12, maps: 12), files: [3, 2], operations: 4...8,
        verbs: [.across, .ready, .refresh, .truncate, .shutdown], failures: 60, mostOpenPages: 4),
      Scenario(
        name: "changes within a tick, maps short", backend: .copying, budget: .fixed(maps: 2),
        files: [3, 1], threads: 3...4, operations: 4...10,
        verbs: [.overwrite, .overwrite, .across, .across, .refresh, .open], tickLength: 80),
    ]
  }
#endif

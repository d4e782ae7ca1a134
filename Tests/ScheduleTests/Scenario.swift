#if Schedule
  import MapProtocols
  import Policies
  import SlidingMap

  /// A kind of program for the scheduler: a manager, files, and what threads do with them. The seed draws the rest.
  struct Scenario: Sendable {
    enum Backend: Sendable { case mapping, copying, both }

    /// What a thread may do.
    enum Verb: String, Sendable {
      case open, openDescriptor, openAsynchronously, use, ask, across, past, copy, release, drop,
        refresh, buffer
      case prefetch, ready, cancel, windows
      case setPolicy, observe, collect, unload, statistics, shutdown, dropManager
      case append, grow, overwrite, backdate, truncate, clear, replace, remove, create, link
    }

    let name: String
    var isStatic = false
    var backend = Backend.mapping
    var budget: FixedBudget = .fixed()
    /// In pages of 4 KiB.
    var windowPages = 1
    /// Of the files when a schedule begins, in pages; 0 is an empty one.
    var files = [3, 2]
    /// How many threads, kernel and tasks aside.
    var threads = 2...4
    /// How often each of them does something.
    var operations = 2...6
    /// What threads do, beside `open`, `use` and `release`; what stands twice is done twice as often.
    var verbs: [Verb] = []
    /// How often, of a thousand calls, a call of a provider fails.
    var failures = 0
    /// How many handles the first backend's system gives.
    var mostHandles = Int.max
    /// How many extents it gives.
    var mostExtents = Int.max
    /// Whether windows of maps must be loaded before they are touched.
    var populates = false
    var bypasses = false
    /// How many windows' bytes may be read without a window at a time; by few, files get windows from the takeover at once.
    var reservedWindows = 4
    /// How many pages of copies the system gives access, one window at a time.
    var mostOpenPages: Int?
    /// In pages; see `MappingProperties.faultAround`.
    var faultAround = 0
    var refusesBarriers = false
    var follows = FileChanges.followed
    /// See `VirtualFiles.tickLength`.
    var tickLength = 0
    /// How many share the backend.
    var managers = 1

    var usesTasks: Bool {
      verbs.contains { [.ready, .cancel, .windows, .prefetch, .openAsynchronously].contains($0) }
    }

    /// Whether files change in a way that a cursor may tell by an error.
    var changes: Bool {
      verbs.contains {
        [
          .append, .grow, .overwrite, .backdate, .truncate, .clear, .replace, .remove, .create,
          .link,
        ].contains($0)
      }
    }
    /// Whether a cursor may lose its file: where its handle was closed, or could not be opened, and a path is no proof.
    var losesFiles: Bool {
      changes && (backend != .copying || areHandlesShort || failures > 0)
        || verbs.contains { [.replace, .remove, .create, .link].contains($0) }
    }
    private var areHandlesShort: Bool { budget.limits.handles != .max || mostHandles != .max }
    var shutsDown: Bool { verbs.contains(.shutdown) }

    /// Whether an error may come of this program at all.
    func expects(_ code: MapError.Code) -> Bool {
      let limits = budget.limits
      switch code {
      case .budgetExhausted:
        return limits.bytes != .max && (limits.isHard || backend != .mapping)
          || limits.regions != .max && (limits.isHard || backend != .mapping)
          || backend == .both || limits.maps != .max && mostOpenPages != nil
          // Across spans bytes are copied.
          || limits.addresses != .max || mostExtents != .max
      case .handlesExhausted: return areHandlesShort || failures > 0
      case .addressSpaceExhausted:
        return limits.maps != .max || limits.addresses != .max || mostExtents != .max
          || mostOpenPages != nil
          || failures > 0
      case .fileChanged: return losesFiles || follows == .oneVersion && changes
      case .fileTruncated: return verbs.contains(.truncate) || verbs.contains(.clear)
      case .openFailed: return failures > 0 || verbs.contains(.remove)
      case .readFailed: return failures > 0
      case .shutdown: return shutsDown
      case .cancelled: return verbs.contains(.cancel)
      default: return false
      }
    }
  }
#endif

/// What the threads of a mixed soak do, and how often.
enum SoakOperation: String, CaseIterable, Sendable {
  /// Some bytes at a place, all of them checked.
  case use
  /// The bytes of a lease taken earlier, checked again.
  case look
  /// The lease ends, the cursor stays.
  case release
  /// A cursor's copy, with its lease, takes another's place.
  case copy
  case open
  case close
  case refresh
  /// Bytes across several windows, by `withBytes`.
  case wide
  /// A new `MapBuffer`.
  case buffer
  /// Bytes of a buffer: by subscript, by slice, by chunk, copied.
  case read
  case prefetch
  /// A task awaits bytes and uses them.
  case lease
  /// A task reads windows of a file in order.
  case windows
  case collect
  /// Of a file or a directory.
  case unload
  /// Policies in turns.
  case setPolicy
  case statistics
  /// A file becomes longer in place.
  case grow
  /// A new file takes a file's path, by rename(2).
  case replace

  /// How often it comes, among the others.
  var weight: Int {
    switch self {
    case .use: 6000
    case .look: 700
    case .release: 400
    case .read: 300
    case .copy: 150
    case .open: 100
    case .close: 60
    case .refresh: 40
    case .prefetch: 30
    case .wide: 16
    case .buffer: 10
    case .lease: 4
    case .unload, .setPolicy, .statistics, .grow, .replace: 3
    case .windows, .collect: 2
    }
  }

  /// Unloads what nobody uses, so that the budget is not full for long if it comes often.
  private var empties: Bool { self == .collect || self == .unload }

  /// Each of them as many times as it weighs: a random one is drawn by its place. Seven phases of eight leave out
  /// what empties the manager, so that the budget fills up and windows leave for want of room; in the eighth it comes
  /// the oftener.
  static let decks = [8, 0, 0, 0, 0, 0, 0, 0].map { factor in
    allCases.flatMap { Array(repeating: $0, count: $0.weight * ($0.empties ? factor : 1)) }
  }
}

/// What the threads of a soak over files that change do.
enum ChangesOperation: CaseIterable {
  // To a cursor.
  case use, useWithBytes, look, release, copy, refresh
  // To a manager, its files and a buffer.
  case open, lease, makeBuffer, readBuffer, windows, prefetch, statistics, collect, unload
  case setPolicy

  /// How often it comes, among the others.
  private var weight: Int {
    switch self {
    case .use, .useWithBytes: 300
    case .readBuffer: 150
    case .look: 100
    case .refresh, .open: 60
    case .release, .copy: 40
    case .lease, .makeBuffer: 20
    case .prefetch: 10
    case .windows, .statistics: 4
    case .unload, .setPolicy: 2
    case .collect: 1
    }
  }

  /// Whether it is done to a cursor.
  var needsCursor: Bool {
    switch self {
    case .use, .useWithBytes, .look, .release, .copy, .refresh: true
    default: false
    }
  }

  /// Each of them as many times as it weighs: a random one is drawn by its place.
  static let deck = allCases.flatMap { Array(repeating: $0, count: $0.weight) }
}

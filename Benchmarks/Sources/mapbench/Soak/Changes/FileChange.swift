/// What the second process does to a file.
enum FileChange: CaseIterable {
  /// More bytes at its end.
  case append
  /// A new file takes its name, by rename(2).
  case replace
  /// Its end is cut off: ftruncate(2).
  case truncate
  /// It is emptied and written anew, as logs are by those who can't rename them.
  case rewrite
  /// A second name leads to it from now on: link(2).
  case link
  /// It is removed, and a moment later there is a new one.
  case recreate

  /// How often it comes, among the others.
  private var weight: Int {
    switch self {
    case .append: 4
    case .replace, .truncate, .rewrite: 2
    case .link, .recreate: 1
    }
  }

  /// Each of them as many times as it weighs: a random one is drawn by its place.
  static let deck = allCases.flatMap { Array(repeating: $0, count: $0.weight) }
}

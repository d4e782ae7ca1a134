/// The last versions of what a name leads to, as the table had them at one moment.
struct ChangeHistory {
  private let versions: [ContentVersion]
  /// The number of the first of them.
  private let first: Int

  init(versions: [ContentVersion], first: Int) {
    self.versions = versions
    self.first = first
  }

  /// How many versions were published.
  var count: Int { first + versions.count }

  /// All since so many changes had ended, and the one that there was then. Shorter where the table no longer has them.
  func all(since ended: Int) -> ArraySlice<ContentVersion> {
    versions[min(max(ended - 1 - first, 0), versions.count)...]
  }

  /// Whether the table has them.
  func reaches(back ended: Int) -> Bool { ended > first || first == 0 }

  /// The versions of one file since so many changes had ended: those published since, and the last one of before.
  ///
  /// - Returns: nil where the table no longer has that.
  func versions(of serial: UInt32, since ended: Int) -> [ContentVersion]? {
    let places = versions.indices.filter { versions[$0].serial == serial }
    let start = places.last { first + $0 < ended }
    if start == nil && places.first.map({ versions[$0].number }) != 0 { return nil }
    return places.filter { $0 >= start ?? 0 }.map { versions[$0] }
  }
}

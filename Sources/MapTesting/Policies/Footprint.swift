/// How much a value holds, as far as `Mirror` shows it: the elements of its collections, and of theirs.
enum Footprint {
  /// A collection of many collections counts as these.
  private static let mostLooked = 64

  static func elements(of value: Any, depth: Int = 6) -> Int {
    if depth == 0 { return 0 }
    let mirror = Mirror(reflecting: value)
    var sum = 0
    switch mirror.displayStyle {
    case .collection, .set, .dictionary:
      sum = mirror.children.count
      for child in mirror.children.prefix(mostLooked) {
        sum += elements(of: child.value, depth: depth - 1)
      }
    default:
      for child in mirror.children { sum += elements(of: child.value, depth: depth - 1) }
    }
    return sum
  }
}

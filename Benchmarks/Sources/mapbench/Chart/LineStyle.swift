/// How a line is drawn. The colours stand out from white and from a dark ground at least three to one.
struct LineStyle {
  let color: String
  /// Lengths of dash and gap.
  var dashes = "none"
  var width = 1.8

  /// The reference that other lines are held against.
  static let reference = LineStyle(color: "currentColor", dashes: "2 3", width: 2.2)

  /// Some twelve that can be told apart; after them they come again.
  static func number(_ index: Int) -> LineStyle { all[index % all.count] }

  private static let all = [
    LineStyle(color: "#2f7ed8"), LineStyle(color: "#e03131", dashes: "7 3"),
    LineStyle(color: "#e03131"), LineStyle(color: "#0f98a8"),
    LineStyle(color: "#0f98a8", dashes: "7 3"), LineStyle(color: "#2f9e44"),
    LineStyle(color: "#e8590c"), LineStyle(color: "#a0724a"), LineStyle(color: "#9c5de0"),
    LineStyle(color: "#e64980"), LineStyle(color: "#868e96"),
    LineStyle(color: "#868e96", dashes: "7 3"),
  ]
}

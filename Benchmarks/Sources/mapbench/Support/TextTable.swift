/// A table for the terminal: columns as wide as their widest cell, numbers to the right, groups under a heading.
struct TextTable {
  private enum Row {
    case cells([String])
    case heading(String)
    case remark(String)
  }

  private let titles: [String]
  private let leftAligned: Int
  private var rows: [Row] = []

  /// A table with these columns, of which the first `leftAligned` are text.
  init(_ titles: [String], leftAligned: Int, _ lines: [[String]] = []) {
    self.titles = titles
    self.leftAligned = leftAligned
    for line in lines { add(line) }
  }

  /// Starts a group.
  mutating func heading(_ text: String) { rows.append(.heading(text)) }

  /// Adds a line of text that no column is as wide as.
  mutating func remark(_ text: String) { rows.append(.remark(text)) }

  /// Adds a line; as many cells as there are columns.
  mutating func add(_ cells: [String]) {
    precondition(cells.count == titles.count)
    rows.append(.cells(cells))
  }

  /// The whole table, with a newline after each line.
  func render() -> String {
    var widths = titles.map(\.count)
    for case .cells(let cells) in rows {
      for (index, cell) in cells.enumerated() { widths[index] = max(widths[index], cell.count) }
    }
    var text = line(titles, widths)
    text += String(repeating: "-", count: text.count - 1) + "\n"
    for row in rows {
      switch row {
      case .heading(let heading): text += "\n\(heading)\n"
      case .remark(let remark): text += "\(remark)\n"
      case .cells(let cells): text += line(cells, widths)
      }
    }
    return text
  }

  private func line(_ cells: [String], _ widths: [Int]) -> String {
    var text = ""
    for (index, cell) in cells.enumerated() {
      let padding = String(repeating: " ", count: widths[index] - cell.count)
      let isLast = index == cells.count - 1
      text += index < leftAligned ? cell + (isLast ? "" : padding) : padding + cell
      if !isLast { text += "  " }
    }
    return text + "\n"
  }
}

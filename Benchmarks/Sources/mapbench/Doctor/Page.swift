/// Text in sections: names with values beside them, and items of prose.
struct Page {
  private static let nameWidth = 21
  private static let width = 100

  private(set) var text = ""

  /// Starts a section.
  mutating func section(_ title: String) {
    text += (text.isEmpty ? "" : "\n") + title + "\n"
  }

  /// A name and what there is to say of it.
  mutating func line(_ name: String, _ value: String) {
    let padding = String(repeating: " ", count: max(Self.nameWidth - name.count, 1))
    text += "  \(name)\(padding)\(value)\n"
  }

  /// A paragraph after a dash, broken between words.
  mutating func item(_ words: String) {
    var line = "  -"
    for word in words.split(separator: " ") {
      if line.count + word.count >= Self.width {
        text += line + "\n"
        line = "   "
      }
      line += " \(word)"
    }
    text += line + "\n"
  }
}

/// A drawing as it is written: elements in the order in which they are painted.
struct SVG {
  private var body = ""
  private let width: Int
  private let height: Int
  private let title: String

  /// An empty drawing on no ground of its own, with text in the colour that goes with the reader's.
  init(width: Int, height: Int, title: String) {
    self.width = width
    self.height = height
    self.title = title
  }

  /// Adds an element; numbers go through `number`.
  mutating func add(
    _ name: String, _ attributes: KeyValuePairs<String, String>, _ text: String = ""
  ) {
    let list = attributes.map { " \($0)=\"\(Self.escaped($1))\"" }.joined()
    let end = text.isEmpty ? "/>" : ">\(Self.escaped(text))</\(name)>"
    body += "<\(name)\(list)\(end)\n"
  }

  /// A coordinate to a tenth.
  static func number(_ value: Double) -> String { fixed(value, 1) }

  /// The whole document.
  func render() -> String {
    """
    <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(height)" width="\(width)" \
    height="\(height)" role="img" font-family="system-ui, sans-serif" font-size="13">
    <title>\(Self.escaped(title))</title>
    <style>
    svg { color: #1f2328; }
    @media (prefers-color-scheme: dark) { svg { color: #e6edf3; } }
    text { fill: currentColor; }
    </style>
    \(body)</svg>

    """
  }

  private static func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      default: result.append(character)
      }
    }
    return result
  }
}

import Glibc
import SystemPackage

/// A bar on standard error that overwrites itself; silent unless that is a terminal.
struct ProgressBar {
  private let total: Int
  private var done = 0
  private let isShown: Bool

  init(total: Int) {
    self.total = max(total, 1)
    isShown = isatty(2) != 0
  }

  /// Shows what is being done now.
  func show(_ task: String) {
    let filled = 30 * done / total
    let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 30 - filled)
    write("\r[\(bar)] \(done)/\(total) \(task)\u{1B}[K")
  }

  /// Counts steps as done.
  mutating func advance(by steps: Int = 1) { done = min(done + steps, total) }

  /// Takes the bar away.
  func finish() { write("\r\u{1B}[K") }

  private func write(_ text: String) {
    if isShown { Report.write(text, to: .standardError) }
  }
}

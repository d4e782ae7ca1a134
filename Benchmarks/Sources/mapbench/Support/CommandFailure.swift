/// A program that did not do what it was asked for.
struct CommandFailure: Error, CustomStringConvertible {
  let name: String
  /// As waitpid(2) gives it; 0 where the program ended well, but its output was not what it should be.
  let status: Int32
  let output: String
  /// The last line that it wrote to standard error.
  var complaint: String?

  /// What the program itself says, or what else there is to say.
  var reason: String { complaint ?? "\(end): \(output.suffix(400))" }

  var description: String { "\(name) \(end): \(complaint ?? String(output.suffix(400)))" }

  private var end: String {
    status & 0x7F == 0 ? "ended with status \(status >> 8)" : "was ended by signal \(status & 0x7F)"
  }
}

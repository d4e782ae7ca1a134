import FoundationEssentials
import SystemPackage

/// Where results go: standard output at once, for a reader or for a program.
enum Report {
  static func print(_ text: String) {
    write(text, to: .standardOutput)
  }

  /// Results as an array of objects or as text, as the user asked for.
  static func print(
    _ values: [some Encodable], asJSON isJSON: Bool, else text: () -> String
  ) throws {
    if isJSON { try json(values) } else { print(text()) }
  }

  /// An array of objects.
  private static func json(_ values: [some Encodable]) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    print(String(decoding: try encoder.encode(values), as: UTF8.self) + "\n")
  }

  /// A remark that belongs to no result.
  static func note(_ text: String) {
    write(text + "\n", to: .standardError)
  }

  /// Writes past all buffers. A reader that has gone away is no reason to fail.
  static func write(_ text: String, to file: FileDescriptor) {
    _ = try? file.writeAll(text.utf8)
  }
}

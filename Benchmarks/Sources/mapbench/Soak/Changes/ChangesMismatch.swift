/// A reader did not get what the file has.
struct ChangesMismatch: Error, CustomStringConvertible {
  let description: String

  init(_ what: String, _ file: SeenFile) { description = "\(file.path): \(what)" }
}

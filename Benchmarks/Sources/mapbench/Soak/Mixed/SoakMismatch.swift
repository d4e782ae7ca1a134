/// A reader did not get what the file has.
struct SoakMismatch: Error, CustomStringConvertible {
  let description: String

  init(_ what: String, _ file: SoakFile) { description = "\(file.path), \(file.kind): \(what)" }
}

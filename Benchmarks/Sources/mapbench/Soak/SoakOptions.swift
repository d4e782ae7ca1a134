import ArgumentParser

/// What the soak runs let a user choose alike.
struct SoakOptions: ParsableArguments {
  @Option(help: "Backends, separated by commas; those this machine has if left out.")
  var backends: NameList<BackendName>?
  @Option(help: "Threads that use them.")
  var threads = 8
  @Option(help: "The seed of all that is random but the order of threads.")
  var seed: UInt64 = 1
  @Flag(help: "Print an array of objects instead of tables.")
  var json = false

  func validate() throws {
    guard threads > 0 else { throw ValidationError("--threads is positive") }
  }
}

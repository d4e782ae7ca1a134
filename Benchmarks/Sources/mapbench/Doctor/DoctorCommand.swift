import ArgumentParser
import FoundationEssentials
import SystemPackage

/// `mapbench doctor`: what this machine offers, and what SlidingMap makes of it.
struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Prints what the kernel, the limits and a file system allow, and what follows.",
    discussion: """
      Asks and tries, and changes nothing. A file of the directory, or one made in it and taken away again, shows what \
      its file system can do. Run it as the user, with the limits and in the container that the program will have.
      """)

  @Argument(help: "The directory whose file system matters; $TMPDIR if left out, else /tmp.")
  var directory: String?
  @Flag(help: "Print an array of one object instead of text.")
  var json = false

  func run() throws {
    Cleanup.onSignals()
    let path = directory ?? TemporaryDirectory.parent
    guard (try? FileManager.default.contentsOfDirectory(atPath: path)) != nil else {
      throw ValidationError("\(path) is no directory that can be read")
    }
    let diagnosis = Diagnosis(directory: FilePath(path))
    try Report.print([diagnosis], asJSON: json) { diagnosis.render() }
  }
}

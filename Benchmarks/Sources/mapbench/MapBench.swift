import ArgumentParser

/// The tool: `mapbench` alone compares, `verify`, `soak`, `targets` and `growth` prove, `replay` and `observe` help to choose a policy,
/// `doctor` looks at the machine.
@main
struct MapBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mapbench",
    abstract: "Measures SlidingMap against a raw mapping and pread, and checks its bytes.",
    subcommands: [
      CompareCommand.self, VerifyCommand.self, TargetsCommand.self, GrowthCommand.self,
      SoakCommand.self, ReplayCommand.self, ObserveCommand.self, DoctorCommand.self,
    ],
    defaultSubcommand: CompareCommand.self)
}

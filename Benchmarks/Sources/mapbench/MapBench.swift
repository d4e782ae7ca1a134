import ArgumentParser

/// The tool: `mapbench` alone compares, `workloads` does what users do, `bulk` measures bandwidth, `verify`, `soak`, `targets` and `growth`
/// prove, `replay` and `observe` help to choose a policy, `advise` an access pattern, `doctor` looks at the machine.
@main
struct MapBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mapbench",
    abstract: "Measures SlidingMap against a raw mapping and pread, and checks its bytes.",
    subcommands: [
      CompareCommand.self, WorkloadsCommand.self, BulkCommand.self, VerifyCommand.self,
      TargetsCommand.self, GrowthCommand.self, SoakCommand.self, AdviseCommand.self,
      ReplayCommand.self, ObserveCommand.self, DoctorCommand.self, PressureCommand.self,
    ],
    defaultSubcommand: CompareCommand.self)
}

import ArgumentParser

/// `mapbench soak`: work for hours, and a count of what is wrong and what is left.
struct SoakCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "soak",
    abstract: "Works a manager hard, checks every byte, and counts what is left.",
    subcommands: [LoadSoakCommand.self, MixedSoakCommand.self],
    defaultSubcommand: LoadSoakCommand.self)
}

import ArgumentParser

/// `mapbench soak`: work for hours, and a count of what is wrong and what is left.
struct SoakCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "soak",
    abstract: "Works a manager hard, checks every byte, and counts what is left.",
    subcommands: [
      ChangesSoakCommand.self, LoadSoakCommand.self, MixedSoakCommand.self,
      ChangeFilesCommand.self,
    ],
    defaultSubcommand: ChangesSoakCommand.self)
}

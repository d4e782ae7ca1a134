import ArgumentParser

/// A list after one option, separated by commas.
struct NameList<Name: RawRepresentable & CaseIterable & Sendable>: ExpressibleByArgument, Sendable
where Name.RawValue == String {
  let names: [Name]

  /// Every name.
  static var all: NameList { NameList(names: Array(Name.allCases)) }

  private init(names: [Name]) { self.names = names }

  init?(argument: String) {
    var names: [Name] = []
    for part in argument.lowercased().split(separator: ",", omittingEmptySubsequences: false) {
      guard let name = Name(rawValue: String(part)) else { return nil }
      names.append(name)
    }
    self.names = names
  }

  var defaultValueDescription: String { names.map(\.rawValue).joined(separator: ",") }
  static var allValueStrings: [String] { Name.allCases.map(\.rawValue) }
}

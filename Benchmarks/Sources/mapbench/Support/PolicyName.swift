import ArgumentParser
import SlidingMap

/// The policies the tool knows by name.
enum PolicyName: String, CaseIterable, ExpressibleByArgument, Sendable {
  case lru, lfu, clock, clock2bit, fifo, random

  /// A fresh policy.
  func make() -> any EvictionPolicy {
    switch self {
    case .lru: .lru
    case .lfu: .lfu
    case .clock: .clock
    case .clock2bit: .clock2Bit
    case .fifo: .fifo
    case .random: .random
    }
  }

  /// A sliding manager with it.
  func slidingManager(_ budget: some Budget, windowSize: Int) -> MapManager {
    SlidingWindowMapManager(policy: make(), budget: budget, windowSize: windowSize)
  }

  /// A static manager with it.
  func staticManager(_ budget: some Budget) -> MapManager {
    StaticWindowMapManager(policy: make(), budget: budget)
  }
}

/// A list after one option, separated by commas.
struct NameList<Name: RawRepresentable & CaseIterable & Sendable>: ExpressibleByArgument, Sendable
where Name.RawValue == String {
  let names: [Name]

  /// Every name.
  static var all: NameList { NameList(names: Array(Name.allCases)) }

  private init(names: [Name]) { self.names = names }

  init?(argument: String) {
    var names: [Name] = []
    for part in argument.lowercased().split(separator: ",") {
      guard let name = Name(rawValue: String(part)) else { return nil }
      names.append(name)
    }
    guard !names.isEmpty else { return nil }
    self.names = names
  }

  var defaultValueDescription: String { names.map(\.rawValue).joined(separator: ",") }
  static var allValueStrings: [String] { Name.allCases.map(\.rawValue) }
}

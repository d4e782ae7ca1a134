/// What a trace can be played to: a policy, or the optimum.
enum ReplaySubject: RawRepresentable, CaseIterable, Equatable, Sendable {
  case policy(PolicyName)
  case belady

  static var allCases: [ReplaySubject] { PolicyName.allCases.map(policy) + [.belady] }

  init?(rawValue: String) {
    if rawValue == "belady" {
      self = .belady
    } else if let name = PolicyName(rawValue: rawValue) {
      self = .policy(name)
    } else {
      return nil
    }
  }

  var rawValue: String {
    switch self {
    case .policy(let name): name.rawValue
    case .belady: "belady"
    }
  }
}

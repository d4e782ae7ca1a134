/// Whether a process has no more in the last third of its time than in the first.
struct Steadiness: Encodable {
  /// Means of a third of the samples.
  struct Means: Encodable {
    var resident = 0.0
    var descriptors = 0.0
    var maps = 0.0
    var threads = 0.0

    init(_ samples: [ProcessSample]) {
      func mean(_ value: (ProcessSample) -> Int) -> Double {
        samples.isEmpty ? 0 : Double(samples.reduce(0) { $0 + value($1) }) / Double(samples.count)
      }
      resident = mean { $0.resident }
      descriptors = mean { $0.counts.descriptors }
      maps = mean { $0.counts.maps }
      threads = mean { $0.counts.threads }
    }
  }

  let first: Means
  let last: Means

  /// - Parameter rounds: samples of each round, as many rounds in each third.
  init(_ rounds: [[ProcessSample]]) {
    let third = rounds.count / 3
    first = Means(Array(rounds.prefix(third).joined()))
    last = Means(Array(rounds.suffix(third).joined()))
  }

  /// Whether nothing is more by over 5%, and of counts 2.
  var isSteady: Bool {
    func isSteady(_ value: KeyPath<Means, Double>, slack: Double = 2) -> Bool {
      last[keyPath: value] <= first[keyPath: value] * 1.05 + slack
    }
    #if SLIDING_MAP_CANARY
      // The thread sanitizer keeps more and more memory and maps of its own.
      return isSteady(\.descriptors) && isSteady(\.threads)
    #else
      return isSteady(\.descriptors) && isSteady(\.threads) && isSteady(\.maps)
        && isSteady(\.resident, slack: 0)
    #endif
  }

  static let titles = ["resident", "descriptors", "maps", "threads"]

  /// From the first third to the last.
  var cells: [String] {
    func change(_ first: Double, _ last: Double) -> String {
      "\(fixed(first, 1)) to \(fixed(last, 1))"
    }
    return [
      "\(ByteSize.text(Int(first.resident))) to \(ByteSize.text(Int(last.resident)))",
      change(first.descriptors, last.descriptors), change(first.maps, last.maps),
      change(first.threads, last.threads),
    ]
  }
}

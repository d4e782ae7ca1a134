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

  /// Memory within 5%, all else within 2.
  var isSteady: Bool {
    #if SLIDING_MAP_CANARY
      // The thread sanitizer keeps more and more of its own.
      let (isSmall, areMapped) = (true, true)
    #else
      let isSmall = last.resident <= first.resident * 1.05
      let areMapped = last.maps <= first.maps + 2
    #endif
    return isSmall && areMapped && last.descriptors <= first.descriptors + 2
      && last.threads <= first.threads + 2
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

/// Something of one size, of which `mapbench growth` times the operations.
protocol GrowthBench: ~Copyable {
  /// The operations' names, in the order of `round`'s times.
  static var operations: [String] { get }
  /// How many of what it holds.
  var size: GrowthSize { get }
  /// Does each operation once or many times, ours and the plain one.
  mutating func round() throws -> [GrowthTimes]
}

/// How many of what.
struct GrowthSize: Hashable {
  let count: Int
  let unit: String
}

/// What one operation took in one round, in nanoseconds for one operation.
struct GrowthTimes {
  let ours: Double
  let plain: Double
}

/// One thing for each size, and what their operations took.
///
/// Each round goes through all sizes, and sizes are compared within a round: a machine that becomes slower from one
/// second to the next does so for all of them alike.
struct GrowthSeries<Bench: GrowthBench & ~Copyable> {
  /// So that a thing that can't be copied can stand in an array.
  private final class Place {
    var bench: Bench
    init(_ bench: consuming Bench) { self.bench = bench }
  }

  private var places: [Place] = []
  /// By size, round and operation.
  private var times: [[[GrowthTimes]]] = []

  mutating func add(_ bench: consuming Bench) {
    places.append(Place(bench))
    times.append([])
  }

  /// Plays one round at all sizes.
  mutating func play() throws {
    for (index, place) in places.enumerated() { times[index].append(try place.bench.round()) }
  }

  /// Forgets the rounds so far: in the first one grows what grows once.
  mutating func forget() {
    for index in times.indices { times[index] = [] }
  }

  func results(_ policy: PolicyName) -> [GrowthResult] {
    Bench.operations.indices.flatMap { operation in
      let smallest = times[0].map { $0[operation] }
      return places.indices.map { index in
        GrowthResult(
          policy: policy, operation: Bench.operations[operation], size: places[index].bench.size,
          times: times[index].map { $0[operation] }, smallest: index == 0 ? nil : smallest)
      }
    }
  }
}

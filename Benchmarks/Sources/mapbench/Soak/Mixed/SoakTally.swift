import SlidingMap
import Synchronization

/// What the threads of a mixed soak have in common: how far they are, and what went wrong.
final class SoakTally: Sendable {
  private let doneCount = Atomic(0)
  private let wrongCount = Atomic(0)
  private let changedCount = Atomic(0)
  private let turns = Atomic(0)
  private let problem = Mutex<String?>(nil)
  private let counts = Mutex<[SoakOperation: Int]>([:])

  var done: Int { doneCount.load(ordering: .relaxed) }
  /// All threads are in the same phase, and some hundred thousand operations later in the first one again.
  var phase: Int { done >> 14 }
  /// Wrong bytes, wrong counts, and errors that nothing excuses.
  var wrong: Int { wrongCount.load(ordering: .relaxed) }
  /// How often `.fileChanged` was right.
  var changed: Int { changedCount.load(ordering: .relaxed) }
  var firstProblem: String? { problem.withLock { $0 } }
  var operations: [SoakOperation: Int] { counts.withLock { $0 } }

  /// Notes that so many more operations have ended.
  func advance(by operations: Int) { doneCount.add(operations, ordering: .relaxed) }

  /// The number of this turn, for what all threads do in turns.
  func turn() -> Int { turns.add(1, ordering: .relaxed).oldValue }

  /// Adds what a thread did.
  func add(_ operations: [SoakOperation: Int]) {
    counts.withLock { $0.merge(operations) { $0 + $1 } }
  }

  /// Judges an error.
  ///
  /// A cursor on a file that was changed or replaced since may be told so: with the backends that copy, a file is
  /// held by nothing once its handle had to be closed. That is the only error which is no fault.
  ///
  /// - Parameter subject: what it happened to, and the file's stamp when that was opened.
  func judge(_ error: any Error, _ subject: (file: SoakFile, stamp: Int)?, _ what: String) {
    if let error = error as? MapError, error.code == .fileChanged, let subject,
      subject.file.kind != .fixed, subject.file.hasChanged(since: subject.stamp)
    {
      changedCount.add(1, ordering: .relaxed)
      return
    }
    wrongCount.add(1, ordering: .relaxed)
    problem.withLock { if $0 == nil { $0 = "\(what): \(error)" } }
  }
}

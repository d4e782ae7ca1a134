import BenchmarkSupport
import SlidingMap
import SystemPackage

/// A manager's life in a soak over files that change, and what may come of it.
struct ChangesRound: Sendable {
  let plan: RoundPlan
  let backend: BackendName
  let table: ChangeTable
  let directory: FilePath
  let tally: ChangesTally
  let seed: UInt64
  /// When it is over, in nanoseconds of the clock.
  let end: UInt64
  /// Whether calls of the backend fail for no reason.
  let hasFaults: Bool

  /// A file, as it may be seen from now on.
  func file(_ slot: Int, isLink: Bool) -> SeenFile {
    SeenFile(table, in: directory, slot: slot, isLink: isLink)
  }

  /// Judges an error.
  ///
  /// - Parameter file: what it happened to.
  func judge(_ error: any Error, _ file: SeenFile?, _ what: String) {
    if let error = error as? MapError, mayCome(error, file) { return tally.allow(error, plan) }
    let changes = file.map { $0.hasChanged ? "; the file has changed" : "" } ?? ""
    tally.blame("round \(plan.number) (\(plan.budget)), \(what): \(error)\(changes)")
  }

  /// Whether nothing is wrong where a reader gets an error.
  private func mayCome(_ error: MapError, _ file: SeenFile?) -> Bool {
    switch error.code {
    // Of pages that a fault took, too, where the file can't be asked any more.
    case .fileTruncated: file?.wasCut == true || hasFaults
    case .fileChanged: file?.hasChanged == true
    case .openFailed where error.errno == .noSuchFileOrDirectory: file?.wasRemoved == true
    case .openFailed, .readFailed: hasFaults && error.errno == .ioError
    // Limits of the system are now and then what is in use.
    case .handlesExhausted, .addressSpaceExhausted: true
    // Copies never overshoot. The default backend makes some when it can't map, and any that maps of bytes whose windows lie apart.
    case .budgetExhausted: plan.budget == .hard || backend != .mmap || isAcrossWindows(error)
    default: false
    }
  }

  private func isAcrossWindows(_ error: MapError) -> Bool {
    guard let range = error.range, !range.isEmpty else { return false }
    let windowSize = Int64(ChangesSoak.windowSize)
    return range.lowerBound / windowSize < (range.upperBound - 1) / windowSize
  }
}

internal import Foundation
internal import MapProtocols

extension ProviderConformance {
  /// Checks promises on a thread of its own, so that the backend has those of tasks to itself.
  static func run(_ promises: [Promise], _ seed: UInt64, _ files: TriedFiles) async
    -> ConformanceReport
  {
    await withCheckedContinuation { continuation in
      let thread = Thread {
        continuation.resume(returning: runHere(promises, seed, files))
      }
      thread.start()
    }
  }

  private static func runHere(_ promises: [Promise], _ seed: UInt64, _ files: TriedFiles)
    -> ConformanceReport
  {
    var name = "?"
    do { name = try files.make(["1": [1]]).name } catch {
      name = "that could not be made: \(error)"
    }
    var run = ConformanceRun(of: "backend \"\(name)\"", seed: seed)
    for promise in promises {
      if promise.isOfTheSystemsFiles && !files.areTheSystems { continue }
      // A manager, and the memory of its windows, end the program where a backend tells them nonsense.
      let isOfManagers =
        promise == .loadsWindows || promise == .servesAManager || promise == .failsWithoutATrace
      if isOfManagers && !run.report.isClean {
        run.skip(
          promise.rawValue, "a manager would end the program where another promise is broken")
        continue
      }
      run.check(promise.rawValue) { checks in
        let bench = try Bench(files, seed: seed, checks)
        try bench.check(promise)
        bench.end()
      }
    }
    return run.report
  }
}

extension TriedFiles.Subject {
  /// Its backend's name, which is done with.
  fileprivate var name: String {
    defer { provider.shutdown() }
    return provider.name
  }
}

extension Bench {
  func check(_ promise: ProviderConformance.Promise) throws {
    switch promise {
    case .describesItself: describesItself()
    case .readsEveryByte: try readsEveryByte()
    case .readsSeveralAtOnce: try readsSeveralAtOnce()
    case .readsOnSeveralThreads: try readsOnSeveralThreads()
    case .givesEachOpenAHandle: try givesEachOpenAHandle()
    case .tellsFilesApart: try tellsFilesApart()
    case .refusesWhatIsNotThere: refusesWhatIsNotThere()
    case .tellsVersions: try tellsVersions()
    case .mixesNoVersions: try mixesNoVersions()
    case .tellsOfDamage: try tellsOfDamage()
    case .submitsReads: try submitsReads()
    case .endsCancelledReads: try endsCancelledReads()
    case .endsReadsAtShutdown: try endsReadsAtShutdown()
    case .loadsWindows: try loadsWindows()
    case .showsWrites: try showsWrites()
    case .replacesAnExtent: try replacesAnExtent()
    case .mapsSpans: try mapsSpans()
    case .warmsBytes: try warmsBytes()
    case .servesAManager: try servesAManager()
    case .failsWithoutATrace: try failsWithoutATrace()
    case .readsHugeFiles: try readsHugeFiles()
    case .outlivesTheCallersDescriptor: try outlivesTheCallersDescriptor()
    case .keepsAReplacedFile: try keepsAReplacedFile()
    case .noticesTruncation: try noticesTruncation()
    case .refusesWhatHasNoBytesAtOffsets: try refusesWhatHasNoBytesAtOffsets()
    case .refusesWhatItCannotOpen: try refusesWhatItCannotOpen()
    }
  }
}

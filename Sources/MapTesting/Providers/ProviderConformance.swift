public import MapProtocols

/// Puts a backend of your own under the suite that the package's backends are under; one line in a test of any framework:
///
/// ```swift
/// @Test func keepsItsPromises() async throws {
///   try await ProviderConformance.check { files in
///     try TarBackend(archive: makeArchive(files))
///   }
/// }
/// ```
///
/// A backend that opens paths of the system's is checked over real files: `checkSystemFiles`.
public enum ProviderConformance {
  /// What every backend promises.
  public enum Promise: String, CaseIterable, Sendable {
    /// It has a name, and its numbers make sense.
    case describesItself
    /// Reads of any place and length give the file's bytes, as many as there are, and write nothing behind them.
    case readsEveryByte
    /// Several reads in one call each give theirs.
    case readsSeveralAtOnce
    /// Threads that read at the same time get their own bytes.
    case readsOnSeveralThreads
    /// Each open gives a handle of its own; closing one leaves the others alone, and so does `shutdown` for `close`.
    case givesEachOpenAHandle
    /// Two files have two identities; what a source, an open and a handle tell of one file agrees.
    case tellsFilesApart
    /// What is not there, and what it does not know, is an error, and one that names no other source.
    case refusesWhatIsNotThere
    /// A change of the content changes the version of what a source leads to. A handle tells the same, or stays with what was opened, and
    /// reads what it tells; other files stay as they were, also where an archive has all of them.
    case tellsVersions
    /// Beside changes one version is one content, and a read between two looks at it gives no other.
    case mixesNoVersions
    /// What is damaged where it is kept is an error, never other bytes.
    case tellsOfDamage
    /// The end of each read that is submitted is told once, with the right bytes; also where it submits more.
    case submitsReads
    /// Reads that are cancelled end, too, and leave their memory alone afterwards.
    case endsCancelledReads
    /// When `shutdown` returns each read under way has ended.
    case endsReadsAtShutdown
    /// Windows are loaded, unloaded and loaded again, and hold the file's bytes.
    case loadsWindows
    /// Of maps: writes and growth show in windows that are loaded.
    case showsWrites
    /// Of maps: a file is put in the place of copies while readers read on.
    case replacesAnExtent
    /// Of maps that say so: windows are mapped one by one, each with the file's bytes.
    case mapsSpans
    /// Of maps: bytes are brought into memory, as many as the file has.
    case warmsBytes
    /// Under a manager readers see the right bytes: threads, tasks, a budget that is too small.
    case servesAManager
    /// Where calls of it fail, readers get that error or the right bytes.
    case failsWithoutATrace
    /// Of the system's files: one of 5 GiB is read past 4 GiB.
    case readsHugeFiles
    /// Of the system's files: a descriptor is the caller's, and may be closed at once.
    case outlivesTheCallersDescriptor
    /// Of the system's files: a file that is replaced stays readable to who has it open.
    case keepsAReplacedFile
    /// Of the system's files: bytes that are gone are `.fileTruncated`.
    case noticesTruncation
    /// Of the system's files: directories, FIFOs, sockets and devices are errors by their names.
    case refusesWhatHasNoBytesAtOffsets
    /// Of the system's files: what can't be opened is `.openFailed`, with the system's reason.
    case refusesWhatItCannotOpen

    var isOfTheSystemsFiles: Bool {
      switch self {
      case .readsHugeFiles, .outlivesTheCallersDescriptor, .keepsAReplacedFile, .noticesTruncation,
        .refusesWhatHasNoBytesAtOffsets, .refusesWhatItCannotOpen:
        true
      default: false
      }
    }
  }

  /// Checks a backend whose files are its own affair, and throws what was wrong. Takes some seconds, on threads of its own; a promise
  /// whose check stands still for a minute counts as broken, and ends the run. Descriptors that are left open only `checkSystemFiles`
  /// looks for.
  ///
  /// - Parameters:
  ///   - promises: which to check.
  ///   - seed: what random parts depend on; by default another each time, which the report tells.
  ///   - source: what a file of that name is opened by; `.name(name)` if nothing is said.
  ///   - change: gives the file of that name other bytes, up to 200,000, while it is open, and at once: no reader may come by a part of
  ///     them. In place or by another file, as your backend is used. Where there is none, files never change, and what is promised about
  ///     changes is not checked.
  ///   - damage: spoils what is kept of the file of that name, so that part of it can't be read any more. Where there is none, that is not
  ///     checked.
  ///   - makeBackend: makes a backend over files of these names with these bytes, some of no byte, one, a page and one more or less,
  ///     100,003, and "large", of a mebibyte and 3; called for each promise. Names are letters and digits.
  /// - Throws: a report where a promise is broken. `report` tells in any case what was not checked, too.
  public static func check<Backend: RegionProvider>(
    promises: [Promise] = Promise.allCases, seed: UInt64 = .random(in: 0 ... .max),
    source: @escaping @Sendable (String) -> FileSource = { .name($0) },
    change: (@Sendable (Backend, String, [UInt8]) throws -> Void)? = nil,
    damage: (@Sendable (Backend, String) throws -> Void)? = nil,
    _ makeBackend: @escaping @Sendable ([String: [UInt8]]) throws -> Backend
  ) async throws(ConformanceReport) {
    let report = await report(
      promises: promises, seed: seed, source: source, change: change, damage: damage, makeBackend)
    if !report.isClean { throw report }
  }

  /// The same, as a report in any case.
  public static func report<Backend: RegionProvider>(
    promises: [Promise] = Promise.allCases, seed: UInt64 = .random(in: 0 ... .max),
    source: @escaping @Sendable (String) -> FileSource = { .name($0) },
    change: (@Sendable (Backend, String, [UInt8]) throws -> Void)? = nil,
    damage: (@Sendable (Backend, String) throws -> Void)? = nil,
    _ makeBackend: @escaping @Sendable ([String: [UInt8]]) throws -> Backend
  ) async -> ConformanceReport {
    let files = TriedFiles(source: source, change: change, damage: damage, makeBackend)
    return await run(promises, seed, files)
  }

  /// Checks a backend that opens the system's files by path and descriptor, over real ones in a temporary directory; afterwards neither
  /// a descriptor nor a map of them may be left.
  ///
  /// - Parameters:
  ///   - promises: which to check.
  ///   - seed: what random parts depend on; by default another each time, which the report tells.
  ///   - makeBackend: makes a backend; called for each promise.
  /// - Throws: a report where a promise is broken.
  public static func checkSystemFiles(
    promises: [Promise] = Promise.allCases, seed: UInt64 = .random(in: 0 ... .max),
    _ makeBackend: @escaping @Sendable () throws -> any RegionProvider
  ) async throws(ConformanceReport) {
    let report = await reportOnSystemFiles(promises: promises, seed: seed, makeBackend)
    if !report.isClean { throw report }
  }

  /// The same, as a report in any case.
  public static func reportOnSystemFiles(
    promises: [Promise] = Promise.allCases, seed: UInt64 = .random(in: 0 ... .max),
    _ makeBackend: @escaping @Sendable () throws -> any RegionProvider
  ) async -> ConformanceReport {
    await run(promises, seed, TriedFiles(ofTheSystem: makeBackend))
  }
}

public import MapProtocols
public import SystemPackage

/// A recording that is under way: `MapManager.recordTrace(to:format:)`.
///
/// It ends by `finish`, with the manager's `shutdown()`, or when the last reference to it goes; it keeps the manager alive
/// until then. Beside the budget it takes a descriptor, a thread, some 40 bytes for each different window accessed, and
/// 16 MiB if the disk is slow.
public final class TraceRecording: Sendable {
  private let core: MapCore
  private let recorder: TraceRecorder

  init(core: MapCore, recorder: TraceRecorder) {
    self.core = core
    self.recorder = recorder
  }

  /// Ends the recording and closes its file. Asked again it says the same.
  ///
  /// - Throws: `.writeFailed` with errno, ENOSPC for a full disk: the file ends with the last block of accesses that was
  ///   written whole; EOVERFLOW for more than 2^31 - 1 different windows: it ends before the first beyond. `.readFailed`
  ///   where a file in the oracleGeneral format could not be read again, `.invalidTrace` where others wrote to it.
  ///   `.forked` in a child process, which can't end its parent's recording.
  /// - Complexity: O(accesses) for oracleGeneral, else O(1) beside writing what is left.
  @discardableResult
  public func finish() throws(MapError) -> TraceSummary {
    if core.isForked { throw MapError(.forked) }
    core.endObservation(by: recorder)
    return try recorder.summary().get()
  }

  deinit { core.endObservation(by: recorder) }
}

/// What a recording came to.
public struct TraceSummary: Hashable, Sendable {
  /// Accesses recorded.
  public let accesses: Int
  /// Accesses left out, because the disk was too slow or, once writing had failed, took nothing any more.
  public let dropped: Int
  /// Different windows recorded.
  public let regions: Int
  /// The size of the file.
  public let byteCount: Int
}

extension MapManager {
  /// Records which windows are accessed from now on, to be replayed through other policies.
  ///
  /// In the order in which the policy learns of them: in one thread the replay of a recording made from the start misses
  /// exactly what the manager missed. Threads' hits come in batches. While it is being recorded a hit is written to a log
  /// also with policies that only count hits; what is dropped there, because threads were faster than the lock, is told by
  /// `MapStatistics.Counts.droppedHits`. Windows that were prefetched appear when their load starts and when they are used;
  /// requests that were read without a window (`MapStatistics.Counts.copies`) do not appear.
  ///
  /// - Parameters:
  ///   - path: the file to write. One that is there is replaced.
  ///   - format: what the file is for.
  /// - Throws: `.openFailed` with errno, EBUSY for a file that the manager reads, EWOULDBLOCK for one that another recording
  ///   is written to; `.notRegularFile`; `.writeFailed` with EAGAIN where there is no room for a thread;
  ///   `.shutdown`, `.forked`.
  /// - Complexity: O(loaded windows), under the lock.
  public func recordTrace(
    to path: FilePath, format: TraceFormat = .compact
  ) throws(MapError) -> TraceRecording {
    try recordTrace(to: path, format: format, mostRegions: TraceEncoder.mostRegions)
  }

  /// The same for at most so many different windows.
  package func recordTrace(
    to path: FilePath, format: TraceFormat = .compact, mostRegions: Int
  ) throws(MapError) -> TraceRecording {
    // Before a file that is there is emptied.
    try core.checkRunning()
    let recorder = try TraceRecorder(path, format, mostRegions: mostRegions) {
      (file) throws(MapError) in
      if core.knows(file) { throw MapError(.openFailed, errno: .resourceBusy) }
    }
    let recording = TraceRecording(core: core, recorder: recorder)
    try core.observe(by: recorder)
    return recording
  }
}

import MapProtocols
import SystemPackage

/// Encodes accesses as they are observed and hands them to a writer in blocks.
final class TraceRecorder: AccessObserver, @unchecked Sendable {
  private let format: TraceFormat
  private let source: FileSource
  private let clock = ContinuousClock()
  private let beginning: ContinuousClock.Instant
  // Guarded by the core's lock, and the result's after the end.
  /// Nil after the end, when its file is closed.
  private var writer: TraceWriter?
  private var encoder: TraceEncoder
  private var accesses = 0
  private var dropped = 0

  private let result = Guarded<Result<TraceSummary, MapError>?>(nil)

  /// - Parameters:
  ///   - mostRegions: how many windows can be recorded.
  ///   - check: throws for a file that must not be written to.
  init(
    _ path: FilePath, _ format: TraceFormat, mostRegions: Int,
    _ check: (FileIdentity) throws(MapError) -> Void
  ) throws(MapError) {
    source = .path(path)
    self.format = format
    encoder = TraceEncoder(format, mostRegions: mostRegions)
    beginning = clock.now
    do throws(MapError) {
      writer = try TraceWriter(path, check)
    } catch {
      throw error.about(.path(path))
    }
  }

  func begin(_ regions: [(slot: RegionSlot, info: RegionInfo)], _ policy: any EvictionPolicy) {
    for region in regions { encoder.set(region.slot, region.info) }
  }

  func expect(_ slot: RegionSlot, _ region: RegionInfo) { encoder.set(slot, region) }

  func miss(_ slot: RegionSlot, _ region: RegionInfo) {
    encoder.set(slot, region)
    hit([slot].span)
  }

  func hit(_ slots: Span<RegionSlot>) {
    guard let writer else { return }
    let second = UInt32(clamping: beginning.duration(to: clock.now).components.seconds)
    var next = 0
    while next < slots.count {
      if encoder.isExhausted || encoder.isEmpty && writer.isFull {
        dropped += slots.count - next
        return
      }
      let end = encoder.append(slots, from: next, second: second)
      accesses += end - next
      next = end
      if encoder.isFull { writer.append(encoder.takeBlock()) }
    }
  }

  /// Writes what is left. Whoever calls it later waits, and gets the same.
  func end() { _ = summary() }

  /// The same, and what was recorded.
  func summary() -> Result<TraceSummary, MapError> {
    result.withLock { result in
      if let result { return result }
      let outcome = finish()
      result = outcome
      return outcome
    }
  }

  private func finish() -> Result<TraceSummary, MapError> {
    guard let writer else { return .failure(MapError(.shutdown)) }
    defer { self.writer = nil }
    do throws(MapError) {
      writer.append(encoder.takeBlock())
      let byteCount = try writer.end()
      if format == .oracleGeneral {
        try writer.withFile { (file) throws(MapError) in
          try OracleTrace.fillIn(
            file, accesses: byteCount / OracleTrace.recordSize, regions: encoder.regionCount)
        }
      }
      if encoder.isExhausted { throw MapError(.writeFailed, errno: .overflow) }
      return .success(
        TraceSummary(
          accesses: accesses, dropped: dropped, regions: encoder.regionCount, byteCount: byteCount))
    } catch {
      return .failure(error.about(source))
    }
  }
}

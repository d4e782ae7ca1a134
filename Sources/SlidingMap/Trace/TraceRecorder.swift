import MapProtocols
import SystemPackage

/// Encodes accesses as they are observed and hands them to a writer in blocks.
final class TraceRecorder: AccessObserver, @unchecked Sendable {
  private static let blockSize = 64 << 10

  private struct Entry {
    /// -1 until it is written for the first time since the region was loaded.
    var number: Int
    var region: RegionInfo
  }

  private let format: TraceFormat
  private let source: FileSource
  private let clock = ContinuousClock()
  private let beginning: ContinuousClock.Instant
  // Guarded by the core's lock, and the result's after the end.
  /// Nil after the end, when its file is closed.
  private var writer: TraceWriter?
  private var encoder: TraceEncoder
  private var block: [UInt8]
  private var entries: [Entry?] = []
  private var accesses = 0
  private var dropped = 0

  private let result = Guarded<Result<TraceSummary, MapError>?>(nil)

  init(_ path: FilePath, _ format: TraceFormat) throws(MapError) {
    source = .path(path)
    self.format = format
    encoder = TraceEncoder(format)
    block = encoder.header
    beginning = clock.now
    do throws(MapError) {
      writer = try TraceWriter(path)
    } catch {
      throw error.about(.path(path))
    }
  }

  func begin(_ regions: [(slot: RegionSlot, info: RegionInfo)], _ policy: any EvictionPolicy) {
    for region in regions { set(region.slot, region.info) }
  }

  func miss(_ slot: RegionSlot, _ region: RegionInfo) {
    set(slot, region)
    record(slot, second)
  }

  func hit(_ slots: Span<RegionSlot>) {
    let second = second
    for index in slots.indices { record(slots[index], second) }
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
    guard let writer else { return .failure(MapError(.shutDown)) }
    defer { self.writer = nil }
    do throws(MapError) {
      writer.append(block)
      block = []
      entries = []
      let byteCount = try writer.end()
      if format == .oracleGeneral {
        try writer.withFile { (file) throws(MapError) in
          try OracleTrace.fillIn(
            file, accesses: byteCount / OracleTrace.recordSize, regions: encoder.regionCount)
        }
      }
      return .success(
        TraceSummary(
          accesses: accesses, dropped: dropped, regions: encoder.regionCount, byteCount: byteCount))
    } catch {
      return .failure(error.about(source))
    }
  }

  private func set(_ slot: RegionSlot, _ region: RegionInfo) {
    if slot.index >= entries.count {
      let missing = max(slot.index + 1, 2 * entries.count) - entries.count
      entries.append(contentsOf: repeatElement(nil, count: missing))
    }
    entries[slot.index] = Entry(number: -1, region: region)
  }

  private func record(_ slot: RegionSlot, _ second: UInt32) {
    guard let writer else { return }
    if block.isEmpty && writer.isFull {
      dropped += 1
      return
    }
    guard let entry = entries[slot.index] else { return }
    if entry.number >= 0 {
      encoder.append(entry.number, entry.region.byteCount, second: second, to: &block)
    } else {
      entries[slot.index]!.number = encoder.append(entry.region, second: second, to: &block)
    }
    accesses += 1
    if block.count >= Self.blockSize {
      var full: [UInt8] = []
      full.reserveCapacity(Self.blockSize + 64)
      swap(&full, &block)
      writer.append(full)
    }
  }

  private var second: UInt32 {
    UInt32(clamping: beginning.duration(to: clock.now).components.seconds)
  }
}

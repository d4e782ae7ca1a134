/// What a run of some seconds came to.
struct PressureRun: Codable, Sendable {
  /// Whole pages read of the hot set, by all its threads, a second.
  var hotReads: Double
  /// Bytes of the cold file that were read, in whole pages, a second.
  var coldBytes: Double
  /// Bytes that the disk was read for, a second.
  var diskBytes: Double
  /// What of the hot file was in the page cache in the end, in bytes; of a sparse one also pages that nobody asked for.
  var hotCached: Double
}

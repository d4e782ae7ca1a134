/// One access of a recorded trace: a window that was asked for, loaded or not.
public struct TraceAccess: Hashable, Sendable {
  /// The window's number in the trace: 0 for the first that appears, 1 for the next one, and so on.
  public let region: Int
  /// Its file, as `FileIdentity.fingerprint` tells it: the same for one file in all traces of a machine.
  public let file: UInt64
  /// Its number in the file.
  public let window: Int
  /// The bytes it took of the budget when it first appeared.
  public let byteCount: Int
}

/// How a recording is written.
public enum TraceFormat: Hashable, Sendable {
  /// One to three bytes an access, most often; read by `TraceDecoder`.
  ///
  /// Eight bytes of magic, then numbers in LEB128 (seven bits a byte, the lowest first, the top bit set in all but the
  /// last): `k` > 0 for the window that appeared first as the `k`-th last of all so far, 0 for a new one, after which come
  /// its file (eight bytes, little-endian), its number in the file and its size in bytes (LEB128).
  case compact
  /// The format of the simulator libCacheSim: 24 bytes an access, little-endian and packed. The second since the recording
  /// began (4 bytes), the window's number from 1 (8), its size in bytes, at most 2^32 − 1 (4), and which access, counted
  /// from 1, is the next to the same window (8; −1 if none).
  ///
  /// What comes next is known only in the end, so `TraceRecording.finish` goes once more through the file.
  case oracleGeneral
}

import MapProtocols
import SystemPackage

/// Writes a recording on a thread of its own, so that no reader waits for the disk.
final class TraceWriter: @unchecked Sendable {
  /// Bytes that may wait for the disk before accesses are dropped.
  private static let mostWaiting = 16 << 20

  private let file: TraceFile
  private let monitor = Monitor()
  // Guarded by `monitor`.
  private var waiting: [[UInt8]] = []
  private var waitingBytes = 0
  private var isEnding = false
  private var writtenBytes = 0
  private var failure: MapError?

  private var thread: ServiceThread?

  /// - Throws: `.openFailed`, `.notRegularFile`; `.writeFailed` with EAGAIN where there is no room for a thread.
  init(
    _ path: FilePath, _ check: (FileIdentity) throws(MapError) -> Void
  ) throws(MapError) {
    file = try TraceFile(creating: path, check)
    do throws(Errno) {
      // Until it is told to end the thread keeps the writer.
      thread = try ServiceThread { self.write() }
    } catch {
      throw MapError(.writeFailed, errno: error)
    }
  }

  /// Whether the disk is so far behind that nothing should be added.
  var isFull: Bool {
    monitor.lock()
    defer { monitor.unlock() }
    return waitingBytes > Self.mostWaiting || failure != nil
  }

  /// Adds bytes, in whole accesses.
  func append(_ block: [UInt8]) {
    monitor.lock()
    waiting.append(block)
    waitingBytes += block.count
    monitor.broadcast()
    monitor.unlock()
  }

  /// Writes what is waiting and ends the thread. Called once, by the process that made the writer.
  ///
  /// - Returns: how many bytes there are.
  /// - Throws: `.writeFailed` with errno. What was written before is whole.
  func end() throws(MapError) -> Int {
    monitor.lock()
    isEnding = true
    monitor.broadcast()
    monitor.unlock()
    thread?.join()
    if let failure { throw failure }
    return writtenBytes
  }

  /// Gives the file to `body`, after the end.
  func withFile(_ body: (borrowing TraceFile) throws(MapError) -> Void) throws(MapError) {
    try body(file)
  }

  private func write() {
    monitor.lock()
    while true {
      if waiting.isEmpty {
        if isEnding { break }
        monitor.wait()
        continue
      }
      let block = waiting.removeFirst()
      let offset = writtenBytes
      if failure == nil {
        monitor.unlock()
        var error: MapError?
        do throws(MapError) {
          try file.write(block, at: offset)
        } catch let problem {
          error = problem
          file.cut(to: offset)
        }
        monitor.lock()
        failure = error
        if error == nil { writtenBytes += block.count }
      }
      waitingBytes -= block.count
    }
    monitor.unlock()
  }
}

internal import CURing
internal import DequeModule
internal import MapProtocols
internal import SystemPackage

/// Loads under way in a ring that one thread has to itself.
@safe
final class RingReader {
  let ring: Ring
  private let event: FileDescriptor
  private let reader: Reader

  private struct Flight {
    let load: PendingRead
    var piece: ReadPiece
  }

  /// Pieces under way, by tag.
  private var flights: [Flight?]
  private var freeTags: [Int]
  /// Tags of pieces that are to be given to the ring.
  private var backlog: [Int] = []
  /// Loads with pieces not begun.
  private var current = Deque<PendingRead>()
  private var cutting: PendingRead?
  /// Where the counter of the eventfd is read to.
  private let counter: UnsafeMutablePointer<UInt64>
  private var isArmed = false

  private static var eventTag: UInt64 { .max }
  /// Requests given to the kernel, and ends taken from it, at a time: the disk begins with the first while the others are
  /// being prepared. Of 32 under way one at a time would be a system call each, and all at once leave the disk idle
  /// meanwhile, which takes a fifth of its speed.
  private static var groupSize: Int { 4 }

  init(_ ring: Ring, event: FileDescriptor, depth: Int, _ reader: Reader) {
    self.ring = ring
    self.event = event
    self.reader = reader
    flights = Array(repeating: nil, count: depth)
    freeTags = Array((0..<depth).reversed())
    unsafe counter = .allocate(capacity: 1)
    unsafe counter.initialize(to: 0)
  }

  deinit {
    // The kernel may still write there, unless the ring is gone.
    ring.shut()
    unsafe counter.deallocate()
  }

  /// Whether another load may be taken.
  var hasRoom: Bool { !freeTags.isEmpty && cutting == nil && current.isEmpty }

  /// Whether loads are under way or not begun.
  var isBusy: Bool { freeTags.count < flights.count || !hasRoom }

  /// Takes on a load.
  func take(_ load: PendingRead) {
    current.append(load)
    cut()
  }

  /// Makes pieces of what was taken, as many as may be under way.
  func cut() {
    while !freeTags.isEmpty {
      if cutting == nil { cutting = current.popFirst() }
      guard let load = cutting else { return }
      guard let piece = load.progress?.nextPiece() else {
        cutting = nil
        continue
      }
      let tag = freeTags.removeLast()
      flights[tag] = Flight(load: load, piece: piece)
      backlog.append(tag)
    }
  }

  /// Gives the ring what there is for it, waits for an end or for the event if it `waits`, and tells of loads that have
  /// ended.
  func turn(waits: Bool, _ ended: (PendingRead) -> Void) throws(Errno) {
    cut()
    if !isArmed {
      var request = unsafe Ring.Request()
      unsafe request.operation = UInt8(SMAP_RING_READ)
      unsafe request.file = event.rawValue
      unsafe request.count = 8
      unsafe request.address = UnsafeMutableRawPointer(counter)
      isArmed = unsafe ring.push(request, tag: Self.eventTag)
    }
    var pushed = 0
    for tag in backlog.prefix(Self.groupSize) {
      guard let piece = flights[tag]?.piece, unsafe ring.push(piece.request, tag: UInt64(tag))
      else { break }
      pushed += 1
    }
    backlog.removeFirst(pushed)
    // What did not fit is given to the ring when the kernel has taken the rest.
    do throws(Errno) {
      try ring.enter(least: waits && isArmed && backlog.isEmpty ? 1 : 0)
    } catch {
      switch error {
      case .interrupted, .resourceTemporarilyUnavailable, .resourceBusy, .noMemory: break
      default: throw error
      }
    }
    ring.reap(atMost: Self.groupSize) { tag, result in
      if tag == Self.eventTag {
        isArmed = false
      } else {
        take(result, of: Int(tag), ended)
      }
    }
  }

  private func take(_ result: Int32, of tag: Int, _ ended: (PendingRead) -> Void) {
    guard var flight = flights[tag] else { return }
    let outcome = reader.takeIn(&flight.piece, result)
    if outcome == .more {
      flights[tag] = flight
      backlog.append(tag)
      return
    }
    flights[tag] = nil
    freeTags.append(tag)
    end(flight, outcome, ended)
  }

  private func end(
    _ flight: Flight, _ outcome: ReadPiece.Outcome, _ ended: (PendingRead) -> Void
  ) {
    let load = flight.load
    guard load.progress?.end(flight.piece, outcome) == true, let progress = load.progress else {
      return
    }
    load.request.result = progress.result
    ended(load)
  }

  /// The loads that have not ended, after the ring was shut.
  func abandon() -> [PendingRead] {
    var loads: [ObjectIdentifier: PendingRead] = [:]
    for flight in flights.compactMap({ $0 }) { loads[ObjectIdentifier(flight.load)] = flight.load }
    if let cutting { loads[ObjectIdentifier(cutting)] = cutting }
    while let load = current.popFirst() { loads[ObjectIdentifier(load)] = load }
    return Array(loads.values)
  }
}

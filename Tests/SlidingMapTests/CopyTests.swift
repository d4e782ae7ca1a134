import Foundation
import SlidingMap
import SystemPackage
import Testing

/// Copies of files that change under their readers.
struct CopyTests {
  private let scratch: Scratch
  private let fault = Shortage()

  init() throws { scratch = try Scratch() }

  private func maps() -> SlidingWindowMapManager {
    SlidingWindowMapManager(
      backend: fault.provider(), budget: .fixed(bytes: 1 << 20), windowSize: 1 << 16)
  }

  @Test func `A copy ends where its cursor's file does, however much was read`() throws {
    let model = content(1000)
    let path = try scratch.write("file", model)
    fault.addresses = true
    let maps = maps()
    var cursor = try maps.cursor(for: path)
    try scratch.append("file", content(1000, seed: 2))
    // The manager knows of the growth, this cursor does not.
    let other = try maps.cursor(for: path)
    #expect(other.fileSize == 2000)
    try cursor.use(at: 0, count: 10)
    try cursor.use(at: 900, count: 500)
    #expect(view(cursor) == .of(model, 900..<1000))
    let isThere = try cursor.use(at: 1000, count: 1)
    #expect(!isThere)
  }

  @Test func `A copy shows nothing that was not read`() throws {
    let model = content(4000)
    let path = try scratch.write("file", model)
    let other = try scratch.write("other", [UInt8](repeating: 0xEE, count: 16_384))
    fault.addresses = true
    let maps = maps()
    var cursor = try maps.cursor(for: path)
    do {
      // Leaves its bytes in the reserve.
      var first = try maps.cursor(for: other)
      try first.use(at: 0, count: 16_384)
    }
    try scratch.resize("file", to: 100)
    try cursor.use(at: 0, count: 10)
    #expect(view(cursor) == .of(model, 0..<10))
    #expect(mapError { try cursor.use(at: 1000, count: 10) }?.code == .fileTruncated)
    let isValid = cursor.isValid
    #expect(!isValid)
  }

  @Test func `Who knew a longer file is not shown the memory past a shorter one`() throws {
    let model = content(40_000)
    let path = try scratch.write("file", model)
    fault.descriptors = true
    let maps = maps()
    var old = try maps.cursor(for: path)
    // Windows are loaded and leave again.
    for _ in 0..<9 {
      old.release()
      try old.use(at: 0, count: 40_000)
    }
    #expect(maps.statistics.counts.loads == 1)
    old.release()
    maps.collect()
    try scratch.resize("file", to: 100)
    var new = try maps.cursor(for: path)
    for _ in 0..<9 {
      new.release()
      try new.use(at: 0, count: 100)
    }
    #expect(view(new) == .of(model, 0..<100))
    let code = mapError { try old.use(at: 20_000, count: 10) }?.code
    #expect(code == .fileTruncated || code == .fileChanged)
  }
}

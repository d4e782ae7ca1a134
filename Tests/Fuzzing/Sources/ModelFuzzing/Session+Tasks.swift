import FuzzSupport
import SlidingMap

extension Session {
  /// A task waits for bytes.
  func lease(_ place: Int) {
    mayLoad = true
    with(place) { reader, around in
      reader.use(at: offset(of: reader.file), count: count(), awaits: true, around)
    }
  }

  /// A task goes through the windows of a file from its start.
  func walk() {
    guard let maps else { return }
    mayLoad = true
    let name = choices.pick(Disk.names)
    let (readAhead, most) = (choices.pick(4), 1 + choices.pick(6))
    let (setup, windowSize) = (setup, setup.windowSize)
    let file = disk.files[name]
    opening(name, false) { _ throws(MapError) in
      try Awaiting.run { () async throws(MapError) in
        var end = 0
        var windows = maps.windows(of: Disk.path(name), readAhead: readAhead).makeAsyncIterator()
        for _ in 0..<most {
          let window = try await windows.next(isolation: nil)
          guard let file else { fail("a walk over \(name), and there is none") }
          let start = end
          end = windowSize.map { min(start + $0, file.size) } ?? file.size
          guard let window else {
            if start < file.size { fail("a walk over \(name) ends at \(start) of \(file.size)") }
            return
          }
          let range = Int64(start)..<Int64(end)
          let look = window.withBytes { bytes in
            bytes.byteCount == range.count
              ? Look(bytes, at: start, of: file, setup, file.latest..<file.latest + 1) : .wrong
          }
          if window.range != range || look != .right {
            fail("a walk over \(name) shows \(window.range) for \(range), \(look)")
          }
          try window.check()
        }
      }
    }
  }
}

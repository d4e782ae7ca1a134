import Foundation
import SlidingMap
import SystemPackage
import Testing

/// An overlay of two directories: a file of the lower one that is written to becomes another inode behind the same number. Needs root.
struct OverlayTests {
  private static let model = content(300_000)

  /// Mounted as long as it lives.
  private final class Overlay {
    let scratch: Scratch

    init() throws {
      scratch = try Scratch()
      for name in ["lower", "upper", "work", "merged"] {
        guard unsafe mkdir(scratch[name].string, 0o700) == 0 else { throw Errno(rawValue: errno) }
      }
      try scratch.write("lower/file", OverlayTests.model)
      let options =
        "lowerdir=\(scratch["lower"]),upperdir=\(scratch["upper"]),workdir=\(scratch["work"])"
      let result = unsafe options.withCString { data in
        unsafe mount("overlay", scratch["merged"].string, "overlay", 0, data)
      }
      if result != 0 { throw Errno(rawValue: errno) }
    }

    deinit { _ = unsafe umount2(scratch["merged"].string, CInt(MNT_DETACH)) }
  }

  private static let canMount = (try? Overlay()) != nil

  @Test(.enabled(if: canMount, "mounting an overlay takes root"), arguments: BackendKind.allCases)
  func `A file that is copied up is seen as it is`(_ kind: BackendKind) throws {
    let overlay = try Overlay()
    let scratch = overlay.scratch
    let maps = SlidingWindowMapManager(backend: try kind.make(), windowSize: 64 << 10)
    let path = scratch["merged/file"]
    var old = try maps.cursor(for: path)
    let idle = try maps.cursor(for: path)
    try old.use(at: 0, count: 1_000)
    // Copied up by this.
    let more = content(30_000, seed: 2)
    try scratch.append("merged/file", more)
    let file = try FileDescriptor.open(path, .writeOnly)
    try file.closeAfter { _ = try file.writeAll(toAbsoluteOffset: 0, "CHANGED!".utf8) }
    let now = "CHANGED!".utf8 + Self.model[8...] + more

    var new = try maps.cursor(for: path)
    #expect(new.fileSize == Int64(now.count))
    try new.use(at: 0, count: now.count)
    let isRight = shows(new.bytes, Array(now), at: 0)
    #expect(isRight)
    for cursor in [Held(old.copy()), Held(idle.copy())] {
      try cursor.cursor.refresh()
      #expect(cursor.cursor.fileSize == Int64(now.count))
      try cursor.cursor.use(at: 290_000, count: 40_000)
      let isRight = shows(cursor.cursor.bytes, Array(now), at: 290_000)
      #expect(isRight)
    }
  }
}

import Glibc
import SlidingMap
import SystemPackage

/// The kernel's maps, used up but for some: single pages of one mapping that differ from their neighbours.
@safe
struct HostMaps {
  private let base: UnsafeMutableRawPointer
  private let byteCount: Int

  init(leaving spare: Int) throws {
    let limit = SystemLimits.current()
    let count = limit.maxMapCount - limit.mapsInUse - spare
    byteCount = count * limit.pageSize
    guard
      let base = unsafe mmap(nil, byteCount, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      unsafe base != MAP_FAILED
    else { throw Errno.noMemory }
    unsafe self.base = base
    for page in stride(from: 1, to: count, by: 2) {
      guard unsafe mprotect(base + page * limit.pageSize, limit.pageSize, PROT_READ) == 0 else {
        break
      }
    }
  }

  func giveBack() { _ = unsafe munmap(base, byteCount) }
}

import Glibc
import MMapBackend
import SlidingMap
import SystemPackage

/// Files read into memory of the process's own: what may take over from mmap, at its simplest.
final class CopyingProvider: RegionProvider {
  private let files = MMapProvider()

  var properties: ProviderProperties {
    ProviderProperties(name: "copying", isAnonymous: true, reloadCost: 1_000)
  }

  func open(_ source: FileSource) throws(MapError) -> OpenedFile { try files.open(source) }
  func status(at path: FilePath) throws(MapError) -> FileStatus { try files.status(at: path) }
  func status(of handle: Handle) throws(MapError) -> FileStatus { try files.status(of: handle) }
  func close(_ handle: Handle) { files.close(handle) }

  func makeExtent(
    _ handle: Handle, fileSize: Int64, byteCount: Int, alignment: Int
  ) throws(MapError) -> Extent {
    let memory = unsafe Glibc.mmap(
      nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let memory = unsafe memory, unsafe memory != MAP_FAILED else {
      throw MapError(.addressSpaceExhausted, errno: .noMemory)
    }
    return unsafe Extent(base: memory, byteCount: byteCount)
  }

  func release(_ extent: Extent) { _ = unsafe munmap(extent.base, extent.byteCount) }

  func load(_ loads: inout [RegionLoad]) {
    for index in loads.indices {
      let region = loads[index].region
      guard let handle = loads[index].handle else {
        loads[index].error = MapError(.readFailed, errno: .badFileDescriptor)
        continue
      }
      do throws(MapError) {
        let buffer = unsafe UnsafeMutableRawBufferPointer(
          start: region.start, count: region.byteCount)
        if try unsafe files.read(handle, at: region.offset, into: buffer) == 0 {
          throw MapError(.fileTruncated)
        }
        loads[index].error = nil
      } catch {
        loads[index].error = error
      }
    }
  }

  func unload(_ regions: [ExtentRange]) {
    for region in regions { _ = unsafe madvise(region.start, region.byteCount, MADV_DONTNEED) }
  }

  func read(
    _ handle: Handle, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
  ) throws(MapError) -> Int {
    try unsafe files.read(handle, at: offset, into: buffer)
  }
}

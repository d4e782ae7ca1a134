public import MapProtocols
public import SystemPackage
import Glibc
public final class MMapProvider: RegionProvider {
  public var properties: ProviderProperties { ProviderProperties(name: "mmap", isAnonymous: false, isCoherent: true, loadsWhenTouched: true, extentKeepsFile: true) }
  init() {}
  func st(_ fd: Int32) -> FileStatus { var s = stat(); unsafe fstat(fd, &s); return FileStatus(identity: FileIdentity(device: UInt64(s.st_dev), inode: UInt64(s.st_ino)), generation: FileGeneration(size: Int64(s.st_size), changeTime: Int64(s.st_ctim.tv_sec)*1_000_000_000 + Int64(s.st_ctim.tv_nsec))) }
  public func open(_ source: FileSource) throws(MapError) -> OpenedFile {
    let fd: Int32
    switch source { case .path(let p): fd = unsafe p.withPlatformString { unsafe Glibc.open($0, O_RDONLY|O_CLOEXEC) }
    case .descriptor(let d): fd = dup(d.rawValue) }
    if fd < 0 { throw MapError(.openFailed, errno: Errno(rawValue: errno)) }
    return OpenedFile(handle: Handle(rawValue: Int(fd)), status: st(fd))
  }
  public func status(at path: FilePath) throws(MapError) -> FileStatus { var s = stat(); let r = unsafe path.withPlatformString { unsafe stat($0, &s) }; if r < 0 { throw MapError(.openFailed, errno: Errno(rawValue: errno)) }
    return FileStatus(identity: FileIdentity(device: UInt64(s.st_dev), inode: UInt64(s.st_ino)), generation: FileGeneration(size: Int64(s.st_size), changeTime: Int64(s.st_ctim.tv_sec)*1_000_000_000 + Int64(s.st_ctim.tv_nsec))) }
  public func status(of handle: Handle) throws(MapError) -> FileStatus { st(Int32(handle.rawValue)) }
  public func close(_ handle: Handle) { _ = Glibc.close(Int32(handle.rawValue)) }
  public func makeExtent(_ handle: Handle, fileSize: Int64, byteCount: Int, alignment: Int) throws(MapError) -> Extent {
    let p = unsafe Glibc.mmap(nil, byteCount, PROT_READ, MAP_SHARED, Int32(handle.rawValue), 0)
    if unsafe p == MAP_FAILED { throw MapError(.addressSpaceExhausted, errno: Errno(rawValue: errno)) }
    _ = unsafe madvise(p, byteCount, MADV_NOHUGEPAGE)
    return unsafe Extent(base: p!, byteCount: byteCount)
  }
  public func release(_ extent: Extent) { unsafe munmap(extent.base, extent.byteCount) }
  public func load(_ loads: inout [RegionLoad]) {}
  public func unload(_ regions: [ExtentRange]) { for r in regions { unsafe madvise(r.start, r.byteCount, MADV_DONTNEED) } }
}
extension RegionProvider where Self == MMapProvider { public static var mmap: MMapProvider { MMapProvider() } }

internal import CMapShims
public import MapProtocols
internal import SystemPackage

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// The guard against pages that can't be had; see <doc:WhatCanGoWrong>.
extension MMapProvider {
  /// Watches an extent, unless the provider is not guarded: a handler of SIGBUS (sigaction(2), with SA_ONSTACK) puts zeros in the place
  /// of a page that can't be had, mmap(2) with MAP_FIXED, to the end of its window.
  ///
  /// There is one handler for the process, installed with the first extent. It passes on what is not its own to whoever handled SIGBUS
  /// before; and it puts itself first again when an extent is watched after somebody else has taken its place. O(1).
  ///
  /// - Throws: `.addressSpaceExhausted` where there is no memory to note it; `.notMappable` where a sandbox has forbidden sigaction(2) from
  ///   the start.
  public func watch(
    _ extent: Extent, windowSize: Int, _ poison: ExtentPoison
  ) throws(MapError) {
    if !isGuarded { return }
    let owner = unsafe Unmanaged.passRetained(poison).toOpaque()
    let began = unsafe smap_watch_begin(
      extent.base, extent.byteCount, extent.offset, windowSize, poison.record, owner,
      { unsafe Unmanaged<ExtentPoison>.fromOpaque($0).release() })
    guard let began = unsafe began else {
      let error = Errno(rawValue: errno)
      unsafe Unmanaged<ExtentPoison>.fromOpaque(owner).release()
      throw MapError(error == .noMemory ? .addressSpaceExhausted : .notMappable, errno: error)
    }
    let watch = unsafe Watch(pointer: began)
    watches.withLock { unsafe $0[UInt(bitPattern: extent.base)] = watch }
  }

  /// Ends the watch, and waits for handlers that work on it.
  public func unwatch(_ extent: Extent) {
    let watch = watches.withLock { unsafe $0.removeValue(forKey: UInt(bitPattern: extent.base)) }
    if let watch { unsafe smap_watch_end(watch.pointer) }
  }

  /// Of the handler's record of an extent.
  @safe
  struct Watch: @unchecked Sendable {
    fileprivate let pointer: OpaquePointer
  }
}

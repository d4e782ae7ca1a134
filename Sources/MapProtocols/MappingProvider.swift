/// A backend whose windows are the file's own pages, as mmap(2) shows them: writes show as they happen, and a map keeps its file
/// readable after its handle was closed and its path removed.
///
/// A file is mapped once, from its start, with room past its end: its extent, one kernel map. Windows are parts of it. Where there are
/// no addresses for that, each window may be mapped alone. The manager
/// decides what is loaded when, and keeps count; it never loads one window from two threads at once, nor while it is
/// unloaded.
public protocol MappingProvider: RegionProvider {
  /// How its maps behave. Constant over its life.
  var mapping: MappingProperties { get }

  /// Maps a file from its start, none of it loaded yet.
  ///
  /// - Parameters:
  ///   - byteCount: the length asked for, the file's size and room for growth. A provider may give less room, but not less
  ///     than `fileSize`.
  ///   - alignment: the largest power of two, up to a huge page, that divides the window size: the base must be a multiple
  ///     of it, so that the kernel's ways of mapping ahead stay inside a window. 1 where any place will do.
  /// - Throws: `.addressSpaceExhausted`, `.notMappable`.
  func map(
    _ handle: Handle, fileSize: Int64, byteCount: Int, alignment: Int
  ) throws(MapError) -> Extent

  /// Whether windows can be mapped alone, where a file's addresses can't be had as a whole. Otherwise its bytes are read instead. Constant
  /// over its life; it stands by itself, so that who passes another's `mapping` on promises nothing that he does not pass on. Default: no.
  var mapsSpans: Bool { get }

  /// Maps a span of a file for which there are no addresses as a whole: one window, none of it loaded yet. Called where
  /// `mapsSpans`.
  ///
  /// - Parameter span: bytes of the file, whole pages; of the last window they reach past the file's end. Their first one is the
  ///   extent's `offset`.
  /// - Throws: `.addressSpaceExhausted`, `.notMappable`. Default: `.unsupported`.
  func map(_ handle: Handle, span: Range<Int64>) throws(MapError) -> Extent

  /// Puts the file itself in the place of copies, at the same addresses and at once, so that readers read on meanwhile. No window of
  /// the extent is being loaded. From then on the extent is this provider's.
  ///
  /// - Parameter extent: private anonymous memory in which this file's windows lie.
  /// - Throws: `.addressSpaceExhausted`, `.notMappable`; the old extent is whole then.
  func map(_ handle: Handle, fileSize: Int64, replacing extent: Extent) throws(MapError) -> Extent

  /// Sees to it, from now on, that a page of an extent which can't be had is no end of the process: because the file was cut short, or
  /// because a disk fails. Called before anybody reads there.
  ///
  /// Zeros are to take the page's place, and before anybody can see them `poison` is told; up to the end of its window they may take
  /// the place of the pages behind it, too. Default: nothing, for maps of which no page is ever missing.
  ///
  /// - Parameters:
  ///   - windowSize: in bytes, counted from the extent's base; `Int.max` where the file is one window.
  ///   - poison: of this file's readers, told of offsets in the file; keep it until `unwatch`.
  /// - Throws: `.addressSpaceExhausted` where there is no memory to watch it; `.notMappable` where it can't be watched.
  func watch(_ extent: Extent, windowSize: Int, _ poison: ExtentPoison) throws(MapError)

  /// Ends what `watch` began, before the extent's addresses are given back. When it returns nobody touches them on its behalf. Default:
  /// nothing.
  func unwatch(_ extent: Extent)

  /// Gives an extent's addresses back. Nobody uses it any more.
  func unmap(_ extent: Extent)

  /// Brings windows into memory and sets the `error` of each that fails.
  ///
  /// Where `mapping.loadsWhenTouched`, it is called only for windows that are no multiple of `mapping.faultAround`.
  func load(_ loads: inout [RegionLoad])

  /// Starts loads and returns without waiting for a disk, as `submit` of reads does. Where `mapping.loadsWhenTouched`, a load brings the
  /// range's bytes into memory, so that touching them does not wait. Default: loads at once, on the calling thread.
  ///
  /// - Returns: how to ask that these loads end soon, as for reads.
  @discardableResult
  func submit(
    _ loads: [RegionLoad], completion: @escaping @Sendable ([RegionLoad]) -> Void
  ) -> LoadCancellation

  /// Empties ranges of extents: their memory goes back to the system. Can't fail in a way that matters.
  ///
  /// Ranges are of windows, or of 2 MiB in which no window is loaded, so that the system frees a page table: parts of windows, and addresses
  /// past the file's end, may be among them, and two threads may empty one range.
  ///
  /// Where `mapping.unloadsTogether`, among them may be windows that stay loaded as far as the manager is concerned, and
  /// are touched again later.
  func unload(_ regions: [ExtentRange])

  /// Tells the system how a range will be read: `.normal`, `.sequential` or `.random` for an extent as a whole; of a random one
  /// `.normal` for a window that is used again and again, and `.random` when it leaves; `.willNeed` for any part. Default: ignored.
  func advise(_ advice: AccessAdvice, _ region: ExtentRange)

  /// Brings bytes of a file to where maps have them from, the page cache, and waits for them; no more than some MiB are asked for at a
  /// time. Default: reads them, and forgets them.
  ///
  /// - Returns: how many of them, from the first; fewer only where the file ends.
  /// - Throws: `.readFailed`.
  func warm(_ handle: Handle, _ range: Range<Int64>) throws(MapError) -> Int

  /// How many bytes of a range of a file are in memory, in whole pages, so that touching them reads no disk. Default: nil, nobody can tell.
  func residentBytes(of handle: Handle, in range: Range<Int64>) -> Int?
}

extension MappingProvider {
  /// Loads at once, on the calling thread.
  @discardableResult
  public func submit(
    _ loads: [RegionLoad], completion: @escaping @Sendable ([RegionLoad]) -> Void
  ) -> LoadCancellation {
    var loads = loads
    load(&loads)
    completion(loads)
    return .impossible
  }
  /// Maps files only whole.
  public var mapsSpans: Bool { false }
  /// Maps files only whole.
  ///
  /// - Throws: `.unsupported`.
  public func map(_ handle: Handle, span: Range<Int64>) throws(MapError) -> Extent {
    throw MapError(.unsupported)
  }
  /// Watches nothing.
  public func watch(_ extent: Extent, windowSize: Int, _ poison: ExtentPoison) {}
  /// Has nothing to end.
  public func unwatch(_ extent: Extent) {}
  /// Ignores the advice.
  public func advise(_ advice: AccessAdvice, _ region: ExtentRange) {}
  /// Reads the bytes, and forgets them.
  ///
  /// - Throws: what reading throws.
  public func warm(_ handle: Handle, _ range: Range<Int64>) throws(MapError) -> Int {
    try readThrough(handle, range)
  }
  /// Can't tell.
  public func residentBytes(of handle: Handle, in range: Range<Int64>) -> Int? { nil }
}

/// How a backend's maps behave.
public struct MappingProperties: Hashable, Sendable {
  /// Whether a window loads by itself when its bytes are touched, so that `load` need not be called.
  public var loadsWhenTouched: Bool
  /// How far around a touched page the system may map what it has, in bytes, a power of two aligned to itself; 0 if it
  /// does not. Where windows are no multiple of it, the manager has them loaded at once, and the surplus taken off their
  /// neighbours.
  public var faultAround: Int
  /// Whether it costs hardly more to empty several windows in one call than to empty one, as where each call makes all
  /// processors forget their translations of addresses. Then, where windows load by themselves, the manager empties with a
  /// window those that are to go next, unless they are used again.
  public var unloadsTogether: Bool

  /// Describes maps.
  public init(
    loadsWhenTouched: Bool = true, faultAround: Int = 0, unloadsTogether: Bool = false
  ) {
    self.loadsWhenTouched = loadsWhenTouched
    self.faultAround = faultAround
    self.unloadsTogether = unloadsTogether
  }
}

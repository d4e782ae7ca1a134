public import SystemPackage

/// A backend: it opens files and brings their windows into memory.
///
/// The manager decides what is loaded when, and keeps count; a provider only carries it out. It reserves one range of
/// addresses for a file, the extent, loads windows into it and empties them again. A provider that serves files from a
/// dictionary takes some sixty lines; see "Writing a provider" in the documentation.
///
/// All methods may be called from any thread, several at a time, never under the manager's lock; the manager never loads
/// or unloads one window from two threads at once.
public protocol RegionProvider: AnyObject, Sendable {
  /// What kind of memory this provider gives and what it needs. Constant over its life.
  var properties: ProviderProperties { get }

  /// What serves where this provider can't: no descriptor is to be had, or no addresses. Constant over its life. Default:
  /// nothing, and such a request fails.
  var takeover: Takeover? { get }

  /// Opens a file: open(2) or a duplicate of the descriptor, then fstat(2).
  ///
  /// - Throws: `.openFailed`, `.notRegularFile`, `.blockDevice`, `.unsizedFile`, `.handlesExhausted`.
  func open(_ source: FileSource) throws(MapError) -> OpenedFile

  /// What a path leads to now, without a handle: stat(2).
  ///
  /// - Throws: `.openFailed`.
  func status(at path: FilePath) throws(MapError) -> FileStatus

  /// What an open handle leads to now: fstat(2).
  ///
  /// - Throws: `.openFailed`; `.fileChanged` where the provider can't tell, and the manager asks the file's paths.
  func status(of handle: Handle) throws(MapError) -> FileStatus

  /// Closes a handle that `open` gave. It can't fail in a way that matters to a reader.
  func close(_ handle: Handle)

  /// Reserves addresses for the file from its start, none of them loaded yet.
  ///
  /// - Parameters:
  ///   - byteCount: the length asked for, the file's size and room for growth. A provider may give less room, but not less
  ///     than `fileSize`.
  ///   - alignment: the largest power of two, up to a huge page, that divides the window size: the base must be a multiple
  ///     of it, so that the kernel's ways of mapping ahead stay inside a window. 1 where any place will do.
  /// - Throws: `.addressSpaceExhausted`, `.notMappable`.
  func makeExtent(
    _ handle: Handle, fileSize: Int64, byteCount: Int, alignment: Int
  ) throws(MapError) -> Extent

  /// Puts the file itself in the place of another provider's copies, at the same addresses and at once, so that readers
  /// read on meanwhile. No window of the extent is being loaded. From then on the extent is this provider's.
  ///
  /// Default: `.unsupported`.
  ///
  /// - Parameter extent: private anonymous memory that the takeover's provider made for this file.
  /// - Throws: `.unsupported`, `.addressSpaceExhausted`, `.notMappable`; the old extent is whole then.
  func makeExtent(
    _ handle: Handle, fileSize: Int64, replacing extent: Extent
  ) throws(MapError) -> Extent

  /// Gives an extent's addresses back. Nobody uses it any more.
  func release(_ extent: Extent)

  /// Brings windows into their extents and sets the `error` of each that fails.
  ///
  /// Where `properties.loadsWhenTouched`, it is called only for windows that are no multiple of `properties.faultAround`.
  func load(_ loads: inout [RegionLoad])

  /// Empties ranges of extents: their memory goes back to the system. Can't fail in a way that matters.
  ///
  /// Where `properties.unloadsTogether`, among them may be windows that stay loaded as far as the manager is concerned, and
  /// are touched again later.
  func unload(_ regions: [ExtentRange])

  /// Reads bytes of a file into memory of the caller's, without a window: pread(2).
  ///
  /// Where a provider has a `takeover`, both must offer it. Default: `.unsupported`.
  ///
  /// - Returns: how many; less than the buffer holds only at the end of the file.
  /// - Throws: `.readFailed`, `.unsupported`.
  func read(
    _ handle: Handle, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
  ) throws(MapError) -> Int

  /// Tells the system how a range will be read: `.normal`, `.sequential` or `.random` for an extent as a whole, `.willNeed` for a part of it.
  /// Ignored by default, and not asked of providers whose memory is anonymous.
  func advise(_ advice: AccessAdvice, _ region: ExtentRange)

  /// Starts loads and returns without waiting for a disk; the end of each is told to `completion` once, several that ended
  /// at about the same time in one call, on any thread, perhaps before this returns. Default: loads at once, on the calling
  /// thread.
  ///
  /// Where `properties.loadsWhenTouched`, a load brings the range's bytes into memory, so that touching them does not
  /// wait. Loads under way when `shutDown` is called end before that returns.
  func submit(
    _ loads: [RegionLoad], completion: @escaping @Sendable ([RegionLoad]) -> Void)

  /// The manager is done: gives back threads, rings and memory of the provider's own. Perhaps called more than once, also
  /// by several threads at a time; each call returns when all is given back. Default: nothing.
  func shutDown()
}

extension RegionProvider {
  /// Nothing takes over.
  public var takeover: Takeover? { nil }
  /// Replaces nothing.
  public func makeExtent(
    _ handle: Handle, fileSize: Int64, replacing extent: Extent
  ) throws(MapError) -> Extent {
    throw MapError(.unsupported)
  }
  /// Reads nothing.
  public func read(
    _ handle: Handle, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
  ) throws(MapError) -> Int {
    throw MapError(.unsupported)
  }
  /// Ignores the advice.
  public func advise(_ advice: AccessAdvice, _ region: ExtentRange) {}
  /// Loads at once, on the calling thread.
  public func submit(
    _ loads: [RegionLoad], completion: @escaping @Sendable ([RegionLoad]) -> Void
  ) {
    var loads = loads
    load(&loads)
    completion(loads)
  }
  /// Has nothing to give back.
  public func shutDown() {}
}

/// The backend that goes on where another can't, and the memory kept for it.
public struct Takeover: Sendable {
  /// Opens files without descriptors of the process, and reads.
  public let provider: any RegionProvider
  /// Memory reserved when the manager is made, in windows (of at most 2 MiB each), for requests that find no addresses: each
  /// is limited to it, and all under way at a time share it.
  public let reservedWindows: Int

  /// Describes a takeover.
  ///
  /// - Precondition: `reservedWindows` is positive.
  public init(provider: any RegionProvider, reservedWindows: Int = 4) {
    precondition(reservedWindows > 0, "a takeover needs memory")
    self.provider = provider
    self.reservedWindows = reservedWindows
  }
}

/// An open file of a provider: a descriptor, a slot in a ring's table, or what the provider likes.
public struct Handle: RawRepresentable, Hashable, Sendable {
  /// The provider's own number.
  public let rawValue: Int
  /// Makes a handle from the provider's number.
  public init(rawValue: Int) { self.rawValue = rawValue }
}

/// What `RegionProvider.open` found.
public struct OpenedFile: Sendable {
  /// To be closed by `RegionProvider.close`.
  public let handle: Handle
  /// The file's identity and generation at that moment.
  public let status: FileStatus

  /// Describes an open file.
  public init(handle: Handle, status: FileStatus) {
    self.handle = handle
    self.status = status
  }
}

/// What a manager must know of a provider.
public struct ProviderProperties: Hashable, Sendable {
  /// A short name, as in reports: "mmap".
  public var name: String
  /// Whether loaded bytes are the process's own memory, which the kernel can't take back. Then budgets are always hard.
  public var isAnonymous: Bool
  /// Whether writes to the file show in loaded windows as they happen.
  public var isCoherent: Bool
  /// Whether a window loads by itself when its bytes are touched, so that `load` need not be called.
  public var loadsWhenTouched: Bool
  /// How far around a touched page the system may map what it has, in bytes, a power of two aligned to itself; 0 if it
  /// does not. Where windows are no multiple of it, the manager has them loaded at once, and the surplus taken off their
  /// neighbours.
  public var faultAround: Int
  /// Whether an extent keeps its file readable after the handle was closed and the path removed.
  public var extentKeepsFile: Bool
  /// Whether it costs hardly more to empty several windows in one call than to empty one, as where each call makes all
  /// processors forget their translations of addresses. Then, where windows load by themselves, the manager empties with a
  /// window those that are to go next, unless they are used again.
  public var unloadsTogether: Bool
  /// Kernel maps that an extent takes.
  public var mapsPerExtent: Int
  /// About how long a window takes to come back, in nanoseconds.
  public var reloadCost: Int
  /// The most bytes of a request that passes by a window which is seldom asked for while the budget is full: they are read
  /// into the cursor's own memory, part of the takeover's reserve, instead of loading the window. 0: every window that is
  /// asked for is loaded.
  public var mostBypassed: Int

  /// Describes a provider.
  public init(
    name: String, isAnonymous: Bool = true, isCoherent: Bool = false,
    loadsWhenTouched: Bool = false, faultAround: Int = 0, extentKeepsFile: Bool = false,
    unloadsTogether: Bool = false, mapsPerExtent: Int = 1, reloadCost: Int = 0,
    mostBypassed: Int = 0
  ) {
    self.name = name
    self.isAnonymous = isAnonymous
    self.isCoherent = isCoherent
    self.loadsWhenTouched = loadsWhenTouched
    self.faultAround = faultAround
    self.extentKeepsFile = extentKeepsFile
    self.unloadsTogether = unloadsTogether
    self.mapsPerExtent = mapsPerExtent
    self.reloadCost = reloadCost
    self.mostBypassed = mostBypassed
  }
}

/// The addresses in which a file's windows lie: byte `n` of the file at `base + n`.
@safe
public struct Extent: @unchecked Sendable {
  /// The address of the file's first byte.
  public let base: UnsafeMutableRawPointer
  /// How far the addresses reach, the room for growth included.
  public let byteCount: Int
  /// A number for the provider's own use.
  public let tag: Int

  /// Describes an extent.
  ///
  /// - Parameter base: the first of `byteCount` addresses that stay reserved until `RegionProvider.release`.
  @unsafe
  public init(base: UnsafeMutableRawPointer, byteCount: Int, tag: Int = 0) {
    unsafe self.base = base
    self.byteCount = byteCount
    self.tag = tag
  }
}

/// Bytes of an extent, in whole pages: the last page of a file counts whole.
public struct ExtentRange: Sendable {
  /// Where they lie.
  public let extent: Extent
  /// The file's offset of the first.
  public let offset: Int64
  /// How many.
  public let byteCount: Int

  /// The address of the first byte.
  public var start: UnsafeMutableRawPointer {
    unsafe extent.base + Int(offset)
  }

  /// Describes a range.
  public init(extent: Extent, offset: Int64, byteCount: Int) {
    self.extent = extent
    self.offset = offset
    self.byteCount = byteCount
  }
}

/// One window to be loaded, and how that went.
public struct RegionLoad: Sendable {
  /// What to load, and where to.
  public let region: ExtentRange
  /// The file's handle, where it is open; always there for providers whose extents don't keep the file.
  public let handle: Handle?
  /// Nil if the bytes are there, else what went wrong.
  public var error: MapError?
  /// A number for the manager's own use.
  public let tag: Int

  /// Describes a load.
  public init(region: ExtentRange, handle: Handle?, tag: Int = 0) {
    self.region = region
    self.handle = handle
    self.tag = tag
  }
}

/// How a range will be read.
public enum AccessAdvice: Hashable, Sendable {
  /// Nothing special: the kernel's own reading ahead.
  case normal
  /// Here and there: read nothing ahead.
  case random
  /// Front to back: read far ahead.
  case sequential
  /// Soon: start reading now.
  case willNeed
}

public import MMapBackend
public import MapProtocols
internal import URingBackend

extension RegionProvider where Self == MMapProvider {
  /// Regions by mmap(2), and reading on through io_uring where descriptors, addresses or kernel maps run out: the default.
  ///
  /// The ring, and memory for four windows, are made with the manager: when they are needed it may be too late. They take two
  /// descriptors and some kernel maps. Where io_uring is missing, pread(2) takes its place; `MapStatistics.takeoverBackend`
  /// tells which it is. See <doc:TakingOver>.
  public static var automatic: MMapProvider { .automatic() }

  /// The same with another reserve, or with rules for paths.
  ///
  /// - Parameters:
  ///   - reservedWindows: how many windows, of at most 2 MiB each, can be read where no addresses are left; see
  ///     `Takeover.reservedWindows`.
  ///   - paths: where paths begin, and whether links are followed.
  /// - Precondition: `reservedWindows` is positive.
  public static func automatic(
    reservedWindows: Int = 4, paths: PathResolution = .ordinary
  ) -> MMapProvider {
    MMapProvider(
      takeover: Takeover(
        provider: (try? URingProvider(opensDirectly: true, paths: paths)) ?? .pread(paths: paths),
        reservedWindows: reservedWindows),
      bypassLimit: 16 << 10, paths: paths)
  }
}

public import MMapBackend
public import MapProtocols
internal import URingBackend

extension RegionProvider where Self == MMapProvider {
  /// Regions by mmap(2), and reading on through io_uring where descriptors, addresses or kernel maps run out: the default.
  ///
  /// The ring, and memory for four windows, are made with the manager: when they are needed it may be too late. They take one
  /// descriptor and some kernel maps. Where io_uring is missing, pread(2) takes its place; `MapStatistics.takeoverBackend`
  /// tells which it is. See <doc:TakingOver>.
  public static var automatic: MMapProvider { .automatic(reservedWindows: 4) }

  /// The same with another reserve.
  ///
  /// - Parameter reservedWindows: how many windows, of at most 2 MiB each, can be read where no addresses are left; see
  ///   `Takeover.reservedWindows`.
  /// - Precondition: `reservedWindows` is positive.
  public static func automatic(reservedWindows: Int) -> MMapProvider {
    MMapProvider(
      takeover: Takeover(
        provider: (try? URingProvider(opensDirectly: true)) ?? .pread,
        reservedWindows: reservedWindows),
      bypassLimit: 16 << 10)
  }
}

/// How a `URingProvider` reads.
public enum ReadMethod: Hashable, Sendable {
  /// By io_uring where there is one, else by pread(2); `URingProvider.features` tells which, and why.
  case automatic
  /// By io_uring, or not at all: making the provider throws `.unsupported` where there is none.
  case ring
  /// By pread(2), whatever there is.
  case pread
}

import SystemPackage

/// Takes every descriptor the process may have, so that open(2) fails with EMFILE, until it is stopped.
final class DescriptorHog {
  private let limit: Int?
  private var taken: [FileDescriptor] = []

  /// Lowers the soft limit first, for filling a large table takes long; those open above it stay open.
  init() throws {
    limit = Probe.openFiles.soft
    try Probe.setOpenFiles(min(limit ?? 256, 256))
    do {
      while true { taken.append(try FileDescriptor.standardError.duplicate()) }
    } catch Errno.tooManyOpenFiles {
      return
    } catch {
      stop()
      throw error
    }
  }

  /// Gives them back, and the limit.
  func stop() {
    for file in taken { try? file.close() }
    taken = []
    try? Probe.setOpenFiles(limit ?? .max)
  }
}

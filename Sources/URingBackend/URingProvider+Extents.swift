public import MapProtocols
internal import SystemPackage

extension URingProvider {
  /// Reserves memory for the file: one mmap(2), private, anonymous and without swap reserved for it, which takes room as
  /// windows are loaded.
  ///
  /// Where windows are multiples of a huge page, 2 MiB, all of the file that fills such pages may have them (MADV_HUGEPAGE):
  /// the memory of a window then takes a tenth of the time to come and go. The rest has ordinary pages.
  ///
  /// Where the address space has no room for growth it reserves the file's pages alone. It lies as a map of the file would,
  /// so that one can be put in its place later.
  ///
  /// - Precondition: `0 < fileSize <= byteCount`, and `alignment` is a power of two.
  /// - Throws: `.addressSpaceExhausted` (ENOMEM).
  public func makeExtent(
    _ handle: Handle, fileSize: Int64, byteCount: Int, alignment: Int
  ) throws(MapError) -> Extent {
    precondition(fileSize > 0 && byteCount >= fileSize, "an extent holds its file")
    precondition(
      alignment > 0 && alignment & (alignment - 1) == 0, "the alignment must be a power of two")
    guard let least = Int(exactly: fileSize).flatMap(Syscalls.roundedToPages) else {
      throw MapError(.addressSpaceExhausted, errno: .noMemory)
    }
    let most = Syscalls.roundedToPages(byteCount) ?? least
    do throws(Errno) {
      do throws(Errno) {
        return try map(byteCount: most, alignment: alignment, fileSize: least)
      } catch {
        guard error == .noMemory, most > least else { throw error }
        return try map(byteCount: least, alignment: alignment, fileSize: least)
      }
    } catch {
      throw MapError(.addressSpaceExhausted, errno: error)
    }
  }

  private func map(byteCount: Int, alignment: Int, fileSize: Int) throws(Errno) -> Extent {
    let placement = Placement(
      byteCount: byteCount, alignment: alignment, pageSize: Syscalls.pageSize)
    let room = placement.multiple > Syscalls.pageSize ? placement.multiple : 0
    let (mapped, overflow) = byteCount.addingReportingOverflow(room)
    if overflow { throw .noMemory }
    let first = try unsafe syscalls.mapMemory(byteCount: mapped)
    let head = unsafe placement.distance(from: first)
    let base = unsafe first + head
    unsafe syscalls.unmap(first, byteCount: head)
    unsafe syscalls.unmap(base + byteCount, byteCount: mapped - head - byteCount)
    // No window may take more memory than its budget knows of.
    let isHuge = alignment % Syscalls.hugePageSize == 0
    let huge = isHuge ? fileSize / Syscalls.hugePageSize * Syscalls.hugePageSize : 0
    // All of it first, which needs no further kernel map: where maps have run short, only the second call fails.
    unsafe syscalls.useHugePages(false, base, byteCount: byteCount)
    unsafe syscalls.useHugePages(true, base, byteCount: huge)
    return unsafe Extent(base: base, byteCount: byteCount)
  }

  /// Gives the memory back: munmap(2).
  public func release(_ extent: Extent) {
    unsafe syscalls.unmap(extent.base, byteCount: extent.byteCount)
  }
}

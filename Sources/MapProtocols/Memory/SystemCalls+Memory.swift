package import SystemPackage

#if canImport(Darwin)
  internal import Darwin
#else
  internal import CMapShims
  internal import Glibc
#endif

/// Addresses of the process's own: the one place where anonymous memory is reserved.
///
/// A program may have locked its memory, mlockall(2) with MCL_FUTURE: the kernel then fills each new map as a whole if it may be
/// accessed, and each that is given access later. So addresses are reserved without access, taken out of the locked memory, and
/// only then given access.
extension SystemCalls {
  /// Reserves addresses that nobody else gets until `unmap`, without access and without memory: mmap(2), PROT_NONE and
  /// MAP_NORESERVE, and munlock(2).
  ///
  /// Where more is asked for than may be locked (EAGAIN under MCL_FUTURE), one page is reserved and then enlarged: mremap(2) counts
  /// only what is locked still. Linux alone.
  package func reserve(byteCount: Int) throws(Errno) -> UnsafeMutableRawPointer {
    let base: UnsafeMutableRawPointer
    do throws(Errno) {
      unsafe base = try reserveAtOnce(byteCount)
    } catch {
      guard error == .resourceTemporarilyUnavailable else { throw error }
      return try unsafe reserveAndEnlarge(to: byteCount)
    }
    _ = unsafe munlock(base, byteCount)
    return unsafe base
  }

  private func reserveAtOnce(_ byteCount: Int) throws(Errno) -> UnsafeMutableRawPointer {
    let base = try retrying(.mmap) {
      unsafe Int(bitPattern: mmap(nil, byteCount, PROT_NONE, anonymousFlags, -1, 0))
    }
    guard let base = unsafe UnsafeMutableRawPointer(bitPattern: base) else {
      preconditionFailure("mmap gave address 0")
    }
    return unsafe base
  }

  private func reserveAndEnlarge(to byteCount: Int) throws(Errno) -> UnsafeMutableRawPointer {
    #if canImport(Darwin)
      throw .resourceTemporarilyUnavailable
    #else
      let page = try unsafe reserveAtOnce(SystemPage.size)
      _ = unsafe munlock(page, SystemPage.size)
      do throws(Errno) {
        let base = try retrying(.mmap) {
          unsafe Int(bitPattern: smap_enlarge(page, SystemPage.size, byteCount))
        }
        guard let base = unsafe UnsafeMutableRawPointer(bitPattern: base) else {
          preconditionFailure("mremap gave address 0")
        }
        return unsafe base
      } catch {
        unsafe unmap(page, byteCount: SystemPage.size)
        throw error
      }
    #endif
  }

  /// Gives reserved addresses access: mprotect(2), PROT_READ and PROT_WRITE. Memory comes page by page, as it is touched.
  ///
  /// - Throws: ENOMEM where the system counts what may be written, or has no kernel map left.
  @unsafe
  package func giveAccess(_ base: UnsafeMutableRawPointer, byteCount: Int) throws(Errno) {
    _ = try retrying(.mprotect) {
      unsafe Int(mprotect(base, byteCount, PROT_READ | PROT_WRITE))
    }
  }

  /// Takes access and memory of addresses away, and keeps the addresses: mmap(2), PROT_NONE and MAP_FIXED, and munlock(2). Unlike
  /// mprotect(2) that gives back all that the system counts, and joins the range with its neighbours to one kernel map. Where the system
  /// refuses, the memory is taken back, and access by mprotect(2) if it may be.
  ///
  /// - Precondition: the addresses come from `reserve`, and nobody uses them.
  @unsafe
  package func takeAccess(_ base: UnsafeMutableRawPointer, byteCount: Int) {
    do throws(Errno) {
      _ = try retrying(.mmap) {
        unsafe Int(
          bitPattern: mmap(base, byteCount, PROT_NONE, anonymousFlags | MAP_FIXED, -1, 0))
      }
      _ = unsafe munlock(base, byteCount)
    } catch {
      unsafe drop(base, byteCount: byteCount)
      _ = try? retrying(.mprotect) { unsafe Int(mprotect(base, byteCount, PROT_NONE)) }
    }
  }

  /// Whether the system counts memory that may be written to, be it used or not: RLIMIT_DATA is set, getrlimit(2), or
  /// vm.overcommit_memory was 2 when this was first asked.
  package var countsWritableMemory: Bool {
    var limit = rlimit()
    #if canImport(Glibc)
      let isKnown = unsafe getrlimit(__rlimit_resource_t(RLIMIT_DATA.rawValue), &limit) == 0
    #else
      let isKnown = unsafe getrlimit(RLIMIT_DATA, &limit) == 0
    #endif
    return isKnown && limit.rlim_cur < rlim_t.max >> 1 || isOvercommitStrict
  }

  /// Takes the memory of addresses back, and keeps the addresses: madvise(2), MADV_DONTNEED.
  ///
  /// The kernel refuses that for locked memory (EINVAL). There it is MADV_DONTNEED_LOCKED, since Linux 5.18, and before that the
  /// range is unlocked, munlock(2). On Darwin the kernel takes it as a hint.
  @unsafe
  package func drop(_ base: UnsafeMutableRawPointer, byteCount: Int) {
    do throws(Errno) {
      _ = try retrying(.madvise) { unsafe Int(madvise(base, byteCount, MADV_DONTNEED)) }
    } catch {
      #if os(Linux)
        let dropLocked: CInt = 24  // MADV_DONTNEED_LOCKED, newer than some headers
        if error != .invalidArgument { return }
        let isDropped = unsafe madvise(base, byteCount, dropLocked) == 0
        if isDropped { return }
        _ = unsafe munlock(base, byteCount)
        _ = unsafe madvise(base, byteCount, MADV_DONTNEED)
      #endif
    }
  }

  /// Says whether a touch may take a huge page of memory, or only the page that is touched: madvise(2), MADV_HUGEPAGE or
  /// MADV_NOHUGEPAGE. Kernels without huge pages refuse it.
  @unsafe
  package func useHugePages(_ isAllowed: Bool, _ base: UnsafeMutableRawPointer, byteCount: Int) {
    #if os(Linux)
      guard byteCount > 0 else { return }
      // Which glibc's headers give only to _DEFAULT_SOURCE.
      let (huge, noHuge) = (CInt(14), CInt(15))
      let advice = isAllowed ? huge : noHuge
      _ = try? retrying(.madvise) { unsafe Int(madvise(base, byteCount, advice)) }
    #endif
  }

  /// Gives addresses back: munmap(2). Where the kernel refuses, as it may when maps have run short, the addresses are lost but the
  /// memory is not.
  ///
  /// - Precondition: nobody uses these addresses any more.
  @unsafe
  package func unmap(_ base: UnsafeMutableRawPointer, byteCount: Int) {
    guard byteCount > 0 else { return }
    do throws(Errno) {
      _ = try retrying(.munmap) { unsafe Int(munmap(base, byteCount)) }
    } catch {
      unsafe drop(base, byteCount: byteCount)
    }
  }
}

/// Whether vm.overcommit_memory is 2: the system promises no more memory than it has, and counts MAP_NORESERVE like any other.
private let isOvercommitStrict: Bool = {
  #if os(Linux)
    guard
      let file = try? FileDescriptor.open(
        FilePath("/proc/sys/vm/overcommit_memory"), .readOnly, options: .closeOnExec)
    else { return false }
    defer { try? file.close() }
    var mode: UInt8 = 0
    let count = try? unsafe withUnsafeMutableBytes(of: &mode) { try unsafe file.read(into: $0) }
    return count == 1 && mode == UInt8(ascii: "2")
  #else
    return false
  #endif
}()

/// What mmap(2) is told of memory of the process's own that takes room when it is written to.
private var anonymousFlags: CInt {
  #if canImport(Darwin)
    MAP_PRIVATE | MAP_ANON | MAP_NORESERVE
  #else
    MAP_PRIVATE | MAP_ANONYMOUS | CInt(MAP_NORESERVE)
  #endif
}

import Glibc
import SystemPackage

/// System calls that a sandbox may forbid a program that runs already.
public enum ForbiddenCall: String, CaseIterable, Codable, Sendable {
  case membarrier, processMadvise, cachestat, statx, closeRange, enterRing

  #if arch(x86_64)
    private static let numbers: [ForbiddenCall: UInt32] = [.membarrier: 324, .statx: 332]
  #else
    private static let numbers: [ForbiddenCall: UInt32] = [.membarrier: 283, .statx: 291]
  #endif

  private var number: UInt32 {
    switch self {
    case .membarrier, .statx: Self.numbers[self]!
    case .enterRing: 426
    case .closeRange: 436
    case .processMadvise: 440
    case .cachestat: 451
    }
  }

  /// Has the call fail with EPERM from now on, on all threads of the process: seccomp(2).
  public func forbid() throws {
    // linux/filter.h and linux/seccomp.h, which Glibc's module has not.
    struct Instruction {
      var code: UInt16
      var ifTrue: UInt8 = 0
      var ifFalse: UInt8 = 0
      var value: UInt32
    }
    @unsafe struct Program {
      var count: UInt16
      var instructions: UnsafePointer<Instruction>
    }
    let (loadWord, jumpIfEqual, end) = (UInt16(0x20), UInt16(0x15), UInt16(0x06))
    let filter = [
      Instruction(code: loadWord, value: 0),  // the number of the call
      Instruction(code: jumpIfEqual, ifFalse: 1, value: number),
      Instruction(code: end, value: 0x0005_0000 | UInt32(EPERM)),
      Instruction(code: end, value: 0x7fff_0000),
    ]
    // PR_SET_NO_NEW_PRIVS.
    guard systemCall(prctlNumber, 38, 1) == 0 else { throw Errno(rawValue: errno) }
    let result = unsafe filter.withUnsafeBufferPointer { buffer in
      var program = unsafe Program(
        count: UInt16(buffer.count), instructions: buffer.baseAddress!)
      // SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC.
      return unsafe withUnsafePointer(to: &program) {
        systemCall(seccompNumber, 1, 1, Int(bitPattern: $0))
      }
    }
    if result != 0 { throw Errno(rawValue: errno) }
  }
}

#if arch(x86_64)
  private let (prctlNumber, seccompNumber) = (157, 317)
#else
  private let (prctlNumber, seccompNumber) = (167, 277)
#endif

/// syscall(2), which Swift hides; it is found by name. What is left out is 0.
public func systemCall(_ number: Int, _ first: Int, _ second: Int, _ third: Int = 0) -> Int {
  typealias Call = @convention(c) (Int, Int, Int, Int, Int, Int) -> Int
  let found = unsafe dlsym(nil, "syscall")
  return unsafe unsafeBitCast(found, to: Call.self)(number, first, second, third, 0, 0)
}

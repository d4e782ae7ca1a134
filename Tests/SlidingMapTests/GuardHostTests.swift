import CTestSupport
import Foundation
import MapTesting
import SlidingMap
import SystemPackage
import Testing

/// The guard in programs that handle SIGBUS themselves: each gets the faults that are its own.
struct GuardHostTests {
  @Test func `Without the guard a missing page ends the process`() async {
    await #expect(processExitsWith: GuardHostTests.fault) {
      let scratch = try Scratch()
      let maps = SlidingWindowMapManager(backend: MMapProvider(isGuarded: false))
      var cursor = try maps.cursor(for: try scratch.write("file", content(10_000)))
      try cursor.use(at: 0, count: 10)
      try scratch.resize("file", to: 0)
      print(unsafe cursor.bytes.unsafeLoad(as: UInt8.self))
    }
  }

  @Test func `A fault of somebody else ends the process as ever`() async {
    await #expect(processExitsWith: GuardHostTests.fault) {
      let scratch = try Scratch()
      try scratch.write("other", content(10_000))
      try GuardHostTests.survive(scratch)
      print(try GuardHostTests.touchForeign(scratch))
    }
  }

  /// Handlers of the host's, from before and from after the guard's: each gets what is its own, and the guard what is the guard's.
  @Test(arguments: [false, true])
  func `A host's handlers keep working`(_ isAskedTwice: Bool) async {
    await #expect(processExitsWith: .exitCode(42)) { [isAskedTwice] in
      let scratch = try Scratch()
      try scratch.write("other", content(10_000))
      HostHandler.install(.endsWith42)
      try GuardHostTests.survive(scratch)
      if isAskedTwice { HostHandler.install(.asks) }
      try GuardHostTests.survive(scratch)
      print(try GuardHostTests.touchForeign(scratch))
    }
  }

  /// It asks the guard, which has put itself first again, for what neither of them knows.
  @Test func `A host's handler that comes later asks the guard`() async {
    await #expect(processExitsWith: GuardHostTests.fault) {
      let scratch = try Scratch()
      try scratch.write("other", content(10_000))
      try GuardHostTests.survive(scratch)
      HostHandler.install(.asks)
      try GuardHostTests.survive(scratch)
      print(try GuardHostTests.touchForeign(scratch))
    }
  }

  /// As crash reporters do; and one that is to be called once. The process ends by the fault, as it would without the guard.
  @Test(arguments: [false, true])
  func `A host's handler that returns is not asked for ever`(_ isOnce: Bool) async {
    await #expect(processExitsWith: GuardHostTests.fault) { [isOnce] in
      let scratch = try Scratch()
      try scratch.write("other", content(10_000))
      try GuardHostTests.survive(scratch)
      HostHandler.install(isOnce ? .returnsOnce : .returns)
      try GuardHostTests.survive(scratch)
      print(try GuardHostTests.touchForeign(scratch))
    }
  }

  @Test func `A host's handler that is taken away is not asked`() async {
    await #expect(processExitsWith: .exitCode(42)) {
      let scratch = try Scratch()
      try scratch.write("other", content(10_000))
      HostHandler.install(.endsWith42)
      try GuardHostTests.survive(scratch)
      HostHandler.install(.endsWith43)
      try GuardHostTests.survive(scratch)
      HostHandler.install(.endsWith42)
      try GuardHostTests.survive(scratch)
      print(try GuardHostTests.touchForeign(scratch))
    }
  }

  @Test func `What somebody sends goes to the host's handler`() async {
    await #expect(processExitsWith: .exitCode(42)) {
      HostHandler.install(.endsWith42)
      try GuardHostTests.survive(try Scratch())
      raise(SIGBUS)
    }
    await #expect(processExitsWith: .success) {
      _ = signal(SIGBUS, SIG_IGN)
      try GuardHostTests.survive(try Scratch())
      raise(SIGBUS)
    }
  }

  @Test func `A null pointer ends the process as ever`() async {
    await #expect(processExitsWith: ProcessResources.isSanitized ? .failure : .signal(SIGSEGV)) {
      try GuardHostTests.survive(try Scratch())
      guard let missing = unsafe UnsafePointer<UInt8>(bitPattern: 8) else { exit(1) }
      print(unsafe missing.pointee)
    }
  }

  // MARK: Threads

  /// Of two hosts one handles SIGBUS since before the guard does, and one since afterwards; and the guard is put first again, or is not.
  @Test(arguments: [false, true])
  func `A hundred threads, each at what is its own`(_ isFirstAgain: Bool) async {
    await #expect(processExitsWith: .success) { [isFirstAgain] in
      let (pages, page, readers, touchers) = (8, 4096, 50, 25)
      let scratch = try Scratch()
      try #require(smap_host_install(0) == 0)
      let maps = SlidingWindowMapManager(backend: .mmap, windowSize: page)
      let cursors = try (0..<readers).map { index in
        let path = try scratch.write("file\(index)", content(pages * page))
        let held = Held(try maps.cursor(for: path))
        try held.cursor.use(at: 0, count: pages * page)
        return held
      }
      try #require(smap_host_install(1) == 0)
      if isFirstAgain { try GuardHostTests.survive(scratch) }
      for index in 0..<readers { try scratch.resize("file\(index)", to: 0) }
      let own = [0, 1].map {
        unsafe UInt(bitPattern: smap_host_map(CInt($0), pages * touchers))
      }
      try #require(!own.contains(0))
      let gate = Gate(readers + 2 * touchers)
      let wrong = Locked(0)
      try onThreads(readers + 2 * touchers) { thread in
        gate.pass()
        let host = thread % 2
        for index in 0..<pages {
          let isRight: Bool
          if thread < readers {
            isRight = GuardHostTests.byte(cursors[thread].cursor, at: index * page) == 0
          } else {
            let place = own[host] + UInt(((thread - readers) / 2 * pages + index) * page)
            isRight = unsafe UnsafePointer<UInt8>(bitPattern: place)!.pointee == 65 + UInt8(host)
          }
          if !isRight { wrong.withLock { $0 += 1 } }
        }
        if thread < readers {
          let error = mapError { try cursors[thread].cursor.check() }
          if error?.code != .fileTruncated { wrong.withLock { $0 += 1 } }
        }
      }
      #expect(wrong.withLock { $0 } == 0)
      #expect(smap_host_filled(0) == pages * touchers && smap_host_filled(1) == pages * touchers)
      #expect(maps.statistics.counts.faults == pages * readers)
    }
  }

  /// As where files that were cut short are mapped one after the other in the same place.
  @Test func `A host meets the same address again and again`() async {
    await #expect(processExitsWith: .success) {
      let scratch = try Scratch()
      try #require(smap_host_install(0) == 0)
      try GuardHostTests.survive(scratch)
      for round in 1...20 {
        guard let base = unsafe smap_host_map(0, 1) else { exit(1) }
        let byte = unsafe base.pointee
        #expect(byte == 65 && smap_host_filled(0) == round)
        smap_host_unmap(0)
      }
    }
  }

  /// The guard's handler runs on the stack that a thread has for signals, and what it passes on, too.
  @Test func `A thread with a stack of its own for signals`() async {
    await #expect(processExitsWith: .success) {
      let scratch = try Scratch()
      try #require(smap_host_install(0) == 0)
      let own = unsafe UInt(bitPattern: smap_host_map(0, 1))
      try #require(own != 0)
      try onThreads(1) { _ in
        let size = 256 << 10
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
        defer { unsafe memory.deallocate() }
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0xAA)
        var stack = unsafe stack_t()
        unsafe stack.ss_sp = memory.baseAddress
        unsafe stack.ss_size = size
        var former = unsafe stack_t()
        let isSet = unsafe sigaltstack(&stack, &former) == 0
        defer { _ = unsafe sigaltstack(&former, nil) }
        try GuardHostTests.survive(scratch)
        let isUsed = unsafe memory.contains { $0 != 0xAA }
        let byte = unsafe UnsafePointer<UInt8>(bitPattern: own)!.pointee
        let start = memory.baseAddress!
        let isPassedOnThere = unsafe smap_host_ran_within(0, start, start + size)
        #expect(isSet && isUsed && byte == 65 && isPassedOnThere)
      }
    }
  }

  /// The kernel asks no handler then.
  @Test func `A missing page on a thread that has SIGBUS blocked ends the process`() async {
    await #expect(processExitsWith: .signal(SIGBUS)) {
      let scratch = try Scratch()
      try GuardHostTests.survive(scratch)
      var blocked = sigset_t()
      unsafe sigemptyset(&blocked)
      unsafe sigaddset(&blocked, SIGBUS)
      unsafe pthread_sigmask(SIG_BLOCK, &blocked, nil)
      try GuardHostTests.survive(scratch)
    }
  }

  // MARK: Aids

  /// A byte that a cursor shows.
  static func byte(_ cursor: borrowing WindowCursor, at index: Int) -> UInt8 {
    unsafe cursor.bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)
  }

  /// How a process ends by a fault that nobody handles; a sanitizer ends it its own way.
  static var fault: ExitTest.Condition {
    ProcessResources.isSanitized ? .failure : .signal(SIGBUS)
  }

  /// Meets a missing page under the guard.
  static func survive(_ scratch: Scratch) throws {
    let maps = SlidingWindowMapManager(backend: .mmap)
    var cursor = try maps.cursor(for: try scratch.write("guarded", content(10_000)))
    try cursor.use(at: 0, count: 10)
    try scratch.resize("guarded", to: 0)
    guard unsafe cursor.bytes.unsafeLoad(as: UInt8.self) == 0,
      mapError({ try cursor.check() })?.code == .fileTruncated
    else { exit(1) }
  }

  /// Touches a page of a map of the test's own that its file no longer has.
  static func touchForeign(_ scratch: Scratch) throws -> UInt8 {
    let file = try FileDescriptor.open(scratch["other"], .readOnly)
    guard let base = unsafe mmap(nil, 4096, PROT_READ, MAP_SHARED, file.rawValue, 0) else {
      exit(1)
    }
    try scratch.resize("other", to: 0)
    return unsafe base.load(as: UInt8.self)
  }
}

/// Handlers of SIGBUS, as programs have them.
private enum HostHandler {
  case endsWith42, endsWith43, asks, returns, returnsOnce

  nonisolated(unsafe) private static var former = sigaction()

  static func install(_ handler: HostHandler) {
    var action = sigaction()
    unsafe sigemptyset(&action.sa_mask)
    action.sa_flags = SA_SIGINFO
    switch handler {
    case .endsWith42: unsafe action.__sigaction_handler.sa_sigaction = { _, _, _ in _exit(42) }
    case .endsWith43: unsafe action.__sigaction_handler.sa_sigaction = { _, _, _ in _exit(43) }
    case .asks:
      unsafe action.__sigaction_handler.sa_sigaction = { number, info, context in
        unsafe HostHandler.former.__sigaction_handler.sa_sigaction(number, info, context)
      }
    case .returns: unsafe action.__sigaction_handler.sa_sigaction = { _, _, _ in }
    case .returnsOnce:
      action.sa_flags |= CInt(bitPattern: UInt32(SA_RESETHAND))
      unsafe action.__sigaction_handler.sa_sigaction = { _, _, _ in }
    }
    unsafe sigaction(SIGBUS, &action, &former)
  }
}

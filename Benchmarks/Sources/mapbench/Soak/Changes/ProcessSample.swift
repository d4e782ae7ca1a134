/// What the process has at one moment.
struct ProcessSample {
  let counts: ProcessCounts
  /// Bytes of memory, files' pages included.
  let resident: Int
  /// Bytes of addresses.
  let addresses: Int

  /// Looks now.
  static func current() -> ProcessSample {
    let memory = ProcessMemory.current()
    // "12345 678 …", in pages.
    let pages = SystemText.read("/proc/self/statm")?.split(separator: " ").first.flatMap { Int($0) }
    return ProcessSample(
      counts: .current(), resident: memory.file + memory.anonymous,
      addresses: (pages ?? 0) * 4096)
  }
}

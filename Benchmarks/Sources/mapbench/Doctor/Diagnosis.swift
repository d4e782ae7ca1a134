import SlidingMap
import SystemPackage

/// All that `mapbench doctor` finds out.
struct Diagnosis: Encodable {
  let kernel: KernelReport
  let limits: LimitsReport
  /// The limits of `.automatic` for a manager that holds nothing yet.
  let budget: BudgetReport
  let ring: RingReport
  let directory: DirectoryReport
  /// What follows, in sentences.
  private(set) var conclusions: [String]

  init(directory path: FilePath) {
    let system = SystemLimits.current()
    kernel = KernelReport()
    limits = LimitsReport(system)
    budget = BudgetReport(AutomaticBudget.limits(of: system, holding: BudgetUsage()))
    ring = RingReport()
    directory = DirectoryReport(path)
    conclusions = []
    conclusions = Conclusions.of(self)
  }

  /// The report as text.
  func render() -> String {
    var page = Page()
    page.section("System")
    page.line("kernel", "Linux \(kernel.release); processors: \(grouped(kernel.processors))")
    page.line("user", kernel.isRoot ? "root" : "not root")
    page.line("page", ByteSize.text(kernel.pageSize))
    page.line("huge pages", kernel.hugePages ?? "none")
    page.line("membarrier", kernel.hasMembarrier ? "works" : "missing")

    page.section("Limits")
    page.line(
      "descriptors",
      "\(Self.limit(limits.openFiles.soft, grouped)), \(grouped(limits.openFilesInUse)) in use; "
        + "can be raised to \(Self.limit(limits.openFiles.hard, grouped))  (RLIMIT_NOFILE)")
    page.line(
      "addresses",
      "\(Self.limit(limits.addresses.soft, ByteSize.text)), "
        + "\(ByteSize.text(limits.addressesInUse)) in use  (RLIMIT_AS)")
    page.line(
      "kernel maps",
      "\(Self.limit(limits.maxMapCount, grouped)), \(grouped(limits.mapsInUse)) in use  "
        + "(vm.max_map_count)")
    page.line(
      "locked memory",
      Self.limit(limits.lockedMemory.soft, ByteSize.text)
        + (kernel.isRoot ? ", which does not bind root" : "") + "  (RLIMIT_MEMLOCK)")
    page.line("memory", limits.memory.map(ByteSize.text) ?? "unknown")
    page.line("control group", Self.limit(limits.cgroupMemory, ByteSize.text) + "  (memory)")

    page.section("What the automatic budget makes of them")
    page.line("bytes", Self.limit(budget.bytes, ByteSize.text))
    page.line("regions", Self.limit(budget.regions, grouped))
    page.line("kernel maps", Self.limit(budget.maps, grouped))
    page.line("addresses", Self.limit(budget.addresses, ByteSize.text))
    page.line("handles", Self.limit(budget.handles, grouped))

    page.section("io_uring")
    for (name, text) in ring.lines { page.line(name, text) }

    page.section("Directory \(directory.path)")
    page.line("file system", directory.fileSystem)
    page.line("tried on", directory.triedOn ?? "nothing")
    page.line("mmap", Self.outcome(directory.isMappable))
    page.line("populating", Self.outcome(directory.isPopulatable) + "  (MADV_POPULATE_READ)")
    page.line("not waiting", Self.outcome(directory.readsWithoutWaiting) + "  (RWF_NOWAIT)")
    page.line(
      "O_DIRECT",
      directory.directAlignment.map { "works, aligned to \(grouped($0)) bytes" }
        ?? Self.outcome(directory.triedOn == nil ? nil : false))
    for problem in directory.problems { page.line("problem", problem) }

    page.section("So the default manager, `SlidingWindowMapManager()`,")
    for conclusion in conclusions { page.item(conclusion) }
    return page.text
  }

  private static func limit(_ value: Int?, _ text: (Int) -> String) -> String {
    value.map(text) ?? "no limit"
  }

  private static func outcome(_ works: Bool?) -> String {
    works.map { $0 ? "works" : "does not work" } ?? "not tried"
  }
}

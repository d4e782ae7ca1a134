import MapProtocols
import Policies
import Synchronization
import Testing

/// What the budgets allow, on systems made up for the purpose.
struct BudgetTests {
  private static let gibibyte = 1 << 30

  private func limits(
    _ system: SystemLimits, holding usage: BudgetUsage = BudgetUsage()
  ) -> BudgetLimits {
    AutomaticBudget { system }.limits(holding: usage)
  }

  @Test func fixedKeepsWhatItWasGiven() {
    let budget: some Budget = .fixed(bytes: 1 << 20, regions: 7, maps: 6, handles: 5, isHard: true)
    let limits = budget.limits(holding: BudgetUsage())
    #expect(
      limits == BudgetLimits(bytes: 1 << 20, regions: 7, maps: 6, handles: 5, isHard: true))
    let partial: some Budget = .fixed(regions: 3)
    #expect(partial.limits(holding: BudgetUsage()) == BudgetLimits(regions: 3))
  }

  @Test func unlimitedHasNoLimit() {
    let budget: some Budget = .unlimited
    #expect(budget.limits(holding: BudgetUsage()) == BudgetLimits())
  }

  @Test func aLimitIsNeverZero() async {
    await #expect(processExitsWith: .failure) { _ = FixedBudget.fixed(bytes: 0) }
    await #expect(processExitsWith: .failure) { _ = FixedBudget.fixed(regions: 0) }
    await #expect(processExitsWith: .failure) { _ = FixedBudget.fixed(maps: 0) }
    await #expect(processExitsWith: .failure) { _ = FixedBudget.fixed(handles: -1) }
  }

  @Test func anOrdinaryMachine() {
    let system = SystemLimits(
      openFiles: 1024, maxMapCount: 65_530, memory: 16 * Self.gibibyte, openFilesInUse: 24,
      addressSpaceInUse: 1 << 30, mapsInUse: 530)
    #expect(
      limits(system) == BudgetLimits(bytes: 8 * Self.gibibyte, maps: 32_500, handles: 500))
  }

  @Test func anUnknownSystemIsUnlimitedSaveInHandles() {
    #expect(limits(SystemLimits()) == BudgetLimits(handles: 1024))
  }

  @Test func aHugeMachine() {
    let system = SystemLimits(
      openFiles: 1 << 30, maxMapCount: 1 << 30, memory: 1 << 50, openFilesInUse: 5, mapsInUse: 30)
    #expect(limits(system).handles == 1024)
    #expect(limits(system).bytes == 1 << 49)
  }

  @Test func aTinyMachineStillReads() {
    let system = SystemLimits(
      openFiles: 8, addressSpace: 1 << 20, maxMapCount: 20, memory: 1 << 20, openFilesInUse: 8,
      addressSpaceInUse: 2 << 20, mapsInUse: 25)
    #expect(limits(system) == BudgetLimits(bytes: 4096, maps: 4, addresses: 4096, handles: 4))
    #expect(limits(SystemLimits(memory: 32 << 20)).bytes == 16 << 20)
    #expect(limits(SystemLimits(memory: 200 << 20)).bytes == 100 << 20)
    #expect(limits(SystemLimits(memory: 100_000, pageSize: 16_384)).bytes == 49_152)
  }

  @Test func aControlGroupCountsWhereItAllowsLess() {
    let memory = 64 * Self.gibibyte
    #expect(limits(SystemLimits(memory: memory, cgroupMemory: nil)).bytes == memory / 2)
    #expect(limits(SystemLimits(memory: memory, cgroupMemory: 4 << 30)).bytes == 2 << 30)
    #expect(limits(SystemLimits(memory: memory, cgroupMemory: .max)).bytes == memory / 2)
  }

  /// The system can't take them back.
  @Test func copiesGetHalfOfWhatMapsGet() {
    var copies = BudgetUsage()
    copies.isCopied = true
    #expect(limits(SystemLimits(memory: 4 << 30), holding: copies).bytes == 1 << 30)
    #expect(limits(SystemLimits(memory: 32 << 20), holding: copies).bytes == 16 << 20)
    #expect(limits(SystemLimits(memory: 200 << 20), holding: copies).bytes == 64 << 20)
    let shared = AutomaticBudget(refreshingEvery: .seconds(1_000_000)) {
      SystemLimits(memory: 4 << 30)
    }
    #expect(shared.limits(holding: BudgetUsage()).bytes == 2 << 30)
    #expect(shared.limits(holding: copies).bytes == 1 << 30)
  }

  @Test func halfOfTheAddressesLeftStaysWithTheProgram() {
    var system = SystemLimits(
      addressSpace: 1 << 30, memory: 64 * Self.gibibyte, addressSpaceInUse: 512 << 20)
    #expect(limits(system).bytes == 256 << 20)
    #expect(limits(system).addresses == 256 << 20)
    system.addressSpaceInUse = 1 << 30
    #expect(limits(system).bytes == system.pageSize)
  }

  @Test func halfOfTheWritableMemoryLeftStaysWithTheProgram() {
    var system = SystemLimits(data: 1 << 30, memory: 64 * Self.gibibyte, dataInUse: 512 << 20)
    #expect(limits(system).bytes == 256 << 20)
    var usage = BudgetUsage()
    usage.bytes = 200 << 20
    system.dataInUse += usage.bytes
    #expect(limits(system, holding: usage).bytes == 256 << 20)
    system.data = .max
    #expect(limits(system).bytes == 32 * Self.gibibyte)
  }

  /// Else the limits would sink as the manager fills them.
  @Test func whatTheManagerHoldsIsNotHeldAgainstIt() {
    var system = SystemLimits(
      openFiles: 1024, addressSpace: 1 << 30, maxMapCount: 65_530, memory: 64 * Self.gibibyte,
      openFilesInUse: 24, addressSpaceInUse: 512 << 20, mapsInUse: 530)
    let empty = limits(system)
    var usage = BudgetUsage()
    (usage.addresses, usage.maps, usage.handles) = (200 << 20, 900, 400)
    system.addressSpaceInUse += usage.addresses
    system.mapsInUse += usage.maps
    system.openFilesInUse += usage.handles
    #expect(limits(system, holding: usage) == empty)
  }

  @Test func anAnswerHoldsForTheInterval() {
    final class Reader: Sendable {
      let reads = Mutex(0)
      func read() -> SystemLimits {
        SystemLimits(
          openFiles: 100
            * reads.withLock {
              $0 += 1; return $0
            })
      }
    }
    let usage = BudgetUsage()
    let reader = Reader()
    let lasting = AutomaticBudget(refreshingEvery: .seconds(1_000_000)) { reader.read() }
    #expect([1, 2, 3].map { _ in lasting.limits(holding: usage).handles } == [50, 50, 50])
    let fresh = AutomaticBudget(refreshingEvery: .zero) { reader.read() }
    #expect([1, 2].map { _ in fresh.limits(holding: usage).handles } == [100, 150])
  }
}

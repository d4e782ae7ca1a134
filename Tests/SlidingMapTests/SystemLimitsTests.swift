import MapProtocols
import Policies
import SlidingMap
import SystemPackage
import Testing

/// What is read from the system, and from made-up control groups.
struct SystemLimitsTests {
  @Test func thisSystemHasLimitsAndUses() {
    let limits = SystemLimits.current()
    #expect(limits.pageSize >= 4096 && limits.pageSize & (limits.pageSize - 1) == 0)
    #expect(limits.openFiles > 0 && limits.memory > 0)
    #if os(Linux)
      #expect(limits.openFilesInUse >= 3 && limits.mapsInUse > 10)
      #expect(limits.addressSpaceInUse > limits.dataInUse && limits.dataInUse > limits.pageSize)
      #expect(limits.maxMapCount < .max)
    #endif
    let budget: some Budget = .automatic
    #expect(budget.limits(holding: BudgetUsage()).handles >= 4)
  }

  #if os(Linux)
    /// It is then that a manager asks. In a process of its own, which nobody else needs descriptors in.
    @Test func aFullDescriptorTableLiftsNoLimit() async {
      await #expect(processExitsWith: .success) {
        let before = SystemLimits.current()
        var opened: [FileDescriptor] = []
        // A leak checker at the end of the process wants descriptors again.
        defer { for descriptor in opened { try? descriptor.close() } }
        while let descriptor = try? FileDescriptor.open(FilePath("/dev/null"), .readOnly) {
          opened.append(descriptor)
        }
        let after = SystemLimits.current()
        // The test's own runtime may close a descriptor of its own meanwhile.
        #expect(after.openFiles - after.openFilesInUse <= 2)
        #expect(after.maxMapCount == before.maxMapCount && after.mapsInUse > 10)
        #expect(after.cgroupMemory == before.cgroupMemory)
      }
    }
  #endif

  @Test func version2CountsEveryGroupAbove() {
    let files = [
      "/proc/self/cgroup": "0::/a/b/c\n",
      "/proc/self/mountinfo":
        "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n",
      "/sys/fs/cgroup/a/b/c/memory.max": "max\n",
      "/sys/fs/cgroup/a/b/c/memory.high": "900000\n",
      "/sys/fs/cgroup/a/b/memory.max": "800000\n",
      "/sys/fs/cgroup/a/memory.max": "850000\n",
    ]
    #expect(CgroupMemory.limit { files[$0] } == 800_000)
  }

  @Test func version1HasItsOwnFileAndMount() {
    let files = [
      "/proc/self/cgroup": "9:cpu,cpuacct:/x\n4:memory:/a\n1:name=systemd:/y\n",
      "/proc/self/mountinfo": """
      34 25 0:30 / /sys/fs/cgroup/cpu rw shared:9 - cgroup cgroup rw,cpu,cpuacct
      35 25 0:31 / /sys/fs/cgroup/memory rw shared:10 - cgroup cgroup rw,memory
      """,
      "/sys/fs/cgroup/memory/a/memory.limit_in_bytes": "700000\n",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
      "/sys/fs/cgroup/cpu/x/memory.limit_in_bytes": "5\n",
    ]
    #expect(CgroupMemory.limit { files[$0] } == 700_000)
  }

  @Test func aContainerSeesItsGroupAtTheMountPoint() {
    let files = [
      "/proc/self/cgroup": "4:memory:/docker/abc\n",
      "/proc/self/mountinfo":
        "35 25 0:31 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": "600000\n",
    ]
    #expect(CgroupMemory.limit { files[$0] } == 600_000)
    // A group outside what is mounted.
    var moved = files
    moved["/proc/self/cgroup"] = "4:memory:/../other\n"
    #expect(CgroupMemory.limit { moved[$0] } == 600_000)
  }

  @Test func whatIsMissingDoesNotBind() {
    #expect(CgroupMemory.limit { _ in nil } == nil)
    #expect(CgroupMemory.limit { _ in "" } == nil)
    #expect(CgroupMemory.limit { _ in "0::/\n- - - cgroup2\n:::::::" } == nil)
  }
}

/// How much memory the control groups of this process allow it: cgroups of version 2 and 1.
///
/// A limit anywhere above binds as well, so it goes from the process's own group up to the root of what is mounted.
package enum CgroupMemory {
  /// The least limit in bytes, or nil where there is none.
  ///
  /// - Parameter text: gives a file's content, or nil if it can't be read.
  package static func limit(text: (String) -> String?) -> Int? {
    guard let groups = text("/proc/self/cgroup"), let mounts = text("/proc/self/mountinfo") else {
      return nil
    }
    var least: Int?
    for mount in mounts.split(separator: "\n").compactMap(Mount.init) {
      guard let group = group(in: groups, of: mount) else { continue }
      for directory in directories(from: group, in: mount) {
        for name in mount.isUnified ? ["memory.max", "memory.high"] : ["memory.limit_in_bytes"] {
          // "max" is no number, and version 1's word for "no limit" is a huge one: both don't bind.
          let limit = text("\(directory)/\(name)").flatMap { Int($0.prefix { $0.isNumber }) }
          if let limit, limit > 0 { least = min(limit, least ?? .max) }
        }
      }
    }
    return least
  }

  /// A mounted hierarchy that may account memory.
  private struct Mount {
    let root: String
    let point: String
    let isUnified: Bool

    /// Reads a line of /proc/self/mountinfo; nil for other mounts. Fields: proc_pid_mountinfo(5).
    init?(_ line: Substring) {
      let fields = line.split(separator: " ")
      guard let dash = fields.firstIndex(of: "-"), dash > 4, fields.count > dash + 3 else {
        return nil
      }
      switch fields[dash + 1] {
      case "cgroup2": isUnified = true
      case "cgroup" where fields[dash + 3].split(separator: ",").contains("memory"):
        isUnified = false
      default: return nil
      }
      root = String(fields[3])
      point = String(fields[4])
    }
  }

  /// The process's group in a hierarchy, as /proc/self/cgroup has it: "0::/a/b", or "4:cpu,memory:/a/b" in version 1.
  private static func group(in groups: String, of mount: Mount) -> String? {
    for line in groups.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let isIt =
        mount.isUnified
        ? fields[0] == "0" && fields[1].isEmpty
        : fields[1].split(separator: ",").contains("memory")
      if isIt { return String(fields[2]) }
    }
    return nil
  }

  /// The group's directory and those above it, up to the mount point.
  private static func directories(from group: String, in mount: Mount) -> [String] {
    // In a container the mount may begin at the container's group while the group is named from the machine's root, or
    // lie outside altogether ("/../a"): then what is mounted is all that can be seen.
    var names: ArraySlice<Substring> = group.split(separator: "/")[...]
    let root = mount.root.split(separator: "/")
    if names.starts(with: root) { names = names.dropFirst(root.count) } else { names = [] }
    if names.contains("..") { names = [] }
    return (0...names.count).reversed().map { count in
      names.prefix(count).reduce(mount.point) { "\($0)/\($1)" }
    }
  }
}

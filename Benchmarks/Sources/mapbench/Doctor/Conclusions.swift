/// What follows from a diagnosis for a manager made with the defaults, in sentences that go on from "the default manager".
enum Conclusions {
  static func of(_ found: Diagnosis) -> [String] {
    mapping(found) + descriptors(found) + budget(found) + files(found)
  }

  private static func mapping(_ found: Diagnosis) -> [String] {
    switch found.directory.isMappable {
    case true?: ["maps the files of \(found.directory.path) (`.automatic` begins with mmap)."]
    case false?:
      [
        "can't map the files of \(found.directory.path): opening one fails with `.notMappable`. "
          + "`.uring()` and `.pread` read them."
      ]
    case nil:
      ["begins with mmap; whether the files there can be mapped was not tried."]
    }
  }

  private static func descriptors(_ found: Diagnosis) -> [String] {
    var sentences: [String] = []
    let limits = found.limits
    if found.ring.isAvailable, !found.ring.opensWithoutDescriptors {
      sentences.append(
        "reads on through io_uring where no addresses are to be had (ENOMEM). This kernel's ring opens "
          + "no files of its own: where descriptors run out and none of the manager's is idle, "
          + "opening a file throws `.handlesExhausted`.")
    } else if found.ring.isAvailable {
      sentences.append(
        "reads on through io_uring where no descriptor is to be had (EMFILE) or no addresses "
          + "(ENOMEM), and maps again when the pressure is gone.")
    } else {
      sentences.append(
        "has no ring to take over, because \(found.ring.reason). Where addresses run out it reads "
          + "by pread; where descriptors run out and none of its own is idle, opening a file "
          + "throws `.handlesExhausted`.")
    }
    if let handles = found.budget.handles, let soft = limits.openFiles.soft, soft <= 1024 {
      let room = max(soft - limits.openFilesInUse, 0)
      var sentence =
        "keeps at most \(grouped(handles)) descriptors open, of \(grouped(room)) that are left to "
        + "this process. Maps outlive their descriptors, so it can map more files than that."
      if limits.openFiles.hard.map({ $0 > soft }) ?? true {
        sentence += " The program may raise the limit to \(text(limits.openFiles.hard, grouped))."
      }
      sentences.append(sentence)
    }
    return sentences
  }

  private static func budget(_ found: Diagnosis) -> [String] {
    var sentences: [String] = []
    let (limits, budget) = (found.limits, found.budget)
    if let bytes = budget.bytes {
      let reason: String
      if let addresses = budget.addresses, addresses == bytes {
        reason = "half of the addresses that RLIMIT_AS leaves"
      } else if let group = limits.cgroupMemory, group < limits.memory ?? .max {
        reason = "a part of the \(ByteSize.text(group)) that the control group allows"
      } else {
        reason = "a part of the machine's \(text(limits.memory, ByteSize.text))"
      }
      sentences.append(
        "keeps at most \(ByteSize.text(bytes)) of windows in memory, \(reason); page cache that "
          + "the kernel takes back when it needs to.")
    }
    if let maps = budget.maps {
      sentences.append("maps at most \(grouped(maps)) files at a time, whatever their windows.")
    }
    if let locked = limits.lockedMemory.soft, !found.kernel.isRoot, locked < 1 << 20 {
      sentences.append(
        "may lock only \(ByteSize.text(locked)); older kernels charge a ring's memory to that, and "
          + "one that does not fit is not made.")
    }
    return sentences
  }

  private static func files(_ found: Diagnosis) -> [String] {
    var sentences: [String] = []
    let directory = found.directory
    if directory.isMemory {
      sentences.append("never waits for a disk there: the file system lies in memory.")
    }
    if directory.isRemote {
      sentences.append(
        "may show old bytes there: other machines can change the files unseen by this one's page "
          + "cache.")
    }
    if let alignment = directory.directAlignment, found.ring.isAvailable {
      sentences.append(
        "uses the page cache. `.uring(direct: true)` would read past it there, aligned to "
          + "\(grouped(alignment)) bytes: for files read once, or that no page cache can hold.")
    }
    if !found.kernel.hasMembarrier {
      sentences.append("pays some ten nanoseconds more for each access, for want of membarrier.")
    }
    return sentences
  }

  private static func text(_ value: Int?, _ text: (Int) -> String) -> String {
    value.map(text) ?? "any number"
  }
}

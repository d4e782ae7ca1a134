/// The names of file systems by the numbers that statfs(2) gives, from linux/magic.h and the file systems' own sources.
enum FileSystemName {
  private static let names: [Int64: String] = [
    0xEF53: "ext2, ext3 or ext4", 0x9123_683E: "btrfs", 0x5846_5342: "xfs", 0x0102_1994: "tmpfs",
    0x794C_7630: "overlayfs", 0x6969: "NFS", 0x6573_5546: "FUSE", 0x2FC1_2FC1: "ZFS",
    0xF2F5_2010: "f2fs", 0xCA45_1A4E: "bcachefs", 0x9FA0: "proc", 0x6265_6572: "sysfs",
    0xFF53_4D42: "CIFS", 0xFE53_4D42: "SMB", 0x0102_1997: "9p", 0x7371_7368: "squashfs",
    0xE0F5_E1E2: "erofs", 0x8584_58F6: "ramfs", 0x00C3_6400: "Ceph", 0x4D44: "FAT",
    0x2011_BAB0: "exFAT", 0x9660: "ISO 9660", 0x7366_746E: "NTFS", 0x9584_58F6: "hugetlbfs",
    0xF15F: "eCryptfs", 0x2725_1109: "cgroup", 0x6367_7270: "cgroup2", 0x1373: "devfs",
  ]

  /// The file system's name, or its number in words.
  static func of(_ type: Int64) -> String {
    names[type] ?? "unknown, number 0x\(String(type, radix: 16))"
  }

  /// Whether its files lie in memory: no disk is ever waited for, and no cold cache can be measured.
  static func isMemory(_ type: Int64) -> Bool { type == 0x0102_1994 || type == 0x8584_58F6 }

  /// Whether another machine may change its files, unseen by this one's page cache.
  static func isRemote(_ type: Int64) -> Bool {
    [0x6969, 0xFF53_4D42, 0xFE53_4D42, 0x0102_1997, 0x00C3_6400].contains(type)
  }
}

// What the system tells of a file, its birth time included, which stat(2) has not on Linux.
#ifndef CMAPSHIMS_STATUS_H
#define CMAPSHIMS_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

typedef struct smap_status {
  uint64_t device, inode;
  // As of stat(2): type and permissions.
  uint32_t mode;
  int64_t size;
  // In nanoseconds.
  int64_t change_time, modification_time, birth_time;
  bool has_birth_time;
  // Nobody can write below the file's end.
  bool is_append_only;
  // Other files of its file system may have the same device and inode at the same time: FUSE, 9p, network file systems.
  bool is_ambiguous;
} smap_status;

// Examines an open file: statx(2), and fstatfs(2) for file systems without a block device; fstat(2) where statx(2) is missing or
// forbidden. 0, or -1 with errno.
int smap_examine(int fd, smap_status *status);

// The same of what a path leads to that begins in a directory (AT_FDCWD), with AT_SYMLINK_NOFOLLOW among `flags` or not: statx(2), or
// fstatat(2).
int smap_examine_path(int directory, const char *path, int flags, smap_status *status);

#pragma clang assume_nonnull end

#endif

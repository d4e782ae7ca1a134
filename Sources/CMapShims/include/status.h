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
  // Other files of its file system may have the same device and inode at the same time: FUSE, 9p.
  bool is_ambiguous;
} smap_status;

// Examines what `path` leads to, or `fd` where it is null: statx(2), and statfs(2) or fstatfs(2) for file systems without a block device;
// stat(2) or fstat(2) where statx(2) is missing or forbidden. 0, or -1 with errno.
int smap_examine(int fd, const char *_Nullable path, smap_status *status);

#pragma clang assume_nonnull end

#endif

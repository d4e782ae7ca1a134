#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "status.h"

#include <errno.h>
#include <sys/stat.h>

#ifdef __APPLE__
#define CHANGE st_ctimespec
#define MODIFICATION st_mtimespec
#else
#define CHANGE st_ctim
#define MODIFICATION st_mtim
#endif

static int64_t nanoseconds(int64_t seconds, int64_t rest) {
  return (int64_t)((uint64_t)seconds * 1000000000u + (uint64_t)rest);
}

static int examine_plainly(int fd, const char *path, smap_status *status) {
  struct stat plain;
  if ((path ? stat(path, &plain) : fstat(fd, &plain)) != 0) return -1;
  *status = (smap_status){
    .device = plain.st_dev, .inode = plain.st_ino, .mode = plain.st_mode, .size = plain.st_size,
    .change_time = nanoseconds(plain.CHANGE.tv_sec, plain.CHANGE.tv_nsec),
    .modification_time = nanoseconds(plain.MODIFICATION.tv_sec, plain.MODIFICATION.tv_nsec),
#ifdef __APPLE__
    .birth_time = nanoseconds(plain.st_birthtimespec.tv_sec, plain.st_birthtimespec.tv_nsec),
    .has_birth_time = true,
#endif
  };
  return 0;
}

#ifdef __linux__
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

static bool is_ambiguous(int fd, const char *path) {
  struct statfs system;
  if ((path ? statfs(path, &system) : fstatfs(fd, &system)) != 0) return false;
  return system.f_type == 0x65735546     // FUSE, virtiofs
      || system.f_type == 0x01021997;    // 9p
}

int smap_examine(int fd, const char *path, smap_status *status) {
  struct statx found;
  int result = path ? statx(AT_FDCWD, path, AT_STATX_SYNC_AS_STAT, STATX_BASIC_STATS | STATX_BTIME, &found)
                    : statx(fd, "", AT_EMPTY_PATH | AT_STATX_SYNC_AS_STAT, STATX_BASIC_STATS | STATX_BTIME, &found);
  if (result != 0) {
    if (errno != ENOSYS && errno != EPERM) return -1;
    result = examine_plainly(fd, path, status);
  } else {
    *status = (smap_status){
      .device = makedev(found.stx_dev_major, found.stx_dev_minor), .inode = found.stx_ino,
      .mode = found.stx_mode, .size = (int64_t)found.stx_size,
      .change_time = nanoseconds(found.stx_ctime.tv_sec, found.stx_ctime.tv_nsec),
      .modification_time = nanoseconds(found.stx_mtime.tv_sec, found.stx_mtime.tv_nsec),
      .birth_time = nanoseconds(found.stx_btime.tv_sec, found.stx_btime.tv_nsec),
      .has_birth_time = (found.stx_mask & STATX_BTIME) != 0,
      .is_append_only = (found.stx_attributes & STATX_ATTR_APPEND) != 0,
    };
  }
  // File systems on a block device have its numbers; the others have 0 for the major one.
  if (result == 0 && major(status->device) == 0) status->is_ambiguous = is_ambiguous(fd, path);
  return result;
}
#else
int smap_examine(int fd, const char *path, smap_status *status) { return examine_plainly(fd, path, status); }
#endif

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "status.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
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

static int examine_plainly(int fd, const char *path, int flags, smap_status *status) {
  struct stat plain;
  if ((path ? fstatat(fd, path, &plain, flags) : fstat(fd, &plain)) != 0) return -1;
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
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

// statfs(2) follows links and knows no directory to begin in, so a path of either kind is opened for the question.
static bool is_ambiguous(int fd, const char *path, int flags) {
  struct statfs system;
  int result, place = -1;
  if (path && (fd != AT_FDCWD || flags)) {
    place = openat(fd, path, O_PATH | O_CLOEXEC | (flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0));
    if (place < 0) return true;
    result = fstatfs(place, &system);
    close(place);
  } else {
    result = path ? statfs(path, &system) : fstatfs(fd, &system);
  }
  // What nobody can tell proves nothing.
  if (result != 0) return true;
  switch ((uint32_t)system.f_type) {
    case 0x65735546:                     // FUSE, virtiofs
    case 0x01021997:                     // 9p
    case 0x00006969:                     // NFS
    case 0x0000517B:                     // SMB
    case 0xFE534D42:
    case 0xFF534D42:
    case 0x5346414F:                     // AFS
    case 0x6B414653:
      return true;
    default: return false;
  }
}

static int examine(int fd, const char *path, int flags, smap_status *status) {
  struct statx found;
  unsigned mask = STATX_BASIC_STATS | STATX_BTIME;
  int result = path ? statx(fd, path, flags | AT_STATX_SYNC_AS_STAT, mask, &found)
                    : statx(fd, "", AT_EMPTY_PATH | AT_STATX_SYNC_AS_STAT, mask, &found);
  if (result != 0) {
    if (errno != ENOSYS && errno != EPERM) return -1;
    result = examine_plainly(fd, path, flags, status);
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
  if (result == 0 && major(status->device) == 0) status->is_ambiguous = is_ambiguous(fd, path, flags);
  return result;
}
#else
static int examine(int fd, const char *path, int flags, smap_status *status) {
  return examine_plainly(fd, path, flags, status);
}
#endif

int smap_examine(int fd, smap_status *status) { return examine(fd, NULL, 0, status); }

int smap_examine_path(int directory, const char *path, int flags, smap_status *status) {
  return examine(directory, path, flags, status);
}

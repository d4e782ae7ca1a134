#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "CMapShims.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/stat.h>

#ifdef __linux__
#include <linux/membarrier.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

static long membarrier(int command) {
  return syscall(SYS_membarrier, command, 0, 0);
}

bool smap_membarrier_register(void) {
  long commands = membarrier(MEMBARRIER_CMD_QUERY);
  return commands >= 0 && (commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED)
      && membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
}

bool smap_membarrier(void) {
  return membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0;
}

// One number on all architectures but Alpha. Declared here because kernel headers before 6.5 know neither it nor its
// structures.
#if !defined(SYS_cachestat) && !defined(__alpha__)
#define SYS_cachestat 451
#endif

int64_t smap_cached_pages(int fd, int64_t offset, int64_t count) {
#ifdef SYS_cachestat
  struct { uint64_t offset, count; } range = { (uint64_t)offset, (uint64_t)count };
  struct { uint64_t cached, dirty, writeback, evicted, recently_evicted; } pages;
  return syscall(SYS_cachestat, fd, &range, &pages, 0) == 0 ? (int64_t)pages.cached : -1;
#else
  errno = ENOSYS;
  return -1;
#endif
}

ssize_t smap_warm(int fd, int64_t offset, size_t count) {
  int out = open("/dev/null", O_WRONLY | O_CLOEXEC);
  struct stat status;
  // Anything else would be written to.
  if (out < 0 || fstat(out, &status) != 0 || !S_ISCHR(status.st_mode) || status.st_rdev != makedev(1, 3)) {
    if (out >= 0) close(out);
    errno = ENOTSUP;
    return -1;
  }
  off_t position = (off_t)offset;
  ssize_t sent = sendfile(out, fd, &position, count);
  int error = errno;
  close(out);
  // EOVERFLOW: past what the file system of /dev may hold.
  bool is_refused = error == EINVAL || error == ENOSYS || error == EPERM || error == EACCES || error == ESPIPE
      || error == EOVERFLOW;
  errno = is_refused ? ENOTSUP : error;
  return sent;
}

int smap_lock(const void *address, size_t count, bool populates) {
  if (populates) {
    // mlock(2) never returns where a page of a file can't be read (seen on Linux 6.18): each fault gives up the kernel's lock to read, and
    // is then made anew, as if for the first time. This one tells. It is newer than mlock(2), and than some headers.
    const int populate_read = 22;  // MADV_POPULATE_READ
    if (madvise((void *)address, count, populate_read) != 0 && errno == EFAULT) {
      errno = ENOMEM;
      return -1;
    }
    return mlock(address, count);
  }
#ifdef SYS_mlock2
  long locked = syscall(SYS_mlock2, address, count, 1);  // MLOCK_ONFAULT, newer than some headers
  return locked != 0 && (errno == ENOSYS || errno == EINVAL) ? 0 : (int)locked;
#else
  return 0;
#endif
}

ssize_t smap_read_cached(int fd, void *buffer, size_t count, int64_t offset) {
#ifdef RWF_NOWAIT
  struct iovec vector = { buffer, count };
  return preadv2(fd, &vector, 1, offset, RWF_NOWAIT);
#else
  errno = EOPNOTSUPP;
  return -1;
#endif
}

ssize_t smap_drop(const struct iovec *ranges, size_t count) {
#ifdef SYS_process_madvise
  const int self = -10000;  // PIDFD_SELF_THREAD, newer than most headers
  return syscall(SYS_process_madvise, self, ranges, count, MADV_DONTNEED, 0);
#else
  (void)ranges, (void)count;
  errno = ENOSYS;
  return -1;
#endif
}

static pthread_once_t releases = PTHREAD_ONCE_INIT;
static bool has_fine_times;

static void read_release(void) {
  struct utsname name;
  int major = 0, minor = 0;
  if (uname(&name) == 0 && sscanf(name.release, "%d.%d", &major, &minor) == 2)
    has_fine_times = major > 6 || (major == 6 && minor >= 13);
}

bool smap_has_fine_times(int fd, const char *path) {
  pthread_once(&releases, read_release);
  struct statfs system;
  if (!has_fine_times || (path ? statfs(path, &system) : fstatfs(fd, &system)) != 0) return false;
  switch ((unsigned long)system.f_type) {
    case 0xEF53:      // ext4
    case 0x58465342:  // XFS
    case 0x9123683E:  // Btrfs
    case 0x01021994:  // tmpfs
      return true;
    default: return false;
  }
}

bool smap_has_huge_pages(int fd) {
  struct statfs system;
  return fstatfs(fd, &system) == 0 && (uint32_t)system.f_type == 0x958458f6;
}

int smap_leave_descriptors(void) {
#ifdef SYS_close_range
  long number = SYS_close_range;
#else
  long number = 436;  // the same on all architectures
#endif
  unsigned unshare = 1 << 1;  // CLOSE_RANGE_UNSHARE, newer than some headers
  return (int)syscall(number, 3u, ~0u, unshare);
}

void *smap_enlarge(void *address, size_t old_size, size_t new_size) {
  return mremap(address, old_size, new_size, MREMAP_MAYMOVE);
}
#else
bool smap_has_fine_times(int fd, const char *path) {
  (void)fd, (void)path;
  return false;
}

bool smap_has_huge_pages(int fd) {
  (void)fd;
  return false;
}

ssize_t smap_warm(int fd, int64_t offset, size_t count) {
  (void)fd, (void)offset, (void)count;
  errno = ENOTSUP;
  return -1;
}

int smap_lock(const void *address, size_t count, bool populates) {
  return populates ? mlock(address, count) : 0;
}

int smap_leave_descriptors(void) {
  errno = ENOSYS;
  return -1;
}

void *smap_enlarge(void *address, size_t old_size, size_t new_size) {
  (void)address, (void)old_size, (void)new_size;
  errno = ENOSYS;
  return (void *)-1;
}

ssize_t smap_drop(const struct iovec *ranges, size_t count) {
  (void)ranges, (void)count;
  errno = ENOSYS;
  return -1;
}

int64_t smap_cached_pages(int fd, int64_t offset, int64_t count) {
  (void)fd, (void)offset, (void)count;
  errno = ENOSYS;
  return -1;
}

ssize_t smap_read_cached(int fd, void *buffer, size_t count, int64_t offset) {
  (void)fd, (void)buffer, (void)count, (void)offset;
  errno = EOPNOTSUPP;
  return -1;
}

bool smap_membarrier_register(void) { return false; }
bool smap_membarrier(void) { return false; }
#endif

ssize_t smap_read_page_map(void *buffer, size_t count, int64_t offset) {
  int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  ssize_t done = pread(fd, buffer, count, offset);
  int error = errno;
  close(fd);
  errno = error;
  return done;
}

static _Thread_local uint32_t ordinal;
static atomic_uint ordinals;

uint32_t smap_thread_ordinal(void) {
  if (ordinal == 0) ordinal = atomic_fetch_add_explicit(&ordinals, 1, memory_order_relaxed) + 1;
  return ordinal - 1;
}

static _Thread_local int completions;

int smap_completion_depth(int change) { return completions += change; }

static atomic_uint generation;
static pthread_once_t forks = PTHREAD_ONCE_INIT;

static void forked(void) {
  atomic_fetch_add_explicit(&generation, 1, memory_order_relaxed);
}

static void watch_forks(void) {
  pthread_atfork(NULL, NULL, forked);
}

uint32_t smap_fork_generation(void) {
  pthread_once(&forks, watch_forks);
  return atomic_load_explicit(&generation, memory_order_relaxed);
}

ssize_t smap_find(const void *bytes, size_t count, const void *pattern, size_t length) {
  if (count < length) return -1;
  const char *place = length == 1 ? memchr(bytes, *(const unsigned char *)pattern, count)
                                  : memmem(bytes, count, pattern, length);
  return place ? place - (const char *)bytes : -1;
}

int64_t smap_mapped_pages(int fd, int64_t offset, int64_t count) {
  struct stat status;
  if (fstat(fd, &status) != 0) return -1;
  if (geteuid() != 0 && geteuid() != status.st_uid) {
    errno = EPERM;
    return -1;
  }
  int64_t page = sysconf(_SC_PAGESIZE), step = page * 4096, found = 0;
  unsigned char pages[4096];
  for (int64_t done = 0; done < count; done += step) {
    size_t size = (size_t)(count - done < step ? count - done : step);
    void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, (off_t)(offset + done));
    if (map == MAP_FAILED) return -1;
    int failed = mincore(map, size, (void *)pages);
    int error = errno;
    munmap(map, size);
    if (failed) {
      errno = error;
      return -1;
    }
    for (size_t index = 0; index * (size_t)page < size; index++) found += pages[index] & 1;
  }
  return found;
}

#define _GNU_SOURCE
#include "CProbe.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/membarrier.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

// Linux 5.14; older headers don't have it.
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

static int number(int resource) {
  switch (resource) {
    case MB_OPEN_FILES: return RLIMIT_NOFILE;
    case MB_ADDRESSES: return RLIMIT_AS;
    default: return RLIMIT_MEMLOCK;
  }
}

static uint64_t bytes(rlim_t limit) { return limit == RLIM_INFINITY ? UINT64_MAX : limit; }

int mb_get_limit(int resource, uint64_t *soft, uint64_t *hard) {
  struct rlimit limit;
  if (getrlimit(number(resource), &limit) != 0) return errno;
  *soft = bytes(limit.rlim_cur);
  *hard = bytes(limit.rlim_max);
  return 0;
}

int mb_set_soft_limit(int resource, uint64_t soft) {
  struct rlimit limit;
  if (getrlimit(number(resource), &limit) != 0) return errno;
  limit.rlim_cur = soft == UINT64_MAX ? RLIM_INFINITY : soft;
  return setrlimit(number(resource), &limit) == 0 ? 0 : errno;
}

int mb_keep_heap(size_t byte_count) {
  int is_done = mallopt(M_ARENA_MAX, 1) && mallopt(M_MMAP_MAX, 0) && mallopt(M_TRIM_THRESHOLD, INT_MAX) &&
                mallopt(M_TOP_PAD, (int)byte_count);
  // Volatile, or the compiler leaves the pair out.
  void *volatile block = malloc(byte_count);
  free(block);
  return is_done && block ? 0 : ENOMEM;
}

int mb_file_system_type(const char *path, int64_t *type) {
  struct statfs status;
  if (statfs(path, &status) != 0) return errno;
  *type = (int64_t)(uint32_t)status.f_type;
  return 0;
}

int mb_membarrier(void) {
  long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
  if (commands < 0) return errno;
  return commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED ? 0 : ENOSYS;
}

int mb_populate(void *address, size_t byte_count) {
  return madvise(address, byte_count, MADV_POPULATE_READ) == 0 ? 0 : errno;
}

int mb_open_direct(const char *path) {
  int file = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
  return file >= 0 ? file : -errno;
}

int64_t mb_read_nowait(int file, void *buffer, size_t byte_count, int64_t offset) {
  struct iovec piece = {buffer, byte_count};
  ssize_t count = preadv2(file, &piece, 1, offset, RWF_NOWAIT);
  return count >= 0 ? count : -errno;
}

size_t mb_find(const void *bytes, size_t count, const void *pattern, size_t length) {
  const char *place = memmem(bytes, count, pattern, length);
  return place ? (size_t)(place - (const char *)bytes) : count;
}

struct least {
  _Atomic uint64_t *slot;
  _Atomic uint32_t *words;
  const char *base;
  uint64_t size;
  int shift;
};

// Reads what it is told from memory each time, as code must that is inlined into somebody's loop and calls something.
static __attribute__((noinline)) uint64_t least_pass(
    const volatile struct least *pin, const int64_t *offsets, size_t count) {
  uint64_t sum = 0;
  for (size_t index = 0; index < count; index++) {
    uint64_t offset = (uint64_t)offsets[index];
    if (offset + 7 >= pin->size) return UINT64_MAX;
    uint64_t window = offset >> pin->shift;
    if ((offset + 7) >> pin->shift != window) return UINT64_MAX;
    atomic_store_explicit(pin->slot, window + 1, memory_order_release);
    atomic_signal_fence(memory_order_seq_cst);
    if (!(atomic_load_explicit(&pin->words[2 * window], memory_order_acquire) & 1)) return UINT64_MAX;
    sum += *(const uint64_t *)(pin->base + offset);
  }
  return sum;
}

uint64_t mb_least_pin(
    const void *bytes, size_t byte_count, int shift, const int64_t *offsets, size_t count,
    size_t passes) {
  static _Alignas(64) _Atomic uint64_t slot;
  size_t windows = byte_count >> shift;
  _Atomic uint32_t *words = calloc(windows, 8);
  if (!words) return UINT64_MAX;
  for (size_t window = 0; window < windows; window++) words[2 * window] = 1;
  struct least pin = {&slot, words, bytes, byte_count, shift};
  uint64_t sum = 0;
  for (size_t pass = 0; pass < passes; pass++) sum += least_pass(&pin, offsets, count);
  free(words);
  return sum;
}

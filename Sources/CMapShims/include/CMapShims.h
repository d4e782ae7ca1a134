// What Swift has no words for: a compiler fence, a prefetch, membarrier, an ordinal for each thread, news of a fork, and
// what the page cache holds.
// All symbols carry the prefix `smap_`.
#ifndef CMAPSHIMS_H
#define CMAPSHIMS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "guard.h"
#include "status.h"

#pragma clang assume_nonnull begin

// Forbids the compiler, but not the processor, to move memory accesses across it. The pin protocol needs it between
// the store of a pin and the load of the window's word; membarrier supplies the processor's half. Static inline, so
// that it costs no instruction.
static inline void smap_compiler_fence(void) {
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

// The same, just before memory at `address` is accessed. The compiler takes the address it gets back for a new one, so that
// it keeps that in one register, and none of what it was computed from.
static inline void *smap_compiler_fence_before(void *address) {
  __asm__ volatile("" : "+r"(address) : : "memory");
  return address;
}

// Brings a cache line near that will be read soon, or not, if the address is not one that can be read. Waits for nothing.
// Static inline, so that it costs one instruction.
static inline void smap_prefetch(const void *address) {
  __builtin_prefetch(address);
}

// The same for `count` lines of 64 bytes in a row.
static inline void smap_prefetch_lines(const void *address, long count) {
  for (long line = 0; line < count; line++) {
    __builtin_prefetch((const char *)address + 64 * line);
  }
}

// Registers this process for expedited private membarriers. False where the kernel has none; then readers must issue
// a full fence themselves. Idempotent, safe from any thread.
bool smap_membarrier_register(void);

// Makes every running thread of this process pass a full memory barrier: membarrier(2),
// MEMBARRIER_CMD_PRIVATE_EXPEDITED. False if the kernel refused, which after a registration that succeeded
// happens only in a forked child, or under a sandbox that was put on later.
bool smap_membarrier(void);

// A small number for the calling thread, counted up from 0 as threads ask; the same at each call.
uint32_t smap_thread_ordinal(void);

// How many forks lie between the process that first asked and the calling one: 0 there, 1 in its child.
uint32_t smap_fork_generation(void);

// How many pages of a file's range the page cache has, those included that are being read just now: cachestat(2), since
// Linux 6.5. Reads nothing and waits for nothing. -1 with ENOSYS where there is no such call, and with EPERM for a file
// that the caller neither owns nor may write.
int64_t smap_cached_pages(int fd, int64_t offset, int64_t count);

// How many pages of a file's range are in memory, for kernels without the call above: mincore(2) of a map that is made for it. -1 with
// EPERM for a file that is not the caller's, of which mincore would say since Linux 5.2 that all of it is in memory.
int64_t smap_mapped_pages(int fd, int64_t offset, int64_t count);

// Brings bytes of a file into the page cache and waits for them: sendfile(2) to /dev/null, which is opened and closed for it and takes
// pages without a look at them, so nothing is copied or mapped. One call: gives how many came, which may be fewer, also before a page that
// can't be read, and 0 at the file's end; -1 with errno, ENOTSUP where it can't be done this way: no such device, a file system or a
// sandbox that refuses.
ssize_t smap_warm(int fd, int64_t offset, size_t count);

// Locks addresses in memory. `populates`: mlock(2), after what is not there was read (MADV_POPULATE_READ, since Linux 5.14). Else
// mlock2(2) with MLOCK_ONFAULT, which only counts them against the limit and keeps what comes; where the kernel has no such call it does
// nothing, and mlock(2) will say. -1 with errno, ENOMEM where a page can't be read.
int smap_lock(const void *address, size_t count, bool populates);

// Reads like pread(2), but only what the page cache has: preadv2(2) with RWF_NOWAIT, which glibc's headers give only to
// _GNU_SOURCE. -1 with EAGAIN if the first byte isn't there; then the kernel has begun to read it. -1 with EOPNOTSUPP where
// file system or kernel can't tell.
ssize_t smap_read_cached(int fd, void *buffer, size_t count, int64_t offset);

// Reads entries of this process's page tables, eight bytes for a page from the one whose number times eight is `offset`:
// /proc/self/pagemap, which is opened and closed for it. -1 with errno where there is none.
ssize_t smap_read_page_map(void *buffer, size_t count, int64_t offset);

// Empties ranges of this process's own memory like madvise(2) with MADV_DONTNEED, all in one call: process_madvise(2) on
// the calling thread's process (PIDFD_SELF). Linux allows that since about 6.14, and since 6.16 makes the other processors
// forget all ranges at once, which is most of what emptying one costs while they run. Gives the bytes that were emptied, from
// the first range on; -1 with errno where the kernel or a sandbox does not know it or forbids it. No ranges: 0 where it is
// allowed.
ssize_t smap_drop(const struct iovec *_Nullable ranges, size_t count);

// Whether the file system of a file tells every change by the file's times, however soon it follows a look at them: Linux 6.13 and
// later, on file systems known to take part; uname(2), and statfs(2) of `path`, or fstatfs(2) of `fd` where `path` is null.
bool smap_has_fine_times(int fd, const char *_Nullable path);

// How many completions the calling thread is in, after adding `change`.
int smap_completion_depth(int change);

// Enlarges a map of this process's own, wherever the kernel has room for it: mremap(2), MREMAP_MAYMOVE, which takes any number of
// arguments and so can't be called from Swift. Gives the new address; (void *)-1 with errno where that fails or the system has no such
// call, and then the old map is whole.
void *smap_enlarge(void *address, size_t old_size, size_t new_size);

// Where `pattern`, which is not empty, first begins in `bytes`, or -1: memchr(3) for one byte, memmem(3) for more, which
// glibc's headers give only to _GNU_SOURCE.
ssize_t smap_find(const void *_Nullable bytes, size_t count, const void *_Nullable pattern, size_t length);

// Whether a file consists of huge pages, on hugetlbfs: fstatfs(2).
bool smap_has_huge_pages(int fd);

// Gives the calling thread a table of descriptors of its own that has 0, 1 and 2 alone; close_range(2) with CLOSE_RANGE_UNSHARE, which
// copies no others. Threads that it starts later share that table. 0, or -1 with errno.
int smap_leave_descriptors(void);

#pragma clang assume_nonnull end

#endif

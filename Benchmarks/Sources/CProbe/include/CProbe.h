// What Swift's Glibc module leaves out: questions about the kernel and about a file system. All symbols carry the prefix
// `mb_`. Results are an errno, 0 for success, unless said otherwise.
#ifndef CPROBE_H
#define CPROBE_H

#include <stddef.h>
#include <stdint.h>

// Soft and hard RLIMIT_NOFILE, RLIMIT_AS and RLIMIT_MEMLOCK: getrlimit(2). UINT64_MAX is no limit.
enum { MB_OPEN_FILES, MB_ADDRESSES, MB_LOCKED_MEMORY };
int mb_get_limit(int resource, uint64_t *soft, uint64_t *hard);

// Sets a soft limit, the hard one stays: setrlimit(2).
int mb_set_soft_limit(int resource, uint64_t soft);

// Has malloc(3) take its memory from one heap, enlarged at once by so many bytes, and never give any back: mallopt(3).
int mb_keep_heap(size_t byte_count);

// The type of the file system that holds a path, one of the numbers in linux/magic.h: statfs(2).
int mb_file_system_type(const char *path, int64_t *type);

// Whether expedited private membarriers are to be had: membarrier(2), MEMBARRIER_CMD_QUERY. ENOSYS where the kernel knows
// the call but not these.
int mb_membarrier(void);

// Whether pages of a file map can be mapped ahead: madvise(2), MADV_POPULATE_READ.
int mb_populate(void *address, size_t byte_count);

// Opens a file for reading past the page cache, O_DIRECT: a descriptor, or a negative errno.
int mb_open_direct(const char *path);

// Reads only what the page cache holds: preadv2(2), RWF_NOWAIT. A count, or a negative errno, -EAGAIN where it holds
// nothing. The kernel may start reading the page then.
int64_t mb_read_nowait(int file, void *buffer, size_t byte_count, int64_t offset);

// The number of bytes before a pattern that begins in `bytes`, or `count` where there is none: memmem(3).
size_t mb_find(const void *bytes, size_t count, const void *pattern, size_t length);

// The least that pinning takes, for a comparison: sums a word at each offset, and before each load sees that the word lies
// in the file and in one window, stores the window in a slot, and looks whether it is loaded. Nothing is counted, noted for
// a policy, or kept of what is shown. Windows have 1 << `shift` bytes, and all are loaded. UINT64_MAX without memory.
uint64_t mb_least_pin(
    const void *bytes, size_t byte_count, int shift, const int64_t *offsets, size_t count,
    size_t passes);

#endif

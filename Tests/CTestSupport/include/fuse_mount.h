// A file system that a test describes: FUSE, spoken over /dev/fuse without a library. Linux only; needs the right to mount.
//
// A process of its own serves it: one that waits for what it serves itself can't be killed, since the kernel waits for answers to what was
// asked already, and may hold locks of the address space meanwhile that the server needs. It is the same program, started anew, which finds
// by its environment, before `main`, what it is to do. When the one that started it ends, however that comes, it unmounts and ends, too.
#ifndef CTESTSUPPORT_FUSE_MOUNT_H
#define CTESTSUPPORT_FUSE_MOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#pragma clang assume_nonnull begin

typedef struct smap_fuse_options {
  // The most bytes that the kernel asks for at once, at least a page; 0 for as many as it likes.
  uint32_t max_read;
  // Whether files under direct I/O may be mapped, by which kernels of 6.6 and later abide.
  bool maps_direct_files;
  // Whether statfs(2) fails, as on servers that don't know it.
  bool refuses_statfs;
} smap_fuse_options;

// What waits for an answer.
typedef enum smap_fuse_hold { SMAP_FUSE_NOTHING, SMAP_FUSE_READS, SMAP_FUSE_OPENING } smap_fuse_hold;

// A file; its bytes follow from seed and offset, as `content` of the Swift tests makes them.
typedef struct smap_fuse_file {
  // The inode number that stat(2) tells. Other files may have the same.
  uint64_t number;
  // In bytes, a multiple of 8.
  uint64_t size;
  uint64_t seed;
  // When it was changed and modified, in seconds since 1970.
  uint64_t time;
  // For how many seconds the kernel believes what it was told of name and status.
  uint64_t lasting;
  // Bytes that the disk does not give: reads that need one of them fail with EIO.
  uint64_t failing_start, failing_end;
  // Whether it is read past the page cache (FOPEN_DIRECT_IO).
  bool is_direct;
  // What of it waits until this is something else.
  smap_fuse_hold hold;
} smap_fuse_file;

enum { smap_fuse_most_files = 8, smap_fuse_longest_name = 255 };

// Mounts a file system without files on a directory, and starts the process that serves it. Gives a descriptor by which that is told what
// to do, by one thread at a time; -1 with errno.
int smap_fuse_start(const char *directory, const smap_fuse_options *options, pid_t *process);

// Adds a file, or changes it: 0 as soon as that is in force, else an errno. What was held goes on, if it is not any more.
int smap_fuse_put(int control, int index, const char *name, const smap_fuse_file *file);

// Waits until so many requests are held, or more: 0, or an errno.
int smap_fuse_await_held(int control, int count);

// Ends the serving process at once, so that all that waits for it fails, and all that comes later. The mount stays until the end.
void smap_fuse_kill(pid_t process);

// Unmounts, and ends the process; 0 for one that was killed.
void smap_fuse_end(int control, const char *directory, pid_t process);

#pragma clang assume_nonnull end

#endif

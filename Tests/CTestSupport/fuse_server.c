// The process that serves a mount: one thread, which takes requests from /dev/fuse and commands from the test, one by one.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "fuse_server.h"

#ifdef __linux__

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

// Newer than some headers: the second word of flags, of Linux 6.6.
enum { DIRECT_IO_ALLOW_MMAP = 1 << (36 - 32) };
// The kernel's number of a file is its index and this; the directory has 1.
enum { FIRST_NODE = 2 };
// The most that one read asks for, and what reads may be under way at a time. The kernel stops at the latter for all files together, so it
// is more than a test has.
enum { MOST_READ = 1 << 20, MOST_HELD = 4096 };

struct held {
  uint64_t unique, node;
  smap_fuse_hold what;
  struct fuse_read_in read;
};

static struct {
  int control, device;
  char directory[smap_fuse_longest_name + 1];
  smap_fuse_options options;
  struct {
    char name[smap_fuse_longest_name + 1];
    smap_fuse_file file;
  } files[smap_fuse_most_files];
  struct held held[MOST_HELD];
  int held_count;
  // How many of them the test waits for, or 0.
  int awaited;
} server;

// MARK: Answers

static void answer_parts(uint64_t unique, int error, const void *body, size_t size) {
  struct fuse_out_header head = {.len = (uint32_t)(sizeof head + size), .error = -error, .unique = unique};
  struct iovec parts[] = {{&head, sizeof head}, {(void *)body, size}};
  // Whoever asked may have been killed meanwhile (ENOENT), or the mount be gone.
  while (writev(server.device, parts, size > 0 ? 2 : 1) < 0 && errno == EINTR) continue;
}

static void answer(uint64_t unique, const void *body, size_t size) { answer_parts(unique, 0, body, size); }
static void refuse(uint64_t unique, int error) { answer_parts(unique, error, NULL, 0); }
static void agree(uint64_t unique) { answer_parts(unique, 0, NULL, 0); }

// Tells the test what came of its command.
static void report(int error) {
  while (send(server.control, &error, sizeof error, MSG_NOSIGNAL) < 0 && errno == EINTR) continue;
}

// MARK: Files

// SplitMix64, like the tests' dice: the bytes of a file are its numbers.
static uint64_t number(uint64_t seed, uint64_t index) {
  uint64_t mixed = seed + (index + 1) * UINT64_C(0x9E3779B97F4A7C15);
  mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94D049BB133111EB);
  return mixed ^ (mixed >> 31);
}

static const smap_fuse_file *file_of(uint64_t node) {
  uint64_t index = node - FIRST_NODE;
  return index < smap_fuse_most_files && server.files[index].name[0] ? &server.files[index].file : NULL;
}

static struct fuse_attr status_of(const smap_fuse_file *file) {
  if (!file) return (struct fuse_attr){.ino = 1, .mode = S_IFDIR | 0755, .nlink = 2, .blksize = 4096};
  return (struct fuse_attr){
    .ino = file->number, .size = file->size, .blocks = (file->size + 511) / 512, .mtime = file->time,
    .ctime = file->time, .atime = file->time, .mode = S_IFREG | 0444, .nlink = 1, .blksize = 4096,
  };
}

static void look_up(uint64_t unique, const char *name) {
  for (int index = 0; index < smap_fuse_most_files; index++) {
    if (strcmp(server.files[index].name, name) != 0) continue;
    const smap_fuse_file *file = &server.files[index].file;
    struct fuse_entry_out entry = {
      .nodeid = (uint64_t)index + FIRST_NODE, .entry_valid = file->lasting, .attr_valid = file->lasting,
      .attr = status_of(file),
    };
    answer(unique, &entry, sizeof entry);
    return;
  }
  refuse(unique, ENOENT);
}

static void open_file(uint64_t unique, uint64_t node) {
  const smap_fuse_file *file = file_of(node);
  struct fuse_open_out opened = {.fh = node, .open_flags = file && file->is_direct ? FOPEN_DIRECT_IO : 0};
  if (file) answer(unique, &opened, sizeof opened);
  else refuse(unique, ENOENT);
}

static void read_file(uint64_t unique, uint64_t node, const struct fuse_read_in *read) {
  static unsigned char bytes[MOST_READ];
  const smap_fuse_file *file = file_of(node);
  if (!file || read->size > MOST_READ) {
    refuse(unique, EINVAL);
    return;
  }
  uint64_t start = read->offset, end = start + read->size;
  if (end > file->size) end = file->size;
  if (start < file->failing_end && end > file->failing_start) {
    refuse(unique, EIO);
    return;
  }
  uint64_t current = 0;
  for (uint64_t at = start; at < end; at++) {
    if (at == start || at % 8 == 0) current = number(file->seed, at / 8);
    bytes[at - start] = (unsigned char)(current >> (at % 8 * 8));
  }
  answer(unique, bytes, end > start ? end - start : 0);
}

// MARK: What is held

static bool is_held(const struct held *request) {
  const smap_fuse_file *file = file_of(request->node);
  return file && file->hold == request->what;
}

static void carry_out(const struct held *request) {
  if (request->what == SMAP_FUSE_READS) read_file(request->unique, request->node, &request->read);
  else open_file(request->unique, request->node);
}

static void tell_of_held(void) {
  if (server.awaited == 0 || server.held_count < server.awaited) return;
  server.awaited = 0;
  report(0);
}

static void carry_out_or_hold(const struct held *request) {
  if (!is_held(request) || server.held_count == MOST_HELD) {
    carry_out(request);
    return;
  }
  server.held[server.held_count++] = *request;
  tell_of_held();
}

static void let_go(void) {
  int kept = 0;
  for (int index = 0; index < server.held_count; index++) {
    struct held request = server.held[index];
    if (is_held(&request)) server.held[kept++] = request;
    else carry_out(&request);
  }
  server.held_count = kept;
}

// MARK: Requests

static void begin(uint64_t unique, const struct fuse_init_in *init) {
  struct fuse_init_out begun = {
    .major = FUSE_KERNEL_VERSION, .minor = init->minor < 36 ? init->minor : 36, .max_readahead = init->max_readahead,
    .flags = FUSE_ASYNC_READ | FUSE_PARALLEL_DIROPS | (init->flags & FUSE_INIT_EXT),
    .flags2 = server.options.maps_direct_files ? DIRECT_IO_ALLOW_MMAP : 0,
    .max_background = MOST_HELD, .congestion_threshold = MOST_HELD, .max_write = 4096, .time_gran = 1,
  };
  answer(unique, &begun, sizeof begun);
}

static void tell_status(uint64_t unique, uint64_t node) {
  const smap_fuse_file *file = file_of(node);
  if (!file && node != FUSE_ROOT_ID) {
    refuse(unique, ENOENT);
    return;
  }
  struct fuse_attr_out found = {.attr_valid = file ? file->lasting : 0, .attr = status_of(file)};
  answer(unique, &found, sizeof found);
}

static void tell_of_system(uint64_t unique) {
  struct fuse_statfs_out system = {.st = {.bsize = 4096, .namelen = smap_fuse_longest_name, .frsize = 4096}};
  if (server.options.refuses_statfs) refuse(unique, ENOSYS);
  else answer(unique, &system, sizeof system);
}

static void take_request(void) {
  // As much as the kernel insists on for a write, which nobody makes.
  static _Alignas(8) unsigned char buffer[1 << 17];
  ssize_t size = read(server.device, buffer, sizeof buffer);
  if (size < 0) {
    // The request is gone, as whoever made it was killed; or the mount is.
    if (errno == EAGAIN || errno == EINTR || errno == ENOENT) return;
    close(server.device);
    server.device = -1;
    return;
  }
  const struct fuse_in_header *head = (const void *)buffer;
  const void *body = head + 1;
  switch (head->opcode) {
  case FUSE_INIT: begin(head->unique, body); break;
  case FUSE_LOOKUP: look_up(head->unique, body); break;
  case FUSE_GETATTR: tell_status(head->unique, head->nodeid); break;
  case FUSE_OPEN: carry_out_or_hold(&(struct held){head->unique, head->nodeid, SMAP_FUSE_OPENING}); break;
  case FUSE_READ:
    carry_out_or_hold(&(struct held){head->unique, head->nodeid, SMAP_FUSE_READS, *(const struct fuse_read_in *)body});
    break;
  case FUSE_STATFS: tell_of_system(head->unique); break;
  case FUSE_RELEASE: case FUSE_FLUSH: case FUSE_ACCESS: agree(head->unique); break;
  // These are not answered.
  case FUSE_FORGET: case FUSE_BATCH_FORGET: case FUSE_INTERRUPT: break;
  default: refuse(head->unique, ENOSYS); break;
  }
}

// MARK: Commands

static int mount_on(const char *directory) {
  server.device = open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (server.device < 0) return errno;
  char options[128], most[32] = "";
  if (server.options.max_read > 0) snprintf(most, sizeof most, ",max_read=%u", server.options.max_read);
  snprintf(
    options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other%s", server.device, most);
  return mount("sliding-map", directory, "fuse", MS_NOSUID | MS_NODEV | MS_RDONLY, options) == 0 ? 0 : errno;
}

// False where the test has ended.
static bool take_command(void) {
  smap_fuse_command command;
  ssize_t size = recv(server.control, &command, sizeof command, 0);
  if (size < 0) return errno == EINTR;
  if (size != sizeof command) return false;
  switch (command.order) {
  case SMAP_FUSE_MOUNT:
    server.options = command.options;
    strcpy(server.directory, command.name);
    report(mount_on(command.name));
    break;
  case SMAP_FUSE_PUT:
    strcpy(server.files[command.number].name, command.name);
    server.files[command.number].file = command.file;
    let_go();
    report(0);
    break;
  case SMAP_FUSE_AWAIT_HELD:
    server.awaited = command.number;
    tell_of_held();
    break;
  }
  return true;
}

void smap_fuse_serve(int control) {
  server.control = control;
  server.device = -1;
  while (true) {
    struct pollfd ready[] = {{.fd = control, .events = POLLIN}, {.fd = server.device, .events = POLLIN}};
    if (poll(ready, 2, -1) < 0 && errno != EINTR) break;
    if (ready[1].revents) take_request();
    if (ready[0].revents && !take_command()) break;
  }
  if (server.directory[0]) umount2(server.directory, MNT_DETACH);
}

#else

void smap_fuse_serve(int control) {}

#endif

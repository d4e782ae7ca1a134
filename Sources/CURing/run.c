#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "CURing.h"

#if defined(SMAP_URING) && defined(__linux__)

#include "ring.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// The tag of a request that nobody waits for.
static const uint64_t unowned = 1;

// IORING_OP_FIXED_FD_INSTALL, of Linux 6.8, which older headers lack. Older kernels give EINVAL.
static const uint8_t install_opcode = 54;

// Whether a failed io_uring_enter(2) may succeed later: interrupted, or short of memory or room just now.
static bool is_passing(int result) {
  return result == -EINTR || result == -EAGAIN || result == -EBUSY || result == -ENOMEM ||
         result == -ETIME;
}

static void pause_briefly(void) {
  nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}

// After a failure that lasts as long as memory is short, to leave the processor to others.
static void pause_after(int result) {
  if (result == -EAGAIN || result == -EBUSY || result == -ENOMEM) pause_briefly();
}

// io_uring_enter(2) to wait for an end and start nothing. Not for ever where the kernel can tell the time (5.11): the
// requests waited for may be in the queue still, left to a thread that the kernel refuses from now on.
static int await_end(smap_ring *ring) {
  unsigned fd = (unsigned)ring->uring.ring_fd;
  if (!(ring->uring.features & IORING_FEAT_EXT_ARG))
    return io_uring_enter(fd, 0, 1, IORING_ENTER_GETEVENTS, NULL);
  struct __kernel_timespec second = {.tv_sec = 1};
  struct io_uring_getevents_arg argument = {.ts = (uintptr_t)&second};
  return io_uring_enter2(
      fd, 0, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, (void *)&argument,
      sizeof argument);
}

// Adds a request to the submission queue, where the next io_uring_enter(2) finds it. False if there is no room.
//
// The queue's tail is ours alone, under the lock; its head is the kernel's. The tail is stored with release, after the
// entry that it gives to the kernel, and the head is loaded with acquire, before an entry that the kernel gave back is
// written.
static bool add(smap_ring *ring, const smap_ring_request *request, uint64_t tag) {
  struct io_uring_sq *queue = &ring->uring.sq;
  unsigned tail = *queue->ktail;
  if (tail - __atomic_load_n(queue->khead, __ATOMIC_ACQUIRE) >= ring->entries) return false;
  if (ring->pending >= ring->capacity) return false;
  unsigned index = tail & (ring->entries - 1);
  struct io_uring_sqe *entry = &queue->sqes[index];
  memset(entry, 0, sizeof *entry);
  entry->user_data = tag;
  entry->addr = (uintptr_t)request->address;
  switch (request->operation) {
  case SMAP_RING_READ:
    entry->opcode = IORING_OP_READ;
    entry->fd = request->file;
    entry->len = request->count;
    entry->off = (uint64_t)request->offset;
    if (request->flags & SMAP_RING_SLOT) entry->flags |= IOSQE_FIXED_FILE;
    if (request->flags & SMAP_RING_BLOCKING) entry->flags |= IOSQE_ASYNC;
    break;
  case SMAP_RING_ADOPT:
    // As a request and not by io_uring_register(2), so that it comes after a close of the slot that was added before.
    entry->opcode = IORING_OP_FILES_UPDATE;
    entry->fd = -1;
    entry->addr = (uintptr_t)&request->adopted;
    entry->len = 1;
    entry->off = (uint64_t)request->file;
    break;
  case SMAP_RING_INSTALL:
    entry->opcode = install_opcode;
    entry->fd = request->file;
    entry->flags |= IOSQE_FIXED_FILE;
    break;
  default:
    entry->opcode = IORING_OP_CLOSE;
    entry->file_index = (uint32_t)request->file + 1;
    break;
  }
  queue->array[index] = index;
  __atomic_store_n(queue->ktail, tail + 1, __ATOMIC_RELEASE);
  ring->pending++;
  return true;
}

// Takes the ends out of the completion queue. Only under the lock, while there is no leader: one that was about to wait
// for its own request would otherwise wait for an end that somebody else took away.
static void reap(smap_ring *ring) {
  struct io_uring_cq *queue = &ring->uring.cq;
  unsigned head = *queue->khead;
  // Acquire: the entries, and the bytes that were read, are there before the tail that counts them.
  unsigned tail = __atomic_load_n(queue->ktail, __ATOMIC_ACQUIRE);
  if (head == tail) return;
  ring->pending -= tail - head;
  for (; head != tail; head++) {
    struct io_uring_cqe *end = &queue->cqes[head & (ring->capacity - 1)];
    if (end->user_data == unowned) continue;
    smap_ring_request *request = (smap_ring_request *)(uintptr_t)end->user_data;
    request->result = end->res;
    --*(size_t *)request->owner;
  }
  // Release: the kernel may use the entries again only after they were read.
  __atomic_store_n(queue->khead, tail, __ATOMIC_RELEASE);
}

// Takes the caller's requests, of which `left` is the count, back out of a queue that the kernel no longer accepts.
static size_t withdraw(smap_ring *ring, const size_t *left) {
  struct io_uring_sq *queue = &ring->uring.sq;
  size_t count = 0;
  for (unsigned at = __atomic_load_n(queue->khead, __ATOMIC_ACQUIRE); at != *queue->ktail; at++) {
    struct io_uring_sqe *entry = &queue->sqes[at & (ring->entries - 1)];
    if (entry->user_data == unowned) continue;
    if (((smap_ring_request *)(uintptr_t)entry->user_data)->owner != left) continue;
    memset(entry, 0, sizeof *entry);
    entry->opcode = IORING_OP_NOP;
    entry->user_data = unowned;
    count++;
  }
  return count;
}

// Waits, the lock held, for requests that the kernel had accepted before it refused the ring. Those that it had not are
// taken back, as soon as no thread is in the kernel that could be giving them to it at this moment: it may refuse one
// thread and not another, by the filter of a sandbox.
static void outlast(smap_ring *ring, size_t *left) {
  while (*left > 0) {
    if (ring->entered == 0) *left -= withdraw(ring, left);
    if (!ring->has_leader) reap(ring);
    if (*left == 0) break;
    pthread_mutex_unlock(&ring->mutex);
    pause_briefly();
    pthread_mutex_lock(&ring->mutex);
  }
}

int smap_ring_run(smap_ring *ring, smap_ring_request *requests, size_t count) {
  size_t left = count, next = 0;
  for (size_t i = 0; i < count; i++) {
    requests[i].result = -ECANCELED;
    requests[i].owner = &left;
  }
  if (smap_ring_is_forked(ring)) return SMAP_RING_FORKED;
  pthread_mutex_lock(&ring->mutex);
  if (ring->is_shut || ring->broken) {
    int outcome = ring->is_shut ? SMAP_RING_SHUT : -ring->broken;
    pthread_mutex_unlock(&ring->mutex);
    return outcome;
  }
  ring->users++;
  // Entries that this thread added and the kernel has not taken yet. Threads add under the lock and enter the kernel
  // outside of it, so one may give the other's entries to the kernel; but each gives as many as it added, and so the
  // kernel always finds that many. A request then belongs to a thread that does not wait for it and may end: such
  // requests come back with ECANCELED, and are made again by the caller.
  unsigned owed = 0;
  // What it owes it gives also when its own are done: somebody may wait for it.
  while ((left > 0 || owed > 0) && !ring->broken) {
    while (next < count && add(ring, &requests[next], (uintptr_t)&requests[next])) {
      next++;
      owed++;
    }
    bool leads = !ring->has_leader && left > 0;
    if (!leads && owed == 0) {
      smap_ring_wait(ring);
      continue;
    }
    if (leads) ring->has_leader = true;
    ring->entered++;
    pthread_mutex_unlock(&ring->mutex);
    // For one end, whosoever it is. The leader's own may not come for long, as of a server that does not answer, and others, who may come
    // when it is in the kernel already, wait for it to take theirs out.
    int result = owed == 0 ? await_end(ring)
                           : io_uring_enter(
                                 (unsigned)ring->uring.ring_fd, owed, leads ? 1 : 0,
                                 leads ? IORING_ENTER_GETEVENTS : 0, NULL);
    pause_after(result);
    pthread_mutex_lock(&ring->mutex);
    ring->entered--;
    if (result >= 0) owed -= (unsigned)result;
    else if (!is_passing(result)) ring->broken = -result;
    if (leads) {
      ring->has_leader = false;
      reap(ring);
      if (ring->waiters > 0) pthread_cond_broadcast(&ring->condition);
    }
  }
  int outcome = 0;
  if (left > 0) {
    outcome = -ring->broken;
    left -= count - next;
    outlast(ring, &left);
  }
  smap_ring_leave(ring);
  return outcome;
}

void smap_ring_close_slot(smap_ring *ring, int32_t slot) {
  if (smap_ring_is_forked(ring)) return;
  smap_ring_request request = {.operation = SMAP_RING_CLOSE_DIRECT, .file = slot};
  pthread_mutex_lock(&ring->mutex);
  if (ring->is_shut || ring->broken) {
    pthread_mutex_unlock(&ring->mutex);
    return;
  }
  if (!ring->has_leader) reap(ring);
  if (!add(ring, &request, unowned)) {
    pthread_mutex_unlock(&ring->mutex);
    // Cancelled only if the kernel took it from a thread that ended then.
    while (smap_ring_run(ring, &request, 1) == 0 && request.result == -ECANCELED) continue;
    smap_ring_put_slot(ring, slot);
    return;
  }
  ring->users++;
  // Free from now on: the kernel takes entries in order and closes at once, so whatever goes into the slot next comes
  // after the close.
  ring->free_slots[ring->free_count++] = slot;
  int result;
  do {
    ring->entered++;
    pthread_mutex_unlock(&ring->mutex);
    result = io_uring_enter((unsigned)ring->uring.ring_fd, 1, 0, 0, NULL);
    pause_after(result);
    pthread_mutex_lock(&ring->mutex);
    ring->entered--;
    if (!ring->has_leader) reap(ring);
  } while (result == 0 || is_passing(result));
  if (result < 0) ring->broken = -result;
  smap_ring_leave(ring);
}

int smap_ring_enable(smap_ring *ring) {
  // By hand: the shared library of liburing 2.3 does not export io_uring_enable_rings.
  int fd = ring->uring.ring_fd;
  return syscall(SYS_io_uring_register, fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0) < 0 ? errno : 0;
}

bool smap_ring_push(smap_ring *ring, const smap_ring_request *request, uint64_t tag) {
  if (!add(ring, request, tag)) return false;
  ring->added++;
  return true;
}

int smap_ring_enter(smap_ring *ring, unsigned least) {
  int result = io_uring_enter(
      (unsigned)ring->uring.ring_fd, ring->added, least, IORING_ENTER_GETEVENTS, NULL);
  pause_after(result);
  if (result < 0) return -result;
  ring->added -= (unsigned)result;
  return 0;
}

unsigned smap_ring_reap(smap_ring *ring, uint64_t *tags, int32_t *results, unsigned capacity) {
  struct io_uring_cq *queue = &ring->uring.cq;
  unsigned head = *queue->khead;
  // As in `reap`.
  unsigned tail = __atomic_load_n(queue->ktail, __ATOMIC_ACQUIRE);
  unsigned count = tail - head < capacity ? tail - head : capacity;
  for (unsigned i = 0; i < count; i++) {
    struct io_uring_cqe *end = &queue->cqes[(head + i) & (ring->capacity - 1)];
    tags[i] = end->user_data;
    results[i] = end->res;
  }
  __atomic_store_n(queue->khead, head + count, __ATOMIC_RELEASE);
  ring->pending -= count;
  return count;
}

#endif

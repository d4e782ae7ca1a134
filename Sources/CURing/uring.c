#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "CURing.h"

#include <errno.h>
#include <fcntl.h>

#if defined(SMAP_URING) && defined(__linux__)

#if !__has_include(<liburing.h>)
#error "liburing.h is missing: install liburing-dev (Debian, Ubuntu) or liburing-devel (Fedora), or build without the package trait URing (swift build --disable-default-traits)"
#endif

#include "CMapShims.h"
#include "ring.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
// The sanitizer does not see liburing's maps come and go, and takes those at the same place for the same: what was done to
// the old ones comes before what is done to the new.
void __tsan_acquire(void *);
void __tsan_release(void *);
static char maps;
#define maps_come() __tsan_acquire(&maps)
#define maps_go() __tsan_release(&maps)
#endif
#endif
#ifndef maps_come
#define maps_come()
#define maps_go()
#endif

int smap_ring_create(smap_ring **result, unsigned entries, unsigned options) {
  smap_ring *ring = calloc(1, sizeof *ring);
  if (!ring) return ENOMEM;
  ring->generation = smap_fork_generation();
  struct io_uring_params params = {0};
  // More room for ends than for starts costs little and spares throttling.
  params.flags = IORING_SETUP_CLAMP;
  if (options & SMAP_RING_COOP_TASKRUN) params.flags |= IORING_SETUP_COOP_TASKRUN;
  if (options & SMAP_RING_SINGLE_ISSUER) params.flags |= IORING_SETUP_SINGLE_ISSUER;
  if (options & SMAP_RING_DEFER_TASKRUN) params.flags |= IORING_SETUP_DEFER_TASKRUN;
  if (options & SMAP_RING_SUBMIT_ALL) params.flags |= IORING_SETUP_SUBMIT_ALL;
  if (options & SMAP_RING_DISABLED) params.flags |= IORING_SETUP_R_DISABLED;
  int failure = -io_uring_queue_init_params(entries, &ring->uring, &params);
  if (failure == 0 && !(params.features & IORING_FEAT_NODROP)) {
    // Before Linux 5.5 ends could get lost.
    io_uring_queue_exit(&ring->uring);
    failure = ENOSYS;
  }
  if (failure != 0) {
    free(ring);
    return failure;
  }
  maps_come();
  ring->entries = params.sq_entries;
  ring->capacity = params.cq_entries;
  pthread_mutex_init(&ring->mutex, NULL);
  pthread_cond_init(&ring->condition, NULL);
  *result = ring;
  return 0;
}

void smap_ring_shut(smap_ring *ring) {
  if (smap_ring_is_forked(ring)) {
    // The lock may be held by a thread that is not here. Only the child's own maps and descriptor go.
    if (!ring->is_shut) {
      ring->is_shut = true;
      maps_go();
      io_uring_queue_exit(&ring->uring);
    }
    return;
  }
  pthread_mutex_lock(&ring->mutex);
  bool first = !ring->is_shut;
  ring->is_shut = true;
  while (ring->users > 0 || (!first && !ring->is_gone)) smap_ring_wait(ring);
  pthread_mutex_unlock(&ring->mutex);
  if (!first) return;
  // The kernel takes a closed ring apart later, on a thread of its own; the files are to be let go of now.
  if (ring->slots) io_uring_unregister_files(&ring->uring);
  maps_go();
  io_uring_queue_exit(&ring->uring);
  pthread_mutex_lock(&ring->mutex);
  ring->is_gone = true;
  pthread_cond_broadcast(&ring->condition);
  pthread_mutex_unlock(&ring->mutex);
}

void smap_ring_destroy(smap_ring *ring) {
  // In a child they may have waiters that are not here, for whom pthread_cond_destroy would wait.
  if (!smap_ring_is_forked(ring)) {
    pthread_cond_destroy(&ring->condition);
    pthread_mutex_destroy(&ring->mutex);
  }
  free(ring->free_slots);
  free(ring);
}

unsigned smap_ring_entries(const smap_ring *ring) { return ring->entries; }

bool smap_ring_is_forked(const smap_ring *ring) {
  return ring->generation != smap_fork_generation();
}

// IORING_OP_LINKAT, which older headers lack. It came with Linux 5.15, as did requests that close what is in a table: an older kernel
// takes one of those for a close of the descriptor 0, and so it can't be tried.
static const int linkat_opcode = 39;

// Whether what is done with a table works: 0, or an errno. Needs no descriptor, as there may be none left.
static int try_table(smap_ring *ring) {
  struct io_uring_probe *known = io_uring_get_probe_ring(&ring->uring);
  bool closes = known && io_uring_opcode_supported(known, linkat_opcode);
  if (known) io_uring_free_probe(known);
  if (!closes) return EINVAL;
  smap_ring_request probe = {.operation = SMAP_RING_ADOPT, .file = 0, .adopted = -1};
  int outcome = smap_ring_run(ring, &probe, 1);
  if (outcome != 0) return -outcome;
  return probe.result < 0 ? -probe.result : 0;
}

int smap_ring_make_table(smap_ring *ring, unsigned slots) {
  int failure = -io_uring_register_files_sparse(&ring->uring, slots);
  if (failure == EINVAL) {
    // Before Linux 5.19 a sparse table is one of -1s.
    int *none = malloc(slots * sizeof *none);
    if (!none) return ENOMEM;
    memset(none, -1, slots * sizeof *none);
    failure = -io_uring_register_files(&ring->uring, none, slots);
    free(none);
  }
  if (failure != 0) return failure;
  ring->free_slots = malloc(slots * sizeof *ring->free_slots);
  if (!ring->free_slots) {
    io_uring_unregister_files(&ring->uring);
    return ENOMEM;
  }
  ring->slots = slots;
  failure = try_table(ring);
  if (failure != 0) {
    io_uring_unregister_files(&ring->uring);
    ring->slots = 0;
    free(ring->free_slots);
    ring->free_slots = NULL;
    return failure;
  }
  // The last first: slots are then given out from 0.
  for (unsigned i = slots; i-- > 0;) ring->free_slots[ring->free_count++] = (int32_t)i;
  return 0;
}

int32_t smap_ring_take_slot(smap_ring *ring) {
  if (smap_ring_is_forked(ring)) return -1;
  pthread_mutex_lock(&ring->mutex);
  int32_t slot = ring->free_count > 0 ? ring->free_slots[--ring->free_count] : -1;
  pthread_mutex_unlock(&ring->mutex);
  return slot;
}

void smap_ring_put_slot(smap_ring *ring, int32_t slot) {
  if (smap_ring_is_forked(ring)) return;
  pthread_mutex_lock(&ring->mutex);
  ring->free_slots[ring->free_count++] = slot;
  pthread_mutex_unlock(&ring->mutex);
}

int smap_ring_hold_place(smap_ring *ring) {
  if (smap_ring_is_forked(ring)) return -EBADF;
  pthread_mutex_lock(&ring->mutex);
  if (ring->is_shut) {
    pthread_mutex_unlock(&ring->mutex);
    return -EBADF;
  }
  // Nobody shuts the ring, and gives its number to another file, meanwhile.
  ring->users++;
  pthread_mutex_unlock(&ring->mutex);
  int held = fcntl(ring->uring.ring_fd, F_DUPFD_CLOEXEC, 0);
  if (held < 0) held = -errno;
  pthread_mutex_lock(&ring->mutex);
  smap_ring_leave(ring);
  return held;
}

int smap_ring_make_event(void) {
  int descriptor = eventfd(0, EFD_CLOEXEC);
  return descriptor >= 0 ? descriptor : -errno;
}

#else

int smap_ring_create(smap_ring **ring, unsigned entries, unsigned options) { return ENOSYS; }
void smap_ring_shut(smap_ring *ring) {}
void smap_ring_destroy(smap_ring *ring) {}
unsigned smap_ring_entries(const smap_ring *ring) { return 0; }
bool smap_ring_is_forked(const smap_ring *ring) { return false; }
int smap_ring_make_table(smap_ring *ring, unsigned slots) { return ENOSYS; }
int32_t smap_ring_take_slot(smap_ring *ring) { return -1; }
void smap_ring_put_slot(smap_ring *ring, int32_t slot) {}
void smap_ring_close_slot(smap_ring *ring, int32_t slot) {}
int smap_ring_run(smap_ring *ring, smap_ring_request *requests, size_t count) { return -ENOSYS; }
int smap_ring_enable(smap_ring *ring) { return ENOSYS; }
bool smap_ring_push(smap_ring *ring, const smap_ring_request *request, uint64_t tag) {
  return false;
}
int smap_ring_enter(smap_ring *ring, unsigned least) { return ENOSYS; }
unsigned smap_ring_reap(smap_ring *ring, uint64_t *tags, int32_t *results, unsigned capacity) {
  return 0;
}
int smap_ring_hold_place(smap_ring *ring) { return -ENOSYS; }
int smap_ring_make_event(void) { return -ENOSYS; }

#endif

int smap_ring_o_direct(void) {
#ifdef O_DIRECT
  return O_DIRECT;
#else
  return 0;
#endif
}

// What the two halves of the shim share.
#ifndef SMAP_RING_H
#define SMAP_RING_H

#include "CURing.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <pthread.h>
#include <unistd.h>

struct smap_ring {
  struct io_uring uring;
  unsigned entries;
  unsigned capacity;  // of the completion queue: no more requests are under way
  uint32_t generation;

  // All below is guarded by `mutex`, save in a ring that one thread has to itself.
  pthread_mutex_t mutex;
  pthread_cond_t condition;
  bool is_shut;
  bool is_gone;       // and closed
  bool has_leader;    // a thread is in the kernel to wait for ends; nobody else may reap meanwhile
  int broken;         // the errno with which the kernel refused the ring for good, or 0
  unsigned users;     // threads inside `smap_ring_run`, `smap_ring_close_slot` and `smap_ring_hold_place`
  unsigned entered;   // threads inside io_uring_enter(2)
  unsigned waiters;   // threads that wait for `condition`
  unsigned pending;   // requests added and not reaped
  unsigned added;     // requests added and not yet given to `io_uring_enter`, of a ring with one thread
  unsigned slots;     // of the table
  unsigned free_count;
  int32_t *free_slots;
};

static inline void smap_ring_wait(smap_ring *ring) {
  ring->waiters++;
  pthread_cond_wait(&ring->condition, &ring->mutex);
  ring->waiters--;
}

// Ends what was counted among `users`, and gives the lock up.
static inline void smap_ring_leave(smap_ring *ring) {
  ring->users--;
  if (ring->waiters > 0) pthread_cond_broadcast(&ring->condition);
  pthread_mutex_unlock(&ring->mutex);
}

#endif

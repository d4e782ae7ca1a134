#include "CURing.h"

#include <pthread.h>
#include <stdatomic.h>

static atomic_uint generation;
static pthread_once_t forks = PTHREAD_ONCE_INIT;

// Relaxed: in a child there is one thread, the one that counted.
static void forked(void) {
  atomic_fetch_add_explicit(&generation, 1, memory_order_relaxed);
}

static void watch_forks(void) {
  pthread_atfork(NULL, NULL, forked);
}

uint32_t smap_ring_fork_generation(void) {
  pthread_once(&forks, watch_forks);
  return atomic_load_explicit(&generation, memory_order_relaxed);
}

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "CMapShims.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/membarrier.h>
#include <sys/syscall.h>

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
#else
bool smap_membarrier_register(void) { return false; }
bool smap_membarrier(void) { return false; }
#endif

static _Thread_local uint32_t ordinal;
static atomic_uint ordinals;

uint32_t smap_thread_ordinal(void) {
  if (ordinal == 0) ordinal = atomic_fetch_add_explicit(&ordinals, 1, memory_order_relaxed) + 1;
  return ordinal - 1;
}

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

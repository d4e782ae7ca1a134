// What Swift has no words for: a compiler fence, membarrier, an ordinal for each thread, and news of a fork.
// All symbols carry the prefix `smap_`.
#ifndef CMAPSHIMS_H
#define CMAPSHIMS_H

#include <stdbool.h>
#include <stdint.h>

// Forbids the compiler, but not the processor, to move memory accesses across it. The pin protocol needs it between
// the store of a pin and the load of the window's word; membarrier supplies the processor's half. Static inline, so
// that it costs no instruction.
static inline void smap_compiler_fence(void) {
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

// Registers this process for expedited private membarriers. False where the kernel has none; then readers must issue
// a full fence themselves. Idempotent, safe from any thread.
bool smap_membarrier_register(void);

// Makes every running thread of this process pass a full memory barrier: membarrier(2),
// MEMBARRIER_CMD_PRIVATE_EXPEDITED. False if the kernel refused, which cannot happen after a registration that
// succeeded, save in a forked child.
bool smap_membarrier(void);

// A small number for the calling thread, counted up from 0 as threads ask; the same at each call.
uint32_t smap_thread_ordinal(void);

// How many forks lie between the process that first asked and the calling one: 0 there, 1 in its child.
uint32_t smap_fork_generation(void);

#endif

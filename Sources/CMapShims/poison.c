// A handler of signals notes what is missing, so nothing here takes a lock, and only the owner allocates.
#include "poison.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

// Places of one block, behind its head, which fills a cache line of its own.
struct block {
  struct block *next;
  size_t count;
};

// A stretch of missing bytes; it only grows. Without one, start lies behind end.
struct stretch {
  _Atomic int64_t start, end;
};

enum { STRETCHES = 16 };

struct smap_poison {
  // Release after a stretch was written; acquire before it is read.
  _Atomic uint64_t faults;
  // How many stretches are taken. A file with more of them has the last one cover the rest.
  _Atomic uint32_t taken;
  struct stretch stretches[STRETCHES];
  // Blocks are added in front, with release, and never taken out.
  struct block *_Atomic blocks;
};

smap_poison *smap_poison_make(void) {
  smap_poison *poison = calloc(1, sizeof *poison);
  if (poison)
    for (int index = 0; index < STRETCHES; index++) atomic_init(&poison->stretches[index].start, INT64_MAX);
  return poison;
}

void smap_poison_free(smap_poison *poison) {
  struct block *block = atomic_load_explicit(&poison->blocks, memory_order_relaxed);
  while (block) {
    struct block *next = block->next;
    free(block);
    block = next;
  }
  free(poison);
}

void *smap_poison_add_places(smap_poison *poison, size_t count) {
  void *memory;
  size_t size = (count + 1) * smap_place_size;
  if (count >= SIZE_MAX / smap_place_size - 1 || posix_memalign(&memory, smap_place_size, size) != 0) return NULL;
  memset(memory, 0, size);
  struct block *block = memory;
  block->count = count;
  block->next = atomic_load_explicit(&poison->blocks, memory_order_relaxed);
  atomic_store_explicit(&poison->blocks, block, memory_order_release);
  return (char *)memory + smap_place_size;
}

static void call_attention(smap_poison *poison) {
  struct block *block = atomic_load_explicit(&poison->blocks, memory_order_acquire);
  for (; block; block = block->next) {
    char *place = (char *)block;
    for (size_t index = 0; index < block->count; index++) {
      place += smap_place_size;
      // Release: whoever sees it sees what was noted before.
      atomic_store_explicit((_Atomic uint64_t *)(place + smap_attention_offset), 1, memory_order_release);
    }
  }
}

static void extend(struct stretch *stretch, int64_t start, int64_t end) {
  int64_t old = atomic_load_explicit(&stretch->start, memory_order_relaxed);
  while (start < old && !atomic_compare_exchange_weak_explicit(
    &stretch->start, &old, start, memory_order_relaxed, memory_order_relaxed)) {}
  old = atomic_load_explicit(&stretch->end, memory_order_relaxed);
  while (end > old && !atomic_compare_exchange_weak_explicit(
    &stretch->end, &old, end, memory_order_relaxed, memory_order_relaxed)) {}
}

// The stretch that a new one belongs to: one that it touches, else a free one; else the last, which then covers what lies between, too.
static struct stretch *place_for(smap_poison *poison, int64_t start, int64_t end) {
  uint32_t taken = atomic_load_explicit(&poison->taken, memory_order_relaxed);
  for (uint32_t index = 0; index < taken && index < STRETCHES; index++) {
    struct stretch *stretch = &poison->stretches[index];
    if (start <= atomic_load_explicit(&stretch->end, memory_order_relaxed) &&
        end >= atomic_load_explicit(&stretch->start, memory_order_relaxed)) return stretch;
  }
  uint32_t free = atomic_fetch_add_explicit(&poison->taken, 1, memory_order_relaxed);
  if (free < STRETCHES) return &poison->stretches[free];
  atomic_store_explicit(&poison->taken, STRETCHES, memory_order_relaxed);
  return &poison->stretches[STRETCHES - 1];
}

void smap_poison_note(smap_poison *poison, int64_t start, int64_t end) {
  extend(place_for(poison, start, end), start, end);
  atomic_fetch_add_explicit(&poison->faults, 1, memory_order_release);
  call_attention(poison);
}

const void *smap_poison_faults(const smap_poison *poison) { return &poison->faults; }

int64_t smap_poison_first(const smap_poison *poison, int64_t start, int64_t end) {
  // What the caller read before, zeros perhaps, comes before.
  atomic_thread_fence(memory_order_acquire);
  if (atomic_load_explicit(&poison->faults, memory_order_acquire) == 0) return -1;
  int64_t first = INT64_MAX;
  for (int index = 0; index < STRETCHES; index++) {
    const struct stretch *stretch = &poison->stretches[index];
    int64_t from = atomic_load_explicit(&stretch->start, memory_order_relaxed);
    int64_t to = atomic_load_explicit(&stretch->end, memory_order_relaxed);
    if (from < start) from = start;
    if (to > end) to = end;
    if (from < to && from < first) first = from;
  }
  return first == INT64_MAX ? -1 : first;
}

void smap_poison_narrow(const smap_poison *poison, int64_t from, int64_t to, int64_t *start, int64_t *end) {
  for (int index = 0; index < STRETCHES; index++) {
    const struct stretch *stretch = &poison->stretches[index];
    int64_t first = atomic_load_explicit(&stretch->start, memory_order_relaxed);
    int64_t last = atomic_load_explicit(&stretch->end, memory_order_relaxed);
    if (first >= last) continue;
    // What reaches into both sides takes from both.
    if (first < from && *start < last) *start = last < from ? last : from;
    if (last > to && *end > first) *end = first > to ? first : to;
  }
}

// Which bytes of an extent are missing, and who is to look: kept so that a handler of signals can note more.
#ifndef CMAPSHIMS_POISON_H
#define CMAPSHIMS_POISON_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// What is known of the missing pages of one extent, or of several of one owner. Only the handler and its owner know what it holds.
typedef struct smap_poison smap_poison;

// Nothing is missing yet. NULL where there is no memory.
smap_poison *_Nullable smap_poison_make(void);

// Nobody watches for it any more.
void smap_poison_free(smap_poison *poison);

// Memory for `count` places whose attention is called when something is found missing, 64 zeroed bytes each, aligned to that; they stay
// until `smap_poison_free`. Not from two threads at a time. NULL where there is no memory.
void *_Nullable smap_poison_add_places(smap_poison *poison, size_t count);

// Where in a place its 64 bits of attention lie, which become 1.
enum { smap_attention_offset = 16, smap_place_size = 64 };

// Notes that bytes can't be had, and calls attention everywhere. Safe in a handler of signals, and on several threads at a time.
void smap_poison_note(smap_poison *poison, int64_t start, int64_t end);

// Where it counts how often something was noted, by atomic additions with release: 64 bits that whoever loads them with acquire may look
// at without a call.
const void *smap_poison_faults(const smap_poison *poison);

// The first missing byte of a range, or -1.
int64_t smap_poison_first(const smap_poison *poison, int64_t start, int64_t end);

// Narrows a range from both ends until nothing in it is missing but what `from` and `to` enclose.
void smap_poison_narrow(const smap_poison *poison, int64_t from, int64_t to, int64_t *start, int64_t *end);

#pragma clang assume_nonnull end

#endif

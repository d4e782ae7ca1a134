// Missing pages of maps: a handler of SIGBUS that puts zeros where a page of a watched extent can't be had, because the file
// was cut short or a disk failed, and notes which.
#ifndef CMAPSHIMS_GUARD_H
#define CMAPSHIMS_GUARD_H

#include <stdbool.h>
#include <stddef.h>

#include "poison.h"

#pragma clang assume_nonnull begin

// Addresses that the handler knows.
typedef struct smap_watch smap_watch;

// Watches addresses from now on, where bytes of a file lie from `offset` on: installs the handler if it is not there, and puts it
// first again where another took its place. A page that can't be had becomes zeros to the end of its window, counted from `base`.
// NULL where there is no memory, or no handler to be installed. O(1).
//
// `release` is called with `owner` when the watch is over.
smap_watch *_Nullable smap_watch_begin(
  void *base, size_t byte_count, int64_t offset, size_t window, smap_poison *poison, void *owner, void (*release)(void *owner));

// Ends a watch; no handler works on its addresses any more when this returns. O(1), and waits for those that are at work.
void smap_watch_end(smap_watch *watch);

#pragma clang assume_nonnull end

#endif

// Programs around a library that handle SIGBUS themselves: as others that guard their maps do.
#ifndef CTESTSUPPORT_HOST_H
#define CTESTSUPPORT_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

enum { smap_hosts = 2 };

// Puts a host's handler first: it fills the pages of the host's own map that can't be had with its mark, 'A' or 'B', and passes all else
// on to who was there before. Once for each host. 0, or an errno.
int smap_host_install(int host);

// Makes a map of the host's own, one at a time: so many pages of a file that was cut short, none of which can be had; where the last one
// was, if that is free. NULL with errno.
const uint8_t *_Nullable smap_host_map(int host, size_t pages);

// Unmaps it.
void smap_host_unmap(int host);

// How many pages the host has filled.
size_t smap_host_filled(int host);

// Whether the host's handler last ran on the stack from `start` to `end`.
bool smap_host_ran_within(int host, const void *start, const void *end);

#pragma clang assume_nonnull end

#endif

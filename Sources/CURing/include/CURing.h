// Rings of io_uring(7), over liburing. All symbols carry the prefix `smap_ring_`.
//
// The header names none of liburing's types: they clash with those of Swift's C library modules. Built without
// SMAP_URING, or elsewhere than on Linux, every function is there and `smap_ring_create` fails with ENOSYS.
#ifndef CURING_H
#define CURING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct smap_ring smap_ring;

// Properties of a ring, as IORING_SETUP_* means them.
enum {
  SMAP_RING_COOP_TASKRUN = 1,
  SMAP_RING_SINGLE_ISSUER = 2,
  SMAP_RING_DEFER_TASKRUN = 4,
  SMAP_RING_SUBMIT_ALL = 8,
  // Made disabled: the thread that calls `smap_ring_enable` is the single issuer.
  SMAP_RING_DISABLED = 16,
};

// What a request does.
enum {
  SMAP_RING_READ = 0,          // `count` bytes at `offset` of `file` into `address`
  SMAP_RING_ADOPT = 1,         // the descriptor `adopted` into the slot `file`; -1 empties it
  SMAP_RING_CLOSE_DIRECT = 2,  // the slot `file`
  SMAP_RING_INSTALL = 3,       // a descriptor of the process, close-on-exec, for the file in the slot `file`: the result
};

// How a read is made.
enum {
  SMAP_RING_SLOT = 1,      // `file` is a slot of the ring's table, not a descriptor
  SMAP_RING_BLOCKING = 2,  // on a thread of the kernel's at once, for files that give EAGAIN otherwise
};

// Outcomes of a call that are no errno.
enum {
  SMAP_RING_SHUT = 1,    // the ring was shut
  SMAP_RING_FORKED = 2,  // the ring is the parent process's
};

typedef struct smap_ring_request {
  uint8_t operation;
  uint8_t flags;
  int32_t file;
  int32_t adopted;
  uint32_t count;
  int32_t result;  // set when the request has ended: bytes, a descriptor, or a negative errno
  int64_t offset;
  void *address;
  void *owner;  // the shim's own
} smap_ring_request;

// Makes a ring of at least `entries` submission entries: io_uring_setup(2), with all of `options` or not at all.
// 0, or an errno.
int smap_ring_create(smap_ring **ring, unsigned entries, unsigned options);

// Ends the use of a ring: waits for those inside a function that takes it, lets go of the files in its table, closes it. Calls
// that come later give SMAP_RING_SHUT. Idempotent, and the ring is gone when any call returns. Not to be called from
// inside `smap_ring_run`. In a forked child it gives back the child's share and leaves the parent's ring alone.
void smap_ring_shut(smap_ring *ring);

// Frees a ring's description, after `smap_ring_shut`.
void smap_ring_destroy(smap_ring *ring);

// How many submission entries it has.
unsigned smap_ring_entries(const smap_ring *ring);

// Whether the calling process is a child, by fork(2), of the one that made the ring.
bool smap_ring_is_forked(const smap_ring *ring);

// Gives a ring a table of `slots` direct descriptors, all empty: io_uring_register(2), and tries one: 0 if descriptors can
// be put into it and closed there, else an errno.
int smap_ring_make_table(smap_ring *ring, unsigned slots);

// A free slot of the table, the caller's until `smap_ring_put_slot` or `smap_ring_close_slot`; -1 if none is free.
int32_t smap_ring_take_slot(smap_ring *ring);

// Gives back a slot that holds no file.
void smap_ring_put_slot(smap_ring *ring, int32_t slot);

// Closes the file in a slot and gives the slot back, without waiting for others' requests.
void smap_ring_close_slot(smap_ring *ring, int32_t slot);

// A descriptor that stands for nothing but its number, which it keeps from others: a duplicate of the ring's own. Or a negative errno.
int smap_ring_hold_place(smap_ring *ring);

// Carries out requests, as many at a time as the ring holds, and returns when all have ended. From any number of
// threads: one of those that wait reaps for all. 0; else no request is under way, and all that did not end have
// -ECANCELED: SMAP_RING_SHUT, SMAP_RING_FORKED, or a negative errno of io_uring_enter(2).
int smap_ring_run(smap_ring *ring, smap_ring_request *requests, size_t count);

// For a ring that one thread has to itself.

// Lets the calling thread use a ring made SMAP_RING_DISABLED. 0 or an errno.
int smap_ring_enable(smap_ring *ring);

// Adds a read, to be started by the next `smap_ring_enter`. False if there is no room.
bool smap_ring_push(smap_ring *ring, const smap_ring_request *request, uint64_t tag);

// Starts what was added and waits until `least` requests have ended. 0, or an errno: EAGAIN or EBUSY where the kernel
// wants ended requests reaped, or has no memory just now.
int smap_ring_enter(smap_ring *ring, unsigned least);

// Takes up to `capacity` ended requests, and says how many.
unsigned smap_ring_reap(smap_ring *ring, uint64_t *tags, int32_t *results, unsigned capacity);

// O_DIRECT, which the C library's headers give only to some; 0 where there is none.
int smap_ring_o_direct(void);

// An eventfd(2), or a negative errno.
int smap_ring_make_event(void);

#endif

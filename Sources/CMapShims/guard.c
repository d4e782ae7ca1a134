// The handler may interrupt a thread anywhere, also within malloc or with a lock held. So it takes no lock, allocates nothing and touches
// no object of Swift's: it reads tables that only grow, and calls mmap(2), munmap(2), mremap(2), mprotect(2), munlock(2), sigaction(2),
// pthread_sigmask(3), and madvise(2).
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "guard.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

// MARK: What is watched

struct smap_watch {
  // 0 where there is none. Stored last and read first; what follows `end` stays as it is while a handler is at work here.
  _Atomic uintptr_t base;
  // Handlers at work here. Sequentially consistent, like the base: either a handler that has counted itself sees that the watch ended, or
  // who ended it sees the handler.
  _Atomic uint32_t at_work;
  // Relaxed: who has found it together with another watch's base looks again once it has counted itself.
  _Atomic uintptr_t end;
  // Where in the file the addresses begin.
  int64_t offset;
  size_t window;
  smap_poison *poison;
  void *owner;
  void (*release)(void *);
  // Which of all watches that were begun it is.
  uint64_t number;
  // While it is free.
  struct smap_watch *next_free;
  // Pages that became zeros; each may part the map.
  _Atomic uint32_t parts;
};

enum { WATCHES = 128 };

// Tables are added at the end, with release, and never taken out.
struct table {
  struct smap_watch watches[WATCHES];
  struct table *_Atomic next;
};

static struct table first_table;
static pthread_mutex_t tables = PTHREAD_MUTEX_INITIALIZER;
static uint64_t begun;

static bool covers(struct smap_watch *watch, uintptr_t address) {
  uintptr_t base = atomic_load(&watch->base);
  return base && address >= base && address < atomic_load_explicit(&watch->end, memory_order_relaxed);
}

// Finds the watch of an address, which does not end before the handler has left.
static struct smap_watch *_Nullable enter(uintptr_t address) {
  for (struct table *table = &first_table; table; table = atomic_load_explicit(&table->next, memory_order_acquire))
    for (int index = 0; index < WATCHES; index++) {
      struct smap_watch *watch = &table->watches[index];
      if (!covers(watch, address)) continue;
      atomic_fetch_add(&watch->at_work, 1);
      if (covers(watch, address)) return watch;
      atomic_fetch_sub(&watch->at_work, 1);
    }
  return NULL;
}

static void leave(struct smap_watch *watch) { atomic_fetch_sub(&watch->at_work, 1); }

// Called with the lock, as all that changes these is.
static struct table *last_table = &first_table;
static int used_of_last;
static struct smap_watch *first_free;

static struct smap_watch *_Nullable take_watch(void) {
  struct smap_watch *watch = first_free;
  if (watch) {
    first_free = watch->next_free;
    return watch;
  }
  if (used_of_last == WATCHES) {
    struct table *next = calloc(1, sizeof *next);
    if (!next) return NULL;
    atomic_store_explicit(&last_table->next, next, memory_order_release);
    last_table = next;
    used_of_last = 0;
  }
  return &last_table->watches[used_of_last++];
}

// MARK: Spare maps

// Single pages of one reservation that may be read, so that each parts it and takes two kernel maps: when the process may have no more of
// them, some are given up for those that zeros take, by taking the access away. The addresses stay ours.
enum { SPARES = 2 };
static char *reservation;
static _Atomic uint32_t spares;
static size_t page_size;

static char *spare(int index) { return reservation + (2 * index + 1) * page_size; }

// Called with the lock. Makes those that there are not; at the limit there are none to be had.
static void make_spares(void) {
  if (!reservation) {
    char *pages = mmap(NULL, (2 * SPARES + 1) * page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) return;
    reservation = pages;
  }
  for (int index = 0; index < SPARES; index++)
    if (!(atomic_load(&spares) & (1u << index)) && mprotect(spare(index), page_size, PROT_READ) == 0)
      atomic_fetch_or(&spares, 1u << index);
}

// Gives one up, the first only if it may be the last.
static bool give_up_spare(bool even_last) {
  for (int index = SPARES - 1; index >= (even_last ? 0 : 1); index--)
    if (atomic_fetch_and(&spares, ~(1u << index)) & (1u << index))
      return mprotect(spare(index), page_size, PROT_NONE) == 0;
  return false;
}

// MARK: Zeros made beforehand

// A process that has more addresses than it may have by now, as RLIMIT_AS was lowered, gets no map, not even in the place of one that it
// has; but one may be moved there. So there are runs of zeros to be moved, each once. Linux alone.
enum { RUNS = 8, RUN_BYTES = 1 << 20 };
static _Atomic uintptr_t runs[RUNS];

// Called with the lock. Makes those that there are not. They are readable only once they are out of locked memory, so that none is filled.
static void make_runs(void) {
#ifdef __linux__
  for (int index = 0; index < RUNS; index++) {
    if (atomic_load(&runs[index])) continue;
    void *run = mmap(NULL, RUN_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (run == MAP_FAILED) return;
    munlock(run, RUN_BYTES);
    if (mprotect(run, RUN_BYTES, PROT_READ) != 0) {
      munmap(run, RUN_BYTES);
      return;
    }
    atomic_store(&runs[index], (uintptr_t)run);
  }
#endif
}

// Moves a run to the start of a range; what it is too short for faults again.
static bool move_run(uintptr_t start, uintptr_t end) {
#ifdef __linux__
  size_t count = end - start < RUN_BYTES ? end - start : RUN_BYTES;
  for (int index = 0; index < RUNS; index++) {
    uintptr_t run = atomic_exchange(&runs[index], 0);
    if (!run) continue;
    if (mremap((void *)run, count, count, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)start) == MAP_FAILED) {
      // It lies where it lay; another may have been made meanwhile.
      uintptr_t none = 0;
      if (!atomic_compare_exchange_strong(&runs[index], &none, run)) munmap((void *)run, RUN_BYTES);
      return false;
    }
    if (count < RUN_BYTES) munmap((void *)(run + count), RUN_BYTES - count);
    return true;
  }
#else
  (void)start, (void)end;
#endif
  return false;
}

// MARK: Repair

// After so many pages of one map that became zeros one by one, the rest of it does at once: each may take two kernel maps.
enum { MOST_PARTS = 64 };

static bool put_zeros(uintptr_t start, uintptr_t end) {
  return mmap((void *)start, end - start, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != MAP_FAILED;
}

// The bytes are noted as missing before anybody can see zeros in their place. Zeros in the middle of a map take two more kernel maps, for
// which spare ones are given up; in the place of a whole map they take none, but the kernel gives nothing to who has too many, and for that
// the last is.
static bool replace(smap_watch *watch, uintptr_t base, uintptr_t start, uintptr_t end) {
  bool is_whole = start == base && end == atomic_load_explicit(&watch->end, memory_order_relaxed);
  smap_poison_note(watch->poison, watch->offset + (int64_t)(start - base), watch->offset + (int64_t)(end - base));
  if (put_zeros(start, end)) return true;
  // Under mlockall(MCL_FUTURE) what is replaced counts beside what replaces it.
  if (errno == EAGAIN && munlock((void *)start, end - start) == 0 && put_zeros(start, end)) return true;
  while (errno == ENOMEM && give_up_spare(is_whole))
    if (put_zeros(start, end)) return true;
  return false;
}

static bool repair(smap_watch *watch, uintptr_t address) {
  uintptr_t base = atomic_load_explicit(&watch->base, memory_order_relaxed);
  uintptr_t last = atomic_load_explicit(&watch->end, memory_order_relaxed);
  uintptr_t start = address & ~(page_size - 1), end = last;
  // Others may be at the same page.
  int64_t offset = watch->offset + (int64_t)(start - base);
  bool is_known = smap_poison_first(watch->poison, offset, offset + 1) >= 0;
  if (is_known || atomic_fetch_add(&watch->parts, 1) < MOST_PARTS) {
    uintptr_t window = base + ((start - base) / watch->window + 1) * watch->window;
    if (window > base && window < end) end = window;
  }
  return replace(watch, base, start, end) || (errno == ENOMEM && move_run(start, end)) || replace(watch, base, base, last);
}

// MARK: The handler

// Actions that were there before ours. Only added to; which of them are asked, and in which order, one word says: a number of the table,
// from 1, in each four bits, the last to be installed in the lowest.
enum { FORMER = 15 };
static struct sigaction former[FORMER];
static int former_count;
static _Atomic uint64_t order;
// Of those that are to be asked once (SA_RESETHAND), which were.
static _Atomic uint32_t spent;

// How often a fault may come back that those who were asked have returned from, before the ones before them are asked.
enum { MOST_RETURNS = 3 };

// What this thread is at. A handler that was installed after ours may ask ours again for what it does not know.
static _Thread_local
#if defined(__ELF__)
__attribute__((tls_model("initial-exec")))
#endif
struct {
  // The page that was repaired last.
  uintptr_t page;
  uint64_t number;
  int repeats;
  // Who is being asked, for which signal, from which frame.
  const void *context;
  const void *frame;
  int asked;
  // The fault that somebody has returned from, and how often.
  const void *returned;
  int returns;
} here;

static void end_by_default(const siginfo_t *info) {
  struct sigaction action = {.sa_handler = SIG_DFL};
  sigaction(SIGBUS, &action, NULL);
  // The access is made again, and ends the process where it happened. What somebody sent does not come again by itself.
  if (info->si_code <= 0) raise(SIGBUS);
}

static void ask(const struct sigaction *action, int number, siginfo_t *info, void *context) {
  sigset_t mask = action->sa_mask, old;
  if (!(action->sa_flags & SA_NODEFER)) sigaddset(&mask, SIGBUS);
  pthread_sigmask(SIG_SETMASK, &((ucontext_t *)context)->uc_sigmask, &old);
  pthread_sigmask(SIG_BLOCK, &mask, NULL);
  if (action->sa_flags & SA_SIGINFO) action->sa_sigaction(number, info, context);
  else action->sa_handler(number);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
}

// Whether a page can be read by now. Where the kernel is too old to tell (5.14) or a sandbox forbids it, as if not.
static bool is_there(uintptr_t address) {
#ifdef __linux__
  int populate_read = 22;  // MADV_POPULATE_READ, newer than some headers
  return madvise((void *)(address & ~(page_size - 1)), page_size, populate_read) == 0;
#else
  (void)address;
  return false;
#endif
}

// Does what would have been done without us.
static void pass_on(int number, siginfo_t *info, void *context) {
  bool is_fault = info->si_code > 0;
  const void *frame = __builtin_frame_address(0);
  const void *outer_context = here.context, *outer_frame = here.frame;
  int outer_asked = here.asked;
  // Asked by the one that we asked: a frame of the same signal, deeper in the stack. Who left by longjmp(3) is not there any more.
  bool is_asked = outer_context == context && (uintptr_t)frame < (uintptr_t)outer_frame;
  int skipped = is_asked ? outer_asked : 0;
  // Who returns from a fault and changes nothing, as crash reporters do, would be asked for ever.
  if (!is_asked && is_fault && here.returned == info->si_addr) skipped = here.returns / MOST_RETURNS;
  uint64_t asked = atomic_load_explicit(&order, memory_order_acquire) >> (4 * (skipped < 16 ? skipped : 15));
  int index = (int)(asked & 15) - 1;
  bool is_spent = false;
  if (index >= 0 && (former[index].sa_flags & SA_RESETHAND))
    is_spent = atomic_fetch_or(&spent, 1u << index) & (1u << index);
  if (index < 0 || is_spent || former[index].sa_handler == SIG_DFL || (former[index].sa_handler == SIG_IGN && is_fault)) {
    end_by_default(info);
  } else if (former[index].sa_handler != SIG_IGN) {
    here.context = context;
    if (!is_asked) here.frame = frame;
    here.asked = skipped + 1;
    ask(&former[index], number, info, context);
    here.context = outer_context;
    here.frame = outer_frame;
    here.asked = outer_asked;
  }
  if (is_asked || !is_fault) return;
  bool is_again = here.returned == info->si_addr;
  here.returned = is_there((uintptr_t)info->si_addr) ? NULL : info->si_addr;
  here.returns = is_again ? here.returns + 1 : 1;
}

// How often a thread may come back to the same page of the same watch: others may have been about to put zeros there.
enum { MOST_REPEATS = 3 };

static bool is_ours(uintptr_t address) {
  struct smap_watch *watch = enter(address);
  if (!watch) return false;
  uintptr_t page = address & ~(page_size - 1);
  bool is_again = here.page == page && here.number == watch->number;
  here.repeats = is_again ? here.repeats + 1 : 0;
  here.page = page;
  here.number = watch->number;
  bool is_repaired = here.repeats < MOST_REPEATS && repair(watch, address);
  leave(watch);
  return is_repaired;
}

static void handle(int number, siginfo_t *info, void *context) {
  int error = errno;
  bool is_missing = info->si_code == BUS_ADRERR;
#ifdef BUS_MCEERR_AR
  // The memory itself is broken.
  is_missing = is_missing || info->si_code == BUS_MCEERR_AR;
#endif
  if (!is_missing || !is_ours((uintptr_t)info->si_addr)) pass_on(number, info, context);
  errno = error;
}

// The child finds the tables whole, and nobody at work.
static void before_fork(void) { pthread_mutex_lock(&tables); }
static void forked_here(void) { pthread_mutex_unlock(&tables); }
static void forked_there(void) {
  pthread_mutex_unlock(&tables);
  for (struct table *table = &first_table; table; table = atomic_load_explicit(&table->next, memory_order_acquire))
    for (int index = 0; index < WATCHES; index++) atomic_store(&table->watches[index].at_work, 0);
}

static void prepare(void) {
  page_size = (size_t)sysconf(_SC_PAGESIZE);
  pthread_atfork(before_fork, forked_here, forked_there);
}

static bool are_same(const struct sigaction *one, const struct sigaction *other) {
  return one->sa_sigaction == other->sa_sigaction && one->sa_flags == other->sa_flags &&
         memcmp(&one->sa_mask, &other->sa_mask, sizeof one->sa_mask) == 0;
}

// Makes an action the first to be asked. Called with the lock.
static void put_first(const struct sigaction *action) {
  int index = 0;
  while (index < former_count && !are_same(&former[index], action)) index++;
  if (index == FORMER) index--;
  if (index == former_count) former_count++;
  former[index] = *action;
  uint64_t rest = 0, old = atomic_load_explicit(&order, memory_order_relaxed);
  int shift = 4;
  for (; old && shift < 64; old >>= 4)
    if ((int)(old & 15) != index + 1) {
      rest |= (old & 15) << shift;
      shift += 4;
    }
  atomic_fetch_and(&spent, ~(1u << index));
  atomic_store_explicit(&order, rest | (uint64_t)(index + 1), memory_order_release);
}

// Called with the lock. What was there is learned by the call that takes its place.
static bool install(void) {
  static bool is_installed;
  struct sigaction ours = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART}, old;
  sigfillset(&ours.sa_mask);
  // A sandbox may forbid it later; the handler is there all the same.
  if (sigaction(SIGBUS, &ours, &old) != 0) return is_installed;
  is_installed = true;
  if (!(old.sa_flags & SA_SIGINFO) || old.sa_sigaction != handle) put_first(&old);
  return true;
}

static pthread_once_t prepared = PTHREAD_ONCE_INIT;

smap_watch *smap_watch_begin(
  void *base, size_t byte_count, int64_t offset, size_t window, smap_poison *poison, void *owner, void (*release)(void *)) {
  pthread_once(&prepared, prepare);
  pthread_mutex_lock(&tables);
  make_spares();
  make_runs();
  smap_watch *watch = install() ? take_watch() : NULL;
  if (watch) {
    atomic_store_explicit(&watch->end, (uintptr_t)base + byte_count, memory_order_relaxed);
    watch->offset = offset;
    watch->window = window;
    watch->poison = poison;
    watch->owner = owner;
    watch->release = release;
    watch->number = ++begun;
    atomic_store_explicit(&watch->parts, 0, memory_order_relaxed);
    atomic_store(&watch->base, (uintptr_t)base);
  }
  pthread_mutex_unlock(&tables);
  return watch;
}

void smap_watch_end(smap_watch *watch) {
  atomic_store(&watch->base, 0);
  while (atomic_load(&watch->at_work) > 0) sched_yield();
  void *owner = watch->owner;
  void (*release)(void *) = watch->release;
  pthread_mutex_lock(&tables);
  watch->next_free = first_free;
  first_free = watch;
  pthread_mutex_unlock(&tables);
  release(owner);
}

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "host.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct host {
  // Of the map that there is, or was.
  uintptr_t base, end;
  size_t page;
  atomic_size_t filled;
  _Atomic uintptr_t frame;
  struct sigaction former;
} hosts[smap_hosts];

// Another thread that is at the same page finds it filled, or fills it again.
static bool fill(struct host *host, uintptr_t address) {
  void *page = (void *)(address & ~(host->page - 1));
  int flags = MAP_PRIVATE | MAP_ANONYMOUS;
  char *fresh = mmap(NULL, host->page, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (fresh == MAP_FAILED) return false;
  memset(fresh, 'A' + (int)(host - hosts), host->page);
#ifdef __linux__
  // Whole, so that nobody sees a part of it.
  if (mremap(fresh, host->page, host->page, MREMAP_MAYMOVE | MREMAP_FIXED, page) == MAP_FAILED) return false;
#else
  if (mmap(page, host->page, PROT_READ | PROT_WRITE, flags | MAP_FIXED, -1, 0) == MAP_FAILED) return false;
  memcpy(page, fresh, host->page);
#endif
  atomic_fetch_add(&host->filled, 1);
  return true;
}

static void handle(struct host *host, int number, siginfo_t *info, void *context) {
  int error = errno;
  atomic_store(&host->frame, (uintptr_t)__builtin_frame_address(0));
  uintptr_t address = (uintptr_t)info->si_addr;
  bool is_own = info->si_code > 0 && address >= host->base && address < host->end;
  if (!is_own || !fill(host, address)) {
    const struct sigaction *former = &host->former;
    // The access is made again, and ends the process where it happened.
    if (former->sa_handler == SIG_DFL) signal(number, SIG_DFL);
    else if (former->sa_flags & SA_SIGINFO) former->sa_sigaction(number, info, context);
    else if (former->sa_handler != SIG_IGN) former->sa_handler(number);
  }
  errno = error;
}

static void handle_first(int number, siginfo_t *info, void *context) { handle(&hosts[0], number, info, context); }
static void handle_second(int number, siginfo_t *info, void *context) { handle(&hosts[1], number, info, context); }

int smap_host_install(int host) {
  struct sigaction action = {.sa_sigaction = host == 0 ? handle_first : handle_second, .sa_flags = SA_SIGINFO};
  return sigaction(SIGBUS, &action, &hosts[host].former) == 0 ? 0 : errno;
}

const uint8_t *smap_host_map(int host, size_t pages) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  FILE *file = tmpfile();
  if (!file) return NULL;
  char *base = MAP_FAILED;
  if (ftruncate(fileno(file), (off_t)(pages * page)) == 0) {
    base = mmap((void *)hosts[host].base, pages * page, PROT_READ, MAP_SHARED, fileno(file), 0);
    if (base != MAP_FAILED && ftruncate(fileno(file), 0) != 0) {
      munmap(base, pages * page);
      base = MAP_FAILED;
    }
  }
  fclose(file);
  if (base == MAP_FAILED) return NULL;
  hosts[host].page = page;
  hosts[host].base = (uintptr_t)base;
  hosts[host].end = (uintptr_t)base + pages * page;
  return (const uint8_t *)base;
}

void smap_host_unmap(int host) {
  munmap((void *)hosts[host].base, hosts[host].end - hosts[host].base);
  hosts[host].end = hosts[host].base;
}

size_t smap_host_filled(int host) { return atomic_load(&hosts[host].filled); }

bool smap_host_ran_within(int host, const void *start, const void *end) {
  uintptr_t frame = atomic_load(&hosts[host].frame);
  return frame >= (uintptr_t)start && frame < (uintptr_t)end;
}

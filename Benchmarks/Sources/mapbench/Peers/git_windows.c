// Reads files through the windows that libgit2 reads packs through. Compiled by `mapbench compare --peers` where libgit2's
// static library is installed: the functions are not part of its interface, so they are declared here.
//
//   git_windows ACCESSES WARMUP BUDGET WINDOW FILE...
//
// ACCESSES has a word for each access, file << 40 | offset. Writes a line with the checksum in hexadecimal, seconds, the most
// bytes mapped, resident bytes at the end and windows mapped, all but the first of WARMUP accesses; then sampled latencies.
#include <fcntl.h>
#include <git2/common.h>
#include <git2/version.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#if LIBGIT2_VER_MAJOR != 1 || LIBGIT2_VER_MINOR < 2
#error "what is declared here fits libgit2 1.2 and later"
#endif

struct window;
struct window_file {
  pthread_mutex_t lock;
  struct window *windows;
  int fd;
  int64_t size;
};
struct window_counts {
  size_t mapped;
  unsigned open, calls, peak_open;
  size_t peak_mapped;
};
extern size_t git_mwindow__window_size, git_mwindow__mapped_limit;
extern struct window_counts git_mwindow__mem_ctl;
int git_allocator_global_init(void);
int git_mwindow_global_init(void);
int git_mwindow_file_register(struct window_file *);
unsigned char *git_mwindow_open(struct window_file *, struct window **, int64_t, size_t, unsigned *);
void git_mwindow_close(struct window **);
int git_mwindow_free_all(struct window_file *);

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static uint64_t word(const unsigned char *bytes) {
  uint64_t value;
  memcpy(&value, bytes, 8);
  return value;
}

static size_t resident_file_bytes(void) {
  FILE *status = fopen("/proc/self/status", "r");
  char line[256];
  size_t kibibytes = 0;
  while (status && fgets(line, sizeof line, status))
    if (sscanf(line, "RssFile: %zu", &kibibytes) == 1) break;
  if (status) fclose(status);
  return kibibytes << 10;
}

static struct window_file *files;
static struct window **cursors;
static int current;

static uint64_t load(uint64_t access) {
  int file = (int)(access >> 40);
  if (file != current) {
    git_mwindow_close(&cursors[current]);
    current = file;
  }
  unsigned left;
  const unsigned char *bytes =
      git_mwindow_open(&files[file], &cursors[file], (int64_t)(access & ((1ull << 40) - 1)), 64, &left);
  if (!bytes || left < 64) fail("git_mwindow_open");
  return word(bytes) + word(bytes + 16) * 3 + word(bytes + 32) * 5 + word(bytes + 56) * 7;
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--version") == 0) return printf(LIBGIT2_VERSION) < 0;
  if (argc < 6) return 2;
  int list = open(argv[1], O_RDONLY);
  struct stat status;
  if (list < 0 || fstat(list, &status) != 0) fail(argv[1]);
  size_t count = (size_t)status.st_size / 8, warm_up = strtoull(argv[2], NULL, 10);
  uint64_t *accesses = malloc(count * 8);
  for (size_t done = 0; done < count * 8;) {
    ssize_t got = read(list, (char *)accesses + done, count * 8 - done);
    if (got <= 0) fail(argv[1]);
    done += (size_t)got;
  }
  uint64_t *latencies = malloc((count / 31 + 1) * 8);
  int file_count = argc - 5;
  files = calloc((size_t)file_count, sizeof *files);
  cursors = calloc((size_t)file_count, sizeof *cursors);

  if (git_allocator_global_init() < 0 || git_mwindow_global_init() < 0) fail("libgit2");
  git_mwindow__mapped_limit = strtoull(argv[3], NULL, 10);
  git_mwindow__window_size = strtoull(argv[4], NULL, 10);
  for (int i = 0; i < file_count; i++) {
    pthread_mutex_init(&files[i].lock, NULL);
    files[i].fd = open(argv[5 + i], O_RDONLY);
    if (files[i].fd < 0 || fstat(files[i].fd, &status) != 0) fail(argv[5 + i]);
    files[i].size = status.st_size;
    if (git_mwindow_file_register(&files[i]) < 0) fail("git_mwindow_file_register");
  }

  size_t start_resident = resident_file_bytes();
  uint64_t sum = 0;
  for (size_t i = 0; i < warm_up; i++) sum += load(accesses[i]) * (i | 1);
  sum = 0;
  unsigned calls = git_mwindow__mem_ctl.calls;
  size_t sampled = 0;
  int until_timed = 31;
  uint64_t start = now();
  for (size_t i = warm_up; i < count; i++) {
    uint64_t value;
    if (--until_timed == 0) {
      until_timed = 31;
      uint64_t before = now();
      value = load(accesses[i]);
      latencies[sampled++] = now() - before;
    } else {
      value = load(accesses[i]);
    }
    sum += value * (i | 1);
  }
  double seconds = (double)(now() - start) / 1e9;
  size_t resident = resident_file_bytes();
  printf("%llx %.9f %zu %zu %u\n", (unsigned long long)sum, seconds, git_mwindow__mem_ctl.peak_mapped,
         resident > start_resident ? resident - start_resident : 0, git_mwindow__mem_ctl.calls - calls);
  for (size_t i = 0; i < sampled; i++) printf("%llu\n", (unsigned long long)latencies[i]);
  return 0;
}

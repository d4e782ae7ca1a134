#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "fuse_server.h"

#include <errno.h>

#ifdef __linux__

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

// In the environment of the serving process.
static const char mark[] = "SLIDING_MAP_SERVES_FILES";
// Its end of the packets' way.
enum { CONTROL = 3 };

__attribute__((constructor)) static void serve_if_asked(void) {
  if (!getenv(mark)) return;
  smap_fuse_serve(CONTROL);
  _exit(0);
}

extern char **environ;

// The environment, and the mark.
static char **marked_environment(char *text) {
  size_t count = 0;
  while (environ[count]) count++;
  char **all = calloc(count + 2, sizeof *all);
  if (!all) return NULL;
  memcpy(all, environ, count * sizeof *all);
  all[count] = text;
  return all;
}

// In a group of its own, so that what is typed to end the tests leaves it time to unmount; with nothing of this process's open but the
// standard streams.
static int spawn(int control, pid_t *process) {
  char text[sizeof mark + 2];
  strcpy(stpcpy(text, mark), "=1");
  char **environment = marked_environment(text);
  if (!environment) return ENOMEM;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, control, CONTROL);
  posix_spawn_file_actions_addclosefrom_np(&actions, CONTROL + 1);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setpgroup(&attributes, 0);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  char *arguments[] = {"files", NULL};
  int result = posix_spawn(process, "/proc/self/exe", &actions, &attributes, arguments, environment);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  free(environment);
  return result;
}

// Sends a command and waits for what came of it.
static int tell(int control, const smap_fuse_command *command) {
  ssize_t sent;
  do sent = send(control, command, sizeof *command, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent < 0) return errno;
  int answer;
  ssize_t received;
  do received = recv(control, &answer, sizeof answer, 0);
  while (received < 0 && errno == EINTR);
  if (received < 0) return errno;
  return received == sizeof answer ? answer : EPIPE;
}

static void await_end(pid_t process) {
  while (waitpid(process, NULL, 0) < 0 && errno == EINTR) continue;
}

int smap_fuse_start(const char *directory, const smap_fuse_options *options, pid_t *process) {
  smap_fuse_command command = {.order = SMAP_FUSE_MOUNT, .options = *options};
  if (strlen(directory) > smap_fuse_longest_name) {
    errno = ENAMETOOLONG;
    return -1;
  }
  strcpy(command.name, directory);
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return -1;
  int error = spawn(ends[1], process);
  close(ends[1]);
  if (error == 0) {
    error = tell(ends[0], &command);
    if (error == 0) return ends[0];
    close(ends[0]);
    await_end(*process);
  } else {
    close(ends[0]);
  }
  errno = error;
  return -1;
}

int smap_fuse_put(int control, int index, const char *name, const smap_fuse_file *file) {
  if (index < 0 || index >= smap_fuse_most_files || strlen(name) > smap_fuse_longest_name) return EINVAL;
  smap_fuse_command command = {.order = SMAP_FUSE_PUT, .number = index, .file = *file};
  strcpy(command.name, name);
  return tell(control, &command);
}

int smap_fuse_await_held(int control, int count) {
  smap_fuse_command command = {.order = SMAP_FUSE_AWAIT_HELD, .number = count};
  return tell(control, &command);
}

void smap_fuse_kill(pid_t process) {
  kill(process, SIGKILL);
  await_end(process);
}

void smap_fuse_end(int control, const char *directory, pid_t process) {
  // Of a server that was killed nobody else does.
  umount2(directory, MNT_DETACH);
  close(control);
  if (process != 0) await_end(process);
}

#else

int smap_fuse_start(const char *directory, const smap_fuse_options *options, pid_t *process) {
  errno = ENOSYS;
  return -1;
}
int smap_fuse_put(int control, int index, const char *name, const smap_fuse_file *file) { return ENOSYS; }
int smap_fuse_await_held(int control, int count) { return ENOSYS; }
void smap_fuse_kill(pid_t process) {}
void smap_fuse_end(int control, const char *directory, pid_t process) {}

#endif

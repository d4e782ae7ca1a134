// What the two processes of a mount tell each other, by packets of one size: a command, then an errno.
#ifndef CTESTSUPPORT_FUSE_SERVER_H
#define CTESTSUPPORT_FUSE_SERVER_H

#include "fuse_mount.h"

enum smap_fuse_order { SMAP_FUSE_MOUNT, SMAP_FUSE_PUT, SMAP_FUSE_AWAIT_HELD };

typedef struct smap_fuse_command {
  enum smap_fuse_order order;
  // Which file, or how many requests.
  int number;
  // The directory, or the file's name.
  char name[smap_fuse_longest_name + 1];
  smap_fuse_options options;
  smap_fuse_file file;
} smap_fuse_command;

// Serves what it is told to, until the other end is closed.
void smap_fuse_serve(int control);

#endif

// What tests need of the system around a program, and Swift has no words for: a file system that a test describes, and programs that
// handle SIGBUS themselves.
// All symbols carry the prefix `smap_`.
#ifndef CTESTSUPPORT_H
#define CTESTSUPPORT_H

#include "fuse_mount.h"
#include "host.h"

#endif

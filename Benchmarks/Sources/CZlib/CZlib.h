// zlib as a system library: traces are often kept gzipped.
#include <zlib.h>

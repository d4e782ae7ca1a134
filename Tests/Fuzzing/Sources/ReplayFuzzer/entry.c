#include <stddef.h>
#include <stdint.h>

/* In ReplayFuzzing. */
int smap_fuzz_replay(const uint8_t *bytes, size_t count);

/* What libFuzzer calls with each input. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) { return smap_fuzz_replay(bytes, count); }

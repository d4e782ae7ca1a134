#include <stddef.h>
#include <stdint.h>

/* In TraceFuzzing. */
int smap_fuzz_trace(const uint8_t *bytes, size_t count);

/* What libFuzzer calls with each input. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) { return smap_fuzz_trace(bytes, count); }

#include <stddef.h>
#include <stdint.h>

/* In ModelFuzzing. */
int smap_fuzz_model(const uint8_t *bytes, size_t count);

/* What libFuzzer calls with each input. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) { return smap_fuzz_model(bytes, count); }

// The SHA instructions for CPUs without AVX: small ones, as many network disks have.

#if defined(__x86_64__)

#define TARGET __attribute__((target("sha,sse4.1,ssse3")))

static inline void settle_registers(void) {}

#include "sha_ni.h"

static bool supported(void) { return cpu_features() & bit_SHA && cpu_has_basic(bit_SSSE3 | bit_SSE4_1); }

const struct kernel sha_ni_sse_kernel = {
    .supported = supported,
    .lanes = LANES,
    .cost_grows = true,
    .step = {[SHA1] = sha1_step, [SHA256] = sha256_step},
};

#endif

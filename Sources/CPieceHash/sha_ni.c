// The SHA instructions, with AVX's three operands for everything else: it saves copies of registers.

#if defined(__x86_64__)

#include <immintrin.h>

#define TARGET __attribute__((target("sha,avx")))

/// The SHA instructions wait for the upper halves of their registers, if anything has left values there: that costs a hundredfold.
static inline __attribute__((always_inline)) TARGET void settle_registers(void) { _mm256_zeroupper(); }

#include "sha_ni.h"

static bool supported(void) {
    return cpu_features() & bit_SHA && cpu_has_basic(bit_SSSE3 | bit_SSE4_1 | bit_AVX) && system_saves(XCR0_AVX);
}

const struct kernel sha_ni_kernel = {
    .supported = supported,
    .lanes = LANES,
    .cost_grows = true,
    .step = {[SHA1] = sha1_step, [SHA256] = sha256_step},
};

#endif

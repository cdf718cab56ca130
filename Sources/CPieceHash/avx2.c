// 8 messages in the words of 256-bit registers.

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#include "cpu_x86.h"
#include "kernel.h"

#define TARGET __attribute__((target("avx2")))
#define LANES 8
#define OPERATION static inline __attribute__((always_inline)) TARGET

typedef __m256i vec;

OPERATION vec add(vec a, vec b) { return _mm256_add_epi32(a, b); }
OPERATION vec xor2(vec a, vec b) { return _mm256_xor_si256(a, b); }
OPERATION vec xor3(vec a, vec b, vec c) { return xor2(xor2(a, b), c); }
OPERATION vec choose(vec a, vec b, vec c) { return xor2(c, _mm256_and_si256(a, xor2(b, c))); }
OPERATION vec majority(vec a, vec b, vec c) { return xor2(b, _mm256_and_si256(xor2(a, b), xor2(b, c))); }
OPERATION vec shift_right(vec a, int n) { return _mm256_srli_epi32(a, n); }
OPERATION vec rotate_right(vec a, int n) { return _mm256_or_si256(_mm256_srli_epi32(a, n), _mm256_slli_epi32(a, 32 - n)); }
OPERATION vec rotate_left(vec a, int n) { return rotate_right(a, 32 - n); }
OPERATION vec splat(uint32_t word) { return _mm256_set1_epi32((int)word); }
OPERATION vec settled(vec a) { __asm__("" : "+v"(a)); return a; }

/// 8 words of every lane: an 8 by 8 transposition, and the bytes of each word turned round.
OPERATION void load_half_block(vec w[8], const uint8_t *const lanes[LANES], size_t offset) {
    const vec swap = _mm256_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203, 0x0c0d0e0f08090a0b, 0x0405060700010203);
    // quarter[n]: 16 bytes of lane n below 16 bytes of lane n + 4, of the first half of the 32 bytes and of the second.
    vec quarter[2][4];
    for (size_t half = 0; half < 2; half++) {
        for (size_t n = 0; n < 4; n++) {
            const __m128i low = _mm_loadu_si128((const __m128i *)(lanes[n] + offset + 16 * half));
            const __m128i high = _mm_loadu_si128((const __m128i *)(lanes[n + 4] + offset + 16 * half));
            quarter[half][n] = _mm256_shuffle_epi8(_mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1), swap);
        }
        const vec low01 = _mm256_unpacklo_epi32(quarter[half][0], quarter[half][1]);
        const vec low23 = _mm256_unpacklo_epi32(quarter[half][2], quarter[half][3]);
        const vec high01 = _mm256_unpackhi_epi32(quarter[half][0], quarter[half][1]);
        const vec high23 = _mm256_unpackhi_epi32(quarter[half][2], quarter[half][3]);
        w[4 * half + 0] = _mm256_unpacklo_epi64(low01, low23);
        w[4 * half + 1] = _mm256_unpackhi_epi64(low01, low23);
        w[4 * half + 2] = _mm256_unpacklo_epi64(high01, high23);
        w[4 * half + 3] = _mm256_unpackhi_epi64(high01, high23);
    }
}

OPERATION void load_block(vec w[16], const uint8_t *const lanes[LANES], size_t offset) {
    load_half_block(w, lanes, offset);
    load_half_block(w + 8, lanes, offset + 32);
}

#include "rounds.h"

static bool supported(void) { return cpu_features() & bit_AVX2 && cpu_has_basic(bit_AVX) && system_saves(XCR0_AVX); }

const struct kernel avx2_kernel = {
    .supported = supported,
    .lanes = LANES,
    .step = {[SHA1] = sha1_step, [SHA256] = sha256_step},
};

#endif

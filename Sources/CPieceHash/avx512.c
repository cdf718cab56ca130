// 16 messages in the words of 512-bit registers.

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#include "cpu_x86.h"
#include "kernel.h"

#define TARGET __attribute__((target("avx512f,avx512bw")))
#define LANES 16
#define OPERATION static inline __attribute__((always_inline)) TARGET

typedef __m512i vec;

OPERATION vec add(vec a, vec b) { return _mm512_add_epi32(a, b); }
OPERATION vec xor2(vec a, vec b) { return _mm512_xor_si512(a, b); }
// The third argument of a ternary operation is its truth table: bit 4a + 2b + c is the answer.
OPERATION vec xor3(vec a, vec b, vec c) { return _mm512_ternarylogic_epi32(a, b, c, 0x96); }
OPERATION vec choose(vec a, vec b, vec c) { return _mm512_ternarylogic_epi32(a, b, c, 0xca); }
OPERATION vec majority(vec a, vec b, vec c) { return _mm512_ternarylogic_epi32(a, b, c, 0xe8); }
OPERATION vec shift_right(vec a, unsigned n) { return _mm512_srli_epi32(a, n); }
// The intrinsics of the rotations want literals; the compiler knows these shifts as the one instruction.
OPERATION vec rotate_left(vec a, unsigned n) { return _mm512_or_si512(_mm512_slli_epi32(a, n), _mm512_srli_epi32(a, 32 - n)); }
OPERATION vec rotate_right(vec a, unsigned n) { return rotate_left(a, 32 - n); }
OPERATION vec splat(uint32_t word) { return _mm512_set1_epi32((int)word); }
OPERATION vec settled(vec a) { __asm__("" : "+v"(a)); return a; }

/// A 16 by 16 transposition of words: each round of it doubles the run of lanes that stand side by side.
OPERATION void load_block(vec w[16], const uint8_t *const lanes[LANES], size_t offset) {
    const vec swap = _mm512_broadcast_i32x4(_mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
    vec row[16], pair[16], four[16];
    UNROLLED for (size_t n = 0; n < 16; n++) row[n] = _mm512_shuffle_epi8(_mm512_loadu_si512(lanes[n] + offset), swap);
    UNROLLED for (size_t n = 0; n < 16; n += 2) {
        pair[n] = _mm512_unpacklo_epi32(row[n], row[n + 1]);
        pair[n + 1] = _mm512_unpackhi_epi32(row[n], row[n + 1]);
    }
    // Quarter q of four[n + j] is word 4q + j of the lanes n to n + 3.
    UNROLLED for (size_t n = 0; n < 16; n += 4) {
        four[n] = _mm512_unpacklo_epi64(pair[n], pair[n + 2]);
        four[n + 1] = _mm512_unpackhi_epi64(pair[n], pair[n + 2]);
        four[n + 2] = _mm512_unpacklo_epi64(pair[n + 1], pair[n + 3]);
        four[n + 3] = _mm512_unpackhi_epi64(pair[n + 1], pair[n + 3]);
    }
    // 0x88 takes the quarters 0 and 2 of both sides, 0xdd the quarters 1 and 3.
    UNROLLED for (size_t j = 0; j < 4; j++) {
        const vec low_even = _mm512_shuffle_i32x4(four[j], four[4 + j], 0x88);
        const vec low_odd = _mm512_shuffle_i32x4(four[j], four[4 + j], 0xdd);
        const vec high_even = _mm512_shuffle_i32x4(four[8 + j], four[12 + j], 0x88);
        const vec high_odd = _mm512_shuffle_i32x4(four[8 + j], four[12 + j], 0xdd);
        w[j] = _mm512_shuffle_i32x4(low_even, high_even, 0x88);
        w[4 + j] = _mm512_shuffle_i32x4(low_odd, high_odd, 0x88);
        w[8 + j] = _mm512_shuffle_i32x4(low_even, high_even, 0xdd);
        w[12 + j] = _mm512_shuffle_i32x4(low_odd, high_odd, 0xdd);
    }
}

#include "rounds.h"

static bool supported(void) {
    const uint32_t features = bit_AVX512F | bit_AVX512BW;
    return (cpu_features() & features) == features && system_saves(XCR0_AVX512);
}

const struct kernel avx512_kernel = {
    .supported = supported,
    .lanes = LANES,
    .step = {[SHA1] = sha1_step, [SHA256] = sha256_step},
};

#endif

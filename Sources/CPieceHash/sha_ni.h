// The SHA instructions of x86-64, for up to four messages at a time: while one waits for its result the others compute.
//
// No include guard: a kernel's file defines what follows and includes this once, and gets `sha1_step` and `sha256_step`.
//   TARGET                the attribute that lets a function use the kernel's instructions
//   settle_registers      what is to be done before the first instruction
//
// More than four messages need so many registers that their loads and stores cost what the overlap gains: of 3, 4, 5, 6 and 8
// messages, 4 are the fastest on Zen 3, and within 8 % of the fastest on Zen 4.

#include <immintrin.h>

#include "cpu_x86.h"
#include "kernel.h"

#define LANES 4

#define LANE_FUNCTION static inline __attribute__((always_inline)) TARGET

/// Four words of a block; SHA-1's instructions want the first word highest.
LANE_FUNCTION __m128i load_words(const uint8_t *data, __m128i order) {
    return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)data), order);
}

/// Four rounds: `next` becomes what the fifth word of the state is made of in the following four.
#define SHA1_FOUR_ROUNDS(n, function)                                                                                          \
    UNROLLED for (size_t s = 0; s < lanes; s++) {                                                                              \
        const __m128i sum = n == 0 ? _mm_add_epi32(e[s], w[s][0]) : _mm_sha1nexte_epu32(e[s], w[s][(n) & 3]);                  \
        e[s] = abcd[s];                                                                                                        \
        abcd[s] = _mm_sha1rnds4_epu32(abcd[s], sum, function);                                                                 \
        if (n < 16) {                                                                                                          \
            const __m128i partial = _mm_xor_si128(_mm_sha1msg1_epu32(w[s][(n) & 3], w[s][(n + 1) & 3]), w[s][(n + 2) & 3]);    \
            w[s][(n) & 3] = _mm_sha1msg2_epu32(partial, w[s][(n + 3) & 3]);                                                    \
        }                                                                                                                      \
    }

#define SHA1_TWENTY_ROUNDS(function)                                                                                           \
    SHA1_FOUR_ROUNDS((5 * function), function)                                                                                 \
    SHA1_FOUR_ROUNDS((5 * function + 1), function)                                                                             \
    SHA1_FOUR_ROUNDS((5 * function + 2), function)                                                                             \
    SHA1_FOUR_ROUNDS((5 * function + 3), function)                                                                             \
    SHA1_FOUR_ROUNDS((5 * function + 4), function)

LANE_FUNCTION void sha1_lanes(uint32_t *const states[], const uint8_t *const data[], size_t blocks, const size_t lanes) {
    const __m128i order = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);
    __m128i abcd[LANES], e[LANES], w[LANES][4];
    UNROLLED for (size_t s = 0; s < lanes; s++) {
        abcd[s] = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)states[s]), 0x1b);
        e[s] = _mm_set_epi32((int)states[s][4], 0, 0, 0);
    }
    for (size_t block = 0; block < blocks; block++) {
        __m128i old_abcd[LANES], old_e[LANES];
        UNROLLED for (size_t s = 0; s < lanes; s++) {
            old_abcd[s] = abcd[s], old_e[s] = e[s];
            UNROLLED for (size_t n = 0; n < 4; n++) {
                w[s][n] = load_words(data[s] + block * PIECE_HASH_BLOCK_LENGTH + 16 * n, order);
            }
        }
        SHA1_TWENTY_ROUNDS(0)
        SHA1_TWENTY_ROUNDS(1)
        SHA1_TWENTY_ROUNDS(2)
        SHA1_TWENTY_ROUNDS(3)
        UNROLLED for (size_t s = 0; s < lanes; s++) {
            e[s] = _mm_sha1nexte_epu32(e[s], old_e[s]);
            abcd[s] = _mm_add_epi32(abcd[s], old_abcd[s]);
        }
    }
    UNROLLED for (size_t s = 0; s < lanes; s++) {
        _mm_storeu_si128((__m128i *)states[s], _mm_shuffle_epi32(abcd[s], 0x1b));
        states[s][4] = (uint32_t)_mm_extract_epi32(e[s], 3);
    }
}

TARGET static void sha1_step(uint32_t *const states[], const uint8_t *const data[], size_t blocks, size_t count) {
    settle_registers();
    switch (count) {
    case 1: sha1_lanes(states, data, blocks, 1); break;
    case 2: sha1_lanes(states, data, blocks, 2); break;
    case 3: sha1_lanes(states, data, blocks, 3); break;
    default: sha1_lanes(states, data, blocks, LANES);
    }
}

LANE_FUNCTION void sha256_lanes(uint32_t *const states[], const uint8_t *const data[], size_t blocks, const size_t lanes) {
    const __m128i order = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    // The instructions want the state as (a, b, e, f) and (c, d, g, h), the first letter highest.
    __m128i abef[LANES], cdgh[LANES], w[LANES][4];
    UNROLLED for (size_t s = 0; s < lanes; s++) {
        const __m128i badc = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)states[s]), 0xb1);
        const __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(states[s] + 4)), 0x1b);
        abef[s] = _mm_alignr_epi8(badc, hgfe, 8);
        cdgh[s] = _mm_blend_epi16(hgfe, badc, 0xf0);
    }
    for (size_t block = 0; block < blocks; block++) {
        __m128i old_abef[LANES], old_cdgh[LANES];
        UNROLLED for (size_t s = 0; s < lanes; s++) {
            old_abef[s] = abef[s], old_cdgh[s] = cdgh[s];
            UNROLLED for (size_t n = 0; n < 4; n++) {
                w[s][n] = load_words(data[s] + block * PIECE_HASH_BLOCK_LENGTH + 16 * n, order);
            }
        }
        UNROLLED for (size_t n = 0; n < 16; n++) {
            const __m128i constants = _mm_load_si128((const __m128i *)&sha256_constants[4 * n]);
            UNROLLED for (size_t s = 0; s < lanes; s++) {
                const __m128i sum = _mm_add_epi32(w[s][n & 3], constants);
                cdgh[s] = _mm_sha256rnds2_epu32(cdgh[s], abef[s], sum);
                abef[s] = _mm_sha256rnds2_epu32(abef[s], cdgh[s], _mm_shuffle_epi32(sum, 0x0e));
                if (n < 12) {
                    const __m128i ninth = _mm_alignr_epi8(w[s][(n + 3) & 3], w[s][(n + 2) & 3], 4);
                    const __m128i partial = _mm_add_epi32(_mm_sha256msg1_epu32(w[s][n & 3], w[s][(n + 1) & 3]), ninth);
                    w[s][n & 3] = _mm_sha256msg2_epu32(partial, w[s][(n + 3) & 3]);
                }
            }
        }
        UNROLLED for (size_t s = 0; s < lanes; s++) {
            abef[s] = _mm_add_epi32(abef[s], old_abef[s]);
            cdgh[s] = _mm_add_epi32(cdgh[s], old_cdgh[s]);
        }
    }
    UNROLLED for (size_t s = 0; s < lanes; s++) {
        const __m128i feba = _mm_shuffle_epi32(abef[s], 0x1b);
        const __m128i dchg = _mm_shuffle_epi32(cdgh[s], 0xb1);
        _mm_storeu_si128((__m128i *)states[s], _mm_blend_epi16(feba, dchg, 0xf0));
        _mm_storeu_si128((__m128i *)(states[s] + 4), _mm_alignr_epi8(dchg, feba, 8));
    }
}

TARGET static void sha256_step(uint32_t *const states[], const uint8_t *const data[], size_t blocks, size_t count) {
    settle_registers();
    switch (count) {
    case 1: sha256_lanes(states, data, blocks, 1); break;
    case 2: sha256_lanes(states, data, blocks, 2); break;
    case 3: sha256_lanes(states, data, blocks, 3); break;
    default: sha256_lanes(states, data, blocks, LANES);
    }
}

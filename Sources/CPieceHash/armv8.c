// The SHA instructions of ARMv8, for up to four messages at a time: while one waits for its result the others
// compute.

#if defined(__aarch64__)

#include <arm_neon.h>
#if defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include "kernel.h"

#define TARGET __attribute__((target("sha2")))
#define LANES 4
#define LANE_FUNCTION static inline __attribute__((always_inline)) TARGET

/// Four words of a block, as the host counts.
LANE_FUNCTION uint32x4_t load_words(const uint8_t *data) { return vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(data))); }

/// Four rounds of every lane: `instruction` stands for the function of the bits.
#define SHA1_FOUR_ROUNDS(n, instruction, constant)                                                                             \
    UNROLLED for (size_t s = 0; s < lanes; s++) {                                                                              \
        const uint32x4_t sum = vaddq_u32(w[s][(n) & 3], vdupq_n_u32(constant));                                                \
        const uint32_t next_e = vsha1h_u32(vgetq_lane_u32(abcd[s], 0));                                                        \
        abcd[s] = instruction(abcd[s], e[s], sum);                                                                             \
        e[s] = next_e;                                                                                                         \
        if (n < 16) {                                                                                                          \
            const uint32x4_t partial = vsha1su0q_u32(w[s][(n) & 3], w[s][(n + 1) & 3], w[s][(n + 2) & 3]);                     \
            w[s][(n) & 3] = vsha1su1q_u32(partial, w[s][(n + 3) & 3]);                                                         \
        }                                                                                                                      \
    }

#define SHA1_TWENTY_ROUNDS(n, instruction, constant)                                                                           \
    SHA1_FOUR_ROUNDS(n, instruction, constant)                                                                                 \
    SHA1_FOUR_ROUNDS((n + 1), instruction, constant)                                                                           \
    SHA1_FOUR_ROUNDS((n + 2), instruction, constant)                                                                           \
    SHA1_FOUR_ROUNDS((n + 3), instruction, constant)                                                                           \
    SHA1_FOUR_ROUNDS((n + 4), instruction, constant)

LANE_FUNCTION void sha1_lanes(uint32_t *const states[], const uint8_t *const data[], size_t blocks, const size_t lanes) {
    uint32x4_t abcd[LANES], w[LANES][4];
    uint32_t e[LANES];
    UNROLLED for (size_t s = 0; s < lanes; s++) {
        abcd[s] = vld1q_u32(states[s]);
        e[s] = states[s][4];
    }
    for (size_t block = 0; block < blocks; block++) {
        uint32x4_t old_abcd[LANES];
        uint32_t old_e[LANES];
        UNROLLED for (size_t s = 0; s < lanes; s++) {
            old_abcd[s] = abcd[s], old_e[s] = e[s];
            UNROLLED for (size_t n = 0; n < 4; n++) w[s][n] = load_words(data[s] + block * PIECE_HASH_BLOCK_LENGTH + 16 * n);
        }
        SHA1_TWENTY_ROUNDS(0, vsha1cq_u32, 0x5a827999)
        SHA1_TWENTY_ROUNDS(5, vsha1pq_u32, 0x6ed9eba1)
        SHA1_TWENTY_ROUNDS(10, vsha1mq_u32, 0x8f1bbcdc)
        SHA1_TWENTY_ROUNDS(15, vsha1pq_u32, 0xca62c1d6)
        UNROLLED for (size_t s = 0; s < lanes; s++) {
            abcd[s] = vaddq_u32(abcd[s], old_abcd[s]);
            e[s] += old_e[s];
        }
    }
    UNROLLED for (size_t s = 0; s < lanes; s++) {
        vst1q_u32(states[s], abcd[s]);
        states[s][4] = e[s];
    }
}

TARGET static void sha1_step(uint32_t *const states[], const uint8_t *const data[], size_t blocks, size_t count) {
    switch (count) {
    case 1: sha1_lanes(states, data, blocks, 1); break;
    case 2: sha1_lanes(states, data, blocks, 2); break;
    case 3: sha1_lanes(states, data, blocks, 3); break;
    default: sha1_lanes(states, data, blocks, LANES);
    }
}

LANE_FUNCTION void sha256_lanes(uint32_t *const states[], const uint8_t *const data[], size_t blocks, const size_t lanes) {
    uint32x4_t abcd[LANES], efgh[LANES], w[LANES][4];
    UNROLLED for (size_t s = 0; s < lanes; s++) {
        abcd[s] = vld1q_u32(states[s]);
        efgh[s] = vld1q_u32(states[s] + 4);
    }
    for (size_t block = 0; block < blocks; block++) {
        uint32x4_t old_abcd[LANES], old_efgh[LANES];
        UNROLLED for (size_t s = 0; s < lanes; s++) {
            old_abcd[s] = abcd[s], old_efgh[s] = efgh[s];
            UNROLLED for (size_t n = 0; n < 4; n++) w[s][n] = load_words(data[s] + block * PIECE_HASH_BLOCK_LENGTH + 16 * n);
        }
        UNROLLED for (size_t n = 0; n < 16; n++) {
            const uint32x4_t constants = vld1q_u32(&sha256_constants[4 * n]);
            UNROLLED for (size_t s = 0; s < lanes; s++) {
                const uint32x4_t sum = vaddq_u32(w[s][n & 3], constants);
                const uint32x4_t before = abcd[s];
                abcd[s] = vsha256hq_u32(abcd[s], efgh[s], sum);
                efgh[s] = vsha256h2q_u32(efgh[s], before, sum);
                if (n < 12) {
                    const uint32x4_t partial = vsha256su0q_u32(w[s][n & 3], w[s][(n + 1) & 3]);
                    w[s][n & 3] = vsha256su1q_u32(partial, w[s][(n + 2) & 3], w[s][(n + 3) & 3]);
                }
            }
        }
        UNROLLED for (size_t s = 0; s < lanes; s++) {
            abcd[s] = vaddq_u32(abcd[s], old_abcd[s]);
            efgh[s] = vaddq_u32(efgh[s], old_efgh[s]);
        }
    }
    UNROLLED for (size_t s = 0; s < lanes; s++) {
        vst1q_u32(states[s], abcd[s]);
        vst1q_u32(states[s] + 4, efgh[s]);
    }
}

TARGET static void sha256_step(uint32_t *const states[], const uint8_t *const data[], size_t blocks, size_t count) {
    switch (count) {
    case 1: sha256_lanes(states, data, blocks, 1); break;
    case 2: sha256_lanes(states, data, blocks, 2); break;
    case 3: sha256_lanes(states, data, blocks, 3); break;
    default: sha256_lanes(states, data, blocks, LANES);
    }
}

static bool supported(void) {
#if defined(__linux__)
    const unsigned long features = HWCAP_SHA1 | HWCAP_SHA2;
    return (getauxval(AT_HWCAP) & features) == features;
#else
    return true;  // Every 64-bit ARM computer of Apple's has them.
#endif
}

const struct kernel armv8_kernel = {
    .supported = supported,
    .lanes = LANES,
    .cost_grows = true,
    .step = {[SHA1] = sha1_step, [SHA256] = sha256_step},
};

#endif

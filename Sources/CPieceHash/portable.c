// The kernel that every machine has: one lane, and nothing but C.

#include <string.h>

#include "kernel.h"

#define TARGET
#define LANES 1

typedef uint32_t vec;

static inline vec add(vec a, vec b) { return a + b; }
static inline vec xor2(vec a, vec b) { return a ^ b; }
static inline vec xor3(vec a, vec b, vec c) { return a ^ b ^ c; }
static inline vec choose(vec a, vec b, vec c) { return c ^ (a & (b ^ c)); }
static inline vec majority(vec a, vec b, vec c) { return (a & b) | (c & (a | b)); }
static inline vec rotate_left(vec a, unsigned n) { return a << n | a >> (32 - n); }
static inline vec rotate_right(vec a, unsigned n) { return a >> n | a << (32 - n); }
static inline vec shift_right(vec a, unsigned n) { return a >> n; }
static inline vec splat(uint32_t word) { return word; }
static inline vec settled(vec a) {
    __asm__("" : "+r"(a));
    return a;
}

static inline void load_block(vec w[16], const uint8_t *const lanes[LANES], size_t offset) {
    const uint8_t *block = lanes[0] + offset;
    for (size_t t = 0; t < 16; t++, block += 4) {
        w[t] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 | (uint32_t)block[2] << 8 | block[3];
    }
}

#include "rounds.h"

static bool supported(void) { return true; }

const struct kernel portable_kernel = {
    .supported = supported,
    .lanes = LANES,
    .step = {[SHA1] = sha1_step, [SHA256] = sha256_step},
};

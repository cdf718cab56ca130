// The rounds of SHA-1 and SHA-256 over a vector of lanes, for kernels that only differ in the width of their registers.
//
// No include guard: a kernel's file defines what follows and includes this once, and gets `sha1_step` and `sha256_step`.
//   TARGET                the attribute that lets a function use the kernel's instructions
//   LANES                 32-bit words in a `vec`
//   vec                   a word of every lane
//   add, xor2, xor3       a + b, a ^ b, a ^ b ^ c
//   choose, majority      (a & b) | (~a & c), and the value that two of three bits have
//   rotate_left, rotate_right, shift_right
//   splat                 one word for every lane
//   settled               the same, and what it was made of isn't summed anew with what it is added to
//   load_block            16 words of a block of every lane, as the host counts

//
// The next block (behind the last one: that one again) is loaded amid the rounds of this one, so that they overlap with the
// waiting for memory and the turning of words. Where the messages lie a power of two apart, as pieces do, their lines push
// each other out of the caches, and what the CPU prefetches is gone before its use: this is worth a fifth of SHA-1's speed
// on AVX-512. There is no branch around it because the compiler mixes instructions of one basic block only.

#ifndef LANES
#error "rounds.h is included by a kernel that has defined its vectors"
#endif

#define LANE_FUNCTION static inline __attribute__((always_inline)) TARGET


/// Reads words of the lanes' states; lanes that are not in use take what lane 0 has.
LANE_FUNCTION void load_states(vec words[], size_t word_count, uint32_t *const states[], size_t count) {
    _Alignas(sizeof(vec)) uint32_t rows[8][LANES];
    for (size_t lane = 0; lane < LANES; lane++) {
        for (size_t word = 0; word < word_count; word++) rows[word][lane] = states[lane < count ? lane : 0][word];
    }
    for (size_t word = 0; word < word_count; word++) memcpy(&words[word], rows[word], sizeof(vec));
}

LANE_FUNCTION void store_states(const vec words[], size_t word_count, uint32_t *const states[], size_t count) {
    _Alignas(sizeof(vec)) uint32_t rows[8][LANES];
    for (size_t word = 0; word < word_count; word++) memcpy(rows[word], &words[word], sizeof(vec));
    for (size_t lane = 0; lane < count; lane++) {
        for (size_t word = 0; word < word_count; word++) states[lane][word] = rows[word][lane];
    }
}

/// The data of every lane; lanes that are not in use read along with lane 0.
LANE_FUNCTION void spread_data(const uint8_t *lanes[LANES], const uint8_t *const data[], size_t count) {
    for (size_t lane = 0; lane < LANES; lane++) lanes[lane] = data[lane < count ? lane : 0];
}

/// The word of round `t` of SHA-1: FIPS 180-4, section 6.1.2, step 1.
LANE_FUNCTION vec sha1_word(vec w[16], size_t t) {
    if (t >= 16) w[t & 15] = rotate_left(xor2(xor3(w[(t + 13) & 15], w[(t + 8) & 15], w[(t + 2) & 15]), w[t & 15]), 1);
    return w[t & 15];
}

// The oldest words are summed first. Left alone, the compiler adds them to the newest one, for which the next round waits: that
// costs a sixteenth of the speed on AVX-512, and a third of it in plain C.
#define SHA1_ROUNDS(from, function, constant)                                                                                  \
    UNROLLED for (size_t t = from; t < from + 20; t++) {                                                                       \
        const vec older = settled(add(settled(add(e, splat(constant))), sha1_word(w, t)));                                     \
        const vec sum = add(rotate_left(a, 5), add(function, older));                                                          \
        e = d, d = c, c = rotate_left(b, 30), b = a, a = sum;                                                                  \
    }

TARGET static void sha1_step(uint32_t *const states[], const uint8_t *const data[], size_t blocks, size_t count) {
    const uint8_t *lanes[LANES];
    spread_data(lanes, data, count);
    vec state[5];
    load_states(state, 5, states, count);
    vec w[16], next_w[16];
    load_block(next_w, lanes, 0);
    for (size_t block = 1; block <= blocks; block++) {
        memcpy(w, next_w, sizeof w);
        vec a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
        SHA1_ROUNDS(0, choose(b, c, d), 0x5a827999)
        load_block(next_w, lanes, (block < blocks ? block : block - 1) * PIECE_HASH_BLOCK_LENGTH);
        SHA1_ROUNDS(20, xor3(b, c, d), 0x6ed9eba1)
        SHA1_ROUNDS(40, majority(b, c, d), 0x8f1bbcdc)
        SHA1_ROUNDS(60, xor3(b, c, d), 0xca62c1d6)
        state[0] = add(state[0], a), state[1] = add(state[1], b), state[2] = add(state[2], c);
        state[3] = add(state[3], d), state[4] = add(state[4], e);
    }
    store_states(state, 5, states, count);
}

/// The word of round `t` of SHA-256: FIPS 180-4, section 6.2.2, step 1.
LANE_FUNCTION vec sha256_word(vec w[16], size_t t) {
    if (t >= 16) {
        const vec x = w[(t + 1) & 15], y = w[(t + 14) & 15];
        const vec s0 = xor3(rotate_right(x, 7), rotate_right(x, 18), shift_right(x, 3));
        const vec s1 = xor3(rotate_right(y, 17), rotate_right(y, 19), shift_right(y, 10));
        w[t & 15] = add(add(w[t & 15], s0), add(w[(t + 9) & 15], s1));
    }
    return w[t & 15];
}

#define SHA256_ROUNDS(from, to)                                                                                                \
    UNROLLED for (size_t t = from; t < to; t++) {                                                                              \
        const vec s1 = xor3(rotate_right(e, 6), rotate_right(e, 11), rotate_right(e, 25));                                     \
        const vec s0 = xor3(rotate_right(a, 2), rotate_right(a, 13), rotate_right(a, 22));                                     \
        const vec sum = add(add(add(h, splat(sha256_constants[t])), sha256_word(w, t)), add(s1, choose(e, f, g)));             \
        const vec next_a = add(sum, add(s0, majority(a, b, c)));                                                               \
        h = g, g = f, f = e, e = add(d, sum), d = c, c = b, b = a, a = next_a;                                                 \
    }

TARGET static void sha256_step(uint32_t *const states[], const uint8_t *const data[], size_t blocks, size_t count) {
    const uint8_t *lanes[LANES];
    spread_data(lanes, data, count);
    vec state[8];
    load_states(state, 8, states, count);
    vec w[16], next_w[16];
    load_block(next_w, lanes, 0);
    for (size_t block = 1; block <= blocks; block++) {
        memcpy(w, next_w, sizeof w);
        vec a = state[0], b = state[1], c = state[2], d = state[3];
        vec e = state[4], f = state[5], g = state[6], h = state[7];
        SHA256_ROUNDS(0, 32)
        load_block(next_w, lanes, (block < blocks ? block : block - 1) * PIECE_HASH_BLOCK_LENGTH);
        SHA256_ROUNDS(32, 64)
        state[0] = add(state[0], a), state[1] = add(state[1], b), state[2] = add(state[2], c), state[3] = add(state[3], d);
        state[4] = add(state[4], e), state[5] = add(state[5], f), state[6] = add(state[6], g), state[7] = add(state[7], h);
    }
    store_states(state, 8, states, count);
}

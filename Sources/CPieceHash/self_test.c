// Known answers for every kernel and every lane of it.

#include <string.h>

#include "kernel.h"

enum {
    /// Enough for two rounds of the widest kernel and one message more, so that lanes are refilled and left empty.
    MESSAGE_COUNT = 2 * PIECE_HASH_MAXIMUM_LANES + 1,
    /// Message n is n * LENGTH_STEP bytes: with a prime, the lengths fall on both sides of the block boundaries.
    LENGTH_STEP = 61,
    PATTERN_LENGTH = MESSAGE_COUNT + MESSAGE_COUNT * LENGTH_STEP,
};

/// The digest of "abc": FIPS 180-4's own example, as published with it by NIST.
static const uint8_t digest_of_abc[ALGORITHM_COUNT][PIECE_HASH_SHA256_LENGTH] = {
    [SHA1] = {
        0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a, 0xba, 0x3e, 0x25, 0x71, 0x78, 0x50, 0xc2, 0x6c,
        0x9c, 0xd0, 0xd8, 0x9d,
    },
    [SHA256] = {
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
        0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
    },
};

/// The digest of the digests of all messages of the pattern, in their order: one wrong bit in one lane changes it.
static const uint8_t digest_of_digests[ALGORITHM_COUNT][PIECE_HASH_SHA256_LENGTH] = {
    [SHA1] = {
        0xfd, 0x29, 0x02, 0xcf, 0xbb, 0xd2, 0xe1, 0xc3, 0xd1, 0x72, 0xef, 0x33, 0xb0, 0x93, 0x8d, 0x2b,
        0xa4, 0x6d, 0x93, 0x18,
    },
    [SHA256] = {
        0xf4, 0xc6, 0xc8, 0xe0, 0xf0, 0x7f, 0x03, 0xaa, 0x2c, 0x0a, 0xc4, 0x0a, 0xfd, 0x49, 0x55, 0xc4,
        0xf8, 0xfc, 0xf5, 0x48, 0x62, 0x27, 0xff, 0xdd, 0x66, 0x70, 0xc6, 0x67, 0x3d, 0x2b, 0x89, 0x76,
    },
};

static bool passes(const struct plan *plan, enum algorithm algorithm, const uint8_t pattern[PATTERN_LENGTH]) {
    const uint8_t *messages[MESSAGE_COUNT];
    size_t lengths[MESSAGE_COUNT];
    for (size_t n = 0; n < MESSAGE_COUNT; n++) {
        messages[n] = pattern + n;
        lengths[n] = n * LENGTH_STEP;
    }
    const size_t length = digest_length(algorithm);
    uint8_t digests[MESSAGE_COUNT * PIECE_HASH_SHA256_LENGTH];
    hash_messages(plan, algorithm, messages, lengths, MESSAGE_COUNT, digests);

    const uint8_t *const whole[] = {(const uint8_t *)"abc", digests};
    const size_t whole_lengths[] = {3, MESSAGE_COUNT * length};
    uint8_t answers[2 * PIECE_HASH_SHA256_LENGTH];
    hash_messages(plan, algorithm, whole, whole_lengths, 2, answers);
    return memcmp(answers, digest_of_abc[algorithm], length) == 0
        && memcmp(answers + length, digest_of_digests[algorithm], length) == 0;
}

bool passes_self_test(const struct kernel *kernel) {
    const struct plan plan = plan_alone(kernel);
    uint8_t pattern[PATTERN_LENGTH];
    for (size_t n = 0; n < PATTERN_LENGTH; n++) pattern[n] = (uint8_t)(n * 31 ^ (n >> 8) * 7 ^ n >> 3);
    return passes(&plan, SHA1, pattern) && passes(&plan, SHA256, pattern);
}

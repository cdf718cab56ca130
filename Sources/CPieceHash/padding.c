// The two ends of a message that every kernel shares: the padding behind its last byte, and the state as a digest.

#include <string.h>

#include "kernel.h"

size_t pad(uint8_t blocks[2 * PIECE_HASH_BLOCK_LENGTH], const uint8_t *rest, size_t rest_length, uint64_t length) {
    // The byte 0x80 and the 8 bytes of the length have to fit behind the rest.
    const size_t count = rest_length + 1 + 8 <= PIECE_HASH_BLOCK_LENGTH ? 1 : 2;
    const size_t end = count * PIECE_HASH_BLOCK_LENGTH;
    if (rest_length > 0) memcpy(blocks, rest, rest_length);
    blocks[rest_length] = 0x80;
    memset(blocks + rest_length + 1, 0, end - 8 - rest_length - 1);
    const uint64_t bits = length * 8;
    for (size_t n = 0; n < 8; n++) blocks[end - 1 - n] = (uint8_t)(bits >> 8 * n);
    return count;
}

size_t digest_length(enum algorithm algorithm) { return algorithm == SHA1 ? PIECE_HASH_SHA1_LENGTH : PIECE_HASH_SHA256_LENGTH; }

void write_digest(enum algorithm algorithm, const uint32_t state[8], uint8_t *digest) {
    for (size_t n = 0; n < digest_length(algorithm); n++) digest[n] = (uint8_t)(state[n / 4] >> (24 - n % 4 * 8));
}

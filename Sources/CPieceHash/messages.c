// Whole messages of any lengths on the lanes of a plan.

#include <string.h>

#include "kernel.h"

/// A message on its way: its whole blocks first, then its last ones with the padding.
struct lane {
    uint32_t state[8];
    const uint8_t *data;
    /// Blocks of `data` that are not yet taken in.
    size_t blocks;
    size_t message;
    bool is_padding;
    uint8_t padding[2 * PIECE_HASH_BLOCK_LENGTH];
};

static void start_padding(struct lane *lane, size_t length) {
    const size_t rest_length = length % PIECE_HASH_BLOCK_LENGTH;
    lane->blocks = pad(lane->padding, lane->data, rest_length, length);
    lane->data = lane->padding;
    lane->is_padding = true;
}

static void start_message(struct lane *lane, enum algorithm algorithm, const uint8_t *message, size_t length, size_t number) {
    memcpy(lane->state, initial_state[algorithm], sizeof lane->state);
    lane->data = message;
    lane->blocks = length / PIECE_HASH_BLOCK_LENGTH;
    lane->message = number;
    lane->is_padding = false;
    if (lane->blocks == 0) start_padding(lane, length);
}

/// Every lane in use takes in as many blocks as the one with the fewest still has.
static void advance(const struct plan *plan, enum algorithm algorithm, struct lane *const lanes[], size_t count) {
    uint32_t *states[PIECE_HASH_MAXIMUM_LANES];
    const uint8_t *data[PIECE_HASH_MAXIMUM_LANES];
    size_t blocks = SIZE_MAX;
    for (size_t n = 0; n < count; n++) {
        states[n] = lanes[n]->state;
        data[n] = lanes[n]->data;
        if (lanes[n]->blocks < blocks) blocks = lanes[n]->blocks;
    }
    run_plan(plan, algorithm, states, data, blocks, count);
    for (size_t n = 0; n < count; n++) {
        lanes[n]->data += blocks * PIECE_HASH_BLOCK_LENGTH;
        lanes[n]->blocks -= blocks;
    }
}

void hash_messages(
    const struct plan *plan, enum algorithm algorithm, const uint8_t *const messages[], const size_t lengths[], size_t count,
    uint8_t *digests) {
    struct lane room[PIECE_HASH_MAXIMUM_LANES];
    struct lane *lanes[PIECE_HASH_MAXIMUM_LANES];
    const size_t width = plan->portions[PIECE_HASH_MAXIMUM_LANES].count;
    size_t in_use = 0, next = 0;
    for (; in_use < width && next < count; in_use++, next++) {
        lanes[in_use] = &room[in_use];
        start_message(lanes[in_use], algorithm, messages[next], lengths[next], next);
    }
    while (in_use > 0) {
        advance(plan, algorithm, lanes, in_use);
        for (size_t n = in_use; n-- > 0;) {
            struct lane *lane = lanes[n];
            if (lane->blocks > 0) continue;
            if (!lane->is_padding) {
                start_padding(lane, lengths[lane->message]);
                continue;
            }
            write_digest(algorithm, lane->state, digests + lane->message * digest_length(algorithm));
            if (next < count) {
                start_message(lane, algorithm, messages[next], lengths[next], next);
                next++;
            } else {
                lanes[n] = lanes[--in_use];
            }
        }
    }
}

void piece_hash_sha1(const uint8_t *const messages[], const size_t lengths[], size_t count, uint8_t digests[][PIECE_HASH_SHA1_LENGTH]) {
    hash_messages(best_plan(SHA1), SHA1, messages, lengths, count, (uint8_t *)digests);
}

void piece_hash_sha256(const uint8_t *const messages[], const size_t lengths[], size_t count, uint8_t digests[][PIECE_HASH_SHA256_LENGTH]) {
    hash_messages(best_plan(SHA256), SHA256, messages, lengths, count, (uint8_t *)digests);
}

bool piece_hash_sha1_with(
    piece_hash_kernel kernel, const uint8_t *const messages[], const size_t lengths[], size_t count,
    uint8_t digests[][PIECE_HASH_SHA1_LENGTH]) {
    const struct plan *plan = plan_of(kernel);
    if (plan == NULL) return false;
    hash_messages(plan, SHA1, messages, lengths, count, (uint8_t *)digests);
    return true;
}

bool piece_hash_sha256_with(
    piece_hash_kernel kernel, const uint8_t *const messages[], const size_t lengths[], size_t count,
    uint8_t digests[][PIECE_HASH_SHA256_LENGTH]) {
    const struct plan *plan = plan_of(kernel);
    if (plan == NULL) return false;
    hash_messages(plan, SHA256, messages, lengths, count, (uint8_t *)digests);
    return true;
}

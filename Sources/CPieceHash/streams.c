// Messages that come block by block, many of them abreast.

#include <string.h>

#include "kernel.h"

static void begin(enum algorithm algorithm, piece_hash_stream *stream) {
    memcpy(stream->state, initial_state[algorithm], sizeof stream->state);
    stream->bytes = 0;
}

static void update(
    const struct plan *plan, enum algorithm algorithm, piece_hash_stream *const streams[], const uint8_t *const data[],
    size_t block_count, size_t count) {
    if (block_count == 0) return;
    uint32_t *states[PIECE_HASH_MAXIMUM_LANES];
    for (size_t done = 0; done < count;) {
        const size_t group = count - done < PIECE_HASH_MAXIMUM_LANES ? count - done : PIECE_HASH_MAXIMUM_LANES;
        for (size_t n = 0; n < group; n++) {
            states[n] = streams[done + n]->state;
            streams[done + n]->bytes += (uint64_t)block_count * PIECE_HASH_BLOCK_LENGTH;
        }
        run_plan(plan, algorithm, states, data + done, block_count, group);
        done += group;
    }
}

static void finish(
    const struct plan *plan, enum algorithm algorithm, const piece_hash_stream *stream, const uint8_t *tail, size_t tail_length,
    uint8_t *digest) {
    uint32_t state[8];
    memcpy(state, stream->state, sizeof state);
    uint32_t *const states[] = {state};
    const size_t whole_blocks = tail_length / PIECE_HASH_BLOCK_LENGTH;
    if (whole_blocks > 0) {
        run_plan(plan, algorithm, states, &tail, whole_blocks, 1);
        tail += whole_blocks * PIECE_HASH_BLOCK_LENGTH;
    }
    uint8_t padding[2 * PIECE_HASH_BLOCK_LENGTH];
    const size_t blocks = pad(padding, tail, tail_length % PIECE_HASH_BLOCK_LENGTH, stream->bytes + tail_length);
    const uint8_t *const data[] = {padding};
    run_plan(plan, algorithm, states, data, blocks, 1);
    write_digest(algorithm, state, digest);
}

void piece_hash_sha1_begin(piece_hash_stream *stream) { begin(SHA1, stream); }
void piece_hash_sha256_begin(piece_hash_stream *stream) { begin(SHA256, stream); }

void piece_hash_sha1_update(piece_hash_stream *const streams[], const uint8_t *const data[], size_t block_count, size_t count) {
    update(best_plan(SHA1), SHA1, streams, data, block_count, count);
}

void piece_hash_sha256_update(piece_hash_stream *const streams[], const uint8_t *const data[], size_t block_count, size_t count) {
    update(best_plan(SHA256), SHA256, streams, data, block_count, count);
}

bool piece_hash_sha1_update_with(
    piece_hash_kernel kernel, piece_hash_stream *const streams[], const uint8_t *const data[], size_t block_count, size_t count) {
    const struct plan *plan = plan_of(kernel);
    if (plan == NULL) return false;
    update(plan, SHA1, streams, data, block_count, count);
    return true;
}

bool piece_hash_sha256_update_with(
    piece_hash_kernel kernel, piece_hash_stream *const streams[], const uint8_t *const data[], size_t block_count, size_t count) {
    const struct plan *plan = plan_of(kernel);
    if (plan == NULL) return false;
    update(plan, SHA256, streams, data, block_count, count);
    return true;
}

void piece_hash_sha1_finish(
    const piece_hash_stream *stream, const uint8_t *tail, size_t tail_length, uint8_t digest[PIECE_HASH_SHA1_LENGTH]) {
    finish(best_plan(SHA1), SHA1, stream, tail, tail_length, digest);
}

void piece_hash_sha256_finish(
    const piece_hash_stream *stream, const uint8_t *tail, size_t tail_length, uint8_t digest[PIECE_HASH_SHA256_LENGTH]) {
    finish(best_plan(SHA256), SHA256, stream, tail, tail_length, digest);
}

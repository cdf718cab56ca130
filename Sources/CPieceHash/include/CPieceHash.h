// Room: CPieceHash.
// Duty: SHA-1 and SHA-256 (FIPS 180-4) of many messages at once, one message a lane.
// Owns: the kernels and the choice among them, made once, by measuring what each costs on this CPU for how many messages.
// Never: allocates, keeps a pointer after the call, or reads outside the lengths given.
// Invariants: a kernel is used only where the CPU has it and after it answered the self-test right; every function may be
// called from any thread at any time; every kernel gives the same digests.

#ifndef CPIECEHASH_H
#define CPIECEHASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// One way to compute the digests.
typedef enum piece_hash_kernel {
    /// C, one message at a time.
    PIECE_HASH_PORTABLE,
    /// The SHA instructions of x86-64 with AVX, four messages interleaved.
    PIECE_HASH_SHA_NI,
    /// The same for CPUs without AVX.
    PIECE_HASH_SHA_NI_SSE,
    /// 8 messages in 256-bit registers.
    PIECE_HASH_AVX2,
    /// 16 messages in 512-bit registers.
    PIECE_HASH_AVX512,
    /// The SHA instructions of ARMv8, four messages interleaved.
    PIECE_HASH_ARMV8,
} piece_hash_kernel;

enum {
    /// Bytes that both hashes take in at a time.
    PIECE_HASH_BLOCK_LENGTH = 64,
    PIECE_HASH_SHA1_LENGTH = 20,
    PIECE_HASH_SHA256_LENGTH = 32,
    PIECE_HASH_KERNEL_COUNT = 6,
    /// The most messages that any kernel takes at a time: callers that can choose give as many, or a multiple.
    PIECE_HASH_MAXIMUM_LANES = 16,
};

/// Whether this CPU has the kernel and the kernel answered the self-test right.
bool piece_hash_available(piece_hash_kernel kernel);

/// A short name for logs and test reports; "unknown" for a value outside the enumeration.
const char *piece_hash_name(piece_hash_kernel kernel);

/// A kernel, and how many messages it is given at a time.
typedef struct piece_hash_portion {
    piece_hash_kernel kernel;
    size_t count;
} piece_hash_portion;

/// What is done first with `count` messages of equal length; 0 counts as 1.
///
/// The first call measures the kernels, in about a quarter of a millisecond. The environment variable PIECES_HASH_KERNEL
/// restricts the choice to the kernel of this name and the portable one, for comparisons.
piece_hash_portion piece_hash_sha1_choice(size_t count);
piece_hash_portion piece_hash_sha256_choice(size_t count);

/// Bytes per second that the kernel hashes on one core with `count` messages of equal length in the nearest cache; 0 where the
/// kernel doesn't take as many, isn't available, or couldn't be measured, because other work disturbed it.
uint64_t piece_hash_sha1_rate(piece_hash_kernel kernel, size_t count);
uint64_t piece_hash_sha256_rate(piece_hash_kernel kernel, size_t count);

/// The same by the table that chooses where nothing could be measured.
uint64_t piece_hash_sha1_tabulated_rate(piece_hash_kernel kernel, size_t count);
uint64_t piece_hash_sha256_tabulated_rate(piece_hash_kernel kernel, size_t count);

/// Hashes `count` messages of any lengths; `messages[n]` may be NULL where `lengths[n]` is 0.
///
/// Fastest with `PIECE_HASH_MAXIMUM_LANES` messages or more of equal length; a message that ends early gives its lane to
/// the next.
void piece_hash_sha1(const uint8_t *const messages[], const size_t lengths[], size_t count, uint8_t digests[][PIECE_HASH_SHA1_LENGTH]);
void piece_hash_sha256(const uint8_t *const messages[], const size_t lengths[], size_t count, uint8_t digests[][PIECE_HASH_SHA256_LENGTH]);

/// As above with this kernel alone; false, and nothing is written, where it is not available.
bool piece_hash_sha1_with(
    piece_hash_kernel kernel, const uint8_t *const messages[], const size_t lengths[], size_t count,
    uint8_t digests[][PIECE_HASH_SHA1_LENGTH]);
bool piece_hash_sha256_with(
    piece_hash_kernel kernel, const uint8_t *const messages[], const size_t lengths[], size_t count,
    uint8_t digests[][PIECE_HASH_SHA256_LENGTH]);

/// A message that comes block by block; SHA-1 leaves the last three words alone.
typedef struct piece_hash_stream {
    uint32_t state[8];
    /// The bytes taken in so far, a multiple of the block length.
    uint64_t bytes;
} piece_hash_stream;

void piece_hash_sha1_begin(piece_hash_stream *stream);
void piece_hash_sha256_begin(piece_hash_stream *stream);

/// Takes in `block_count` blocks of each of `count` distinct streams: `data[n]` belongs to `streams[n]`.
void piece_hash_sha1_update(piece_hash_stream *const streams[], const uint8_t *const data[], size_t block_count, size_t count);
void piece_hash_sha256_update(piece_hash_stream *const streams[], const uint8_t *const data[], size_t block_count, size_t count);

/// As above with this kernel alone; false, and no stream moves, where it is not available.
bool piece_hash_sha1_update_with(
    piece_hash_kernel kernel, piece_hash_stream *const streams[], const uint8_t *const data[], size_t block_count, size_t count);
bool piece_hash_sha256_update_with(
    piece_hash_kernel kernel, piece_hash_stream *const streams[], const uint8_t *const data[], size_t block_count, size_t count);

/// The digest of the stream's bytes and then `tail`, of any length; `tail` may be NULL where the length is 0.
///
/// The stream stays as it was: it may go on, or be finished again.
void piece_hash_sha1_finish(
    const piece_hash_stream *stream, const uint8_t *tail, size_t tail_length, uint8_t digest[PIECE_HASH_SHA1_LENGTH]);
void piece_hash_sha256_finish(
    const piece_hash_stream *stream, const uint8_t *tail, size_t tail_length, uint8_t digest[PIECE_HASH_SHA256_LENGTH]);

/// Copies bytes to memory where they wait for their hash, or for a device: past the caches, where the CPU can, because they are gone from there by then.
///
/// `from` and `to` don't overlap, and may be NULL where the length is 0.
void piece_hash_stage(uint8_t *to, const uint8_t *from, size_t length);

/// Asks every kernel that the CPU has for known answers; whether all were right.
///
/// The first call of any other function does this by itself: a kernel that fails is never used, and where the portable one
/// fails too, the process is aborted, because no byte could be verified.
bool piece_hash_self_test(void);

#endif

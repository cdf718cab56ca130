// What a kernel is to the rest of the room: a step over some lanes, and what the step costs.

#ifndef CPIECEHASH_KERNEL_H
#define CPIECEHASH_KERNEL_H

#include "CPieceHash.h"

/// Before a loop of constant bounds: its body is written out once a turn, so that its arrays become registers.
#define UNROLLED _Pragma("clang loop unroll(full)")

enum algorithm { SHA1, SHA256, ALGORITHM_COUNT };

/// Takes in `blocks` blocks of each of `count` streams, of which there are 1 to the kernel's count of lanes.
typedef void step_function(uint32_t *const states[], const uint8_t *const data[], size_t blocks, size_t count);

struct kernel {
    /// Whether this CPU and operating system can run it.
    bool (*supported)(void);
    /// The messages that a step takes, at most `PIECE_HASH_MAXIMUM_LANES`.
    size_t lanes;
    /// Whether a step costs more with more messages; where not, unused lanes cost as much as used ones.
    bool cost_grows;
    step_function *step[ALGORITHM_COUNT];
};

extern const struct kernel portable_kernel;
#if defined(__x86_64__)
extern const struct kernel sha_ni_kernel;
extern const struct kernel sha_ni_sse_kernel;
extern const struct kernel avx2_kernel;
extern const struct kernel avx512_kernel;
#elif defined(__aarch64__)
extern const struct kernel armv8_kernel;
#endif

/// All kernels, in the order of the public enumeration; NULL for those of other architectures.
extern const struct kernel *const kernels[PIECE_HASH_KERNEL_COUNT];

/// Picoseconds that a step takes a block, by the kernel and the count of messages; 0 where there is no such step.
struct costs {
    uint32_t of[PIECE_HASH_KERNEL_COUNT][PIECE_HASH_MAXIMUM_LANES + 1];
};

/// Measures the steps of these kernels on this CPU, in about a quarter of a millisecond; whether the values can be relied on.
bool measure_costs(enum algorithm algorithm, const bool usable[PIECE_HASH_KERNEL_COUNT], struct costs *costs);

/// What the steps cost on CPUs like this one, for when they can't be measured.
void tabulated_costs(enum algorithm algorithm, struct costs *costs);

/// What is done with a count of messages: the kernel, and how many of them it takes first.
struct portion {
    const struct kernel *kernel;
    size_t count;
};

/// The portion for every count of messages at hand; the entry for 0 is not used.
struct plan {
    struct portion portions[PIECE_HASH_MAXIMUM_LANES + 1];
};

/// The plan of this kernel alone.
struct plan plan_alone(const struct kernel *kernel);

/// The cheapest plan: for every count, the portions of least cost altogether.
struct plan cheapest_plan(const struct costs *costs);

/// The plan of the kernels that passed the self-test, the cheapest for every count.
const struct plan *best_plan(enum algorithm algorithm);

/// The plan that uses this kernel alone; NULL where it is not available.
const struct plan *plan_of(piece_hash_kernel kernel);

/// Whether the kernel answers right.
bool passes_self_test(const struct kernel *kernel);

/// The state before the first byte: FIPS 180-4, section 5.3.
extern const uint32_t initial_state[ALGORITHM_COUNT][8];

/// The constants of SHA-256's rounds: FIPS 180-4, section 4.2.2.
extern const uint32_t sha256_constants[64];

/// Takes in `blocks` blocks of each of any count of streams.
void run_plan(
    const struct plan *plan, enum algorithm algorithm, uint32_t *const states[], const uint8_t *const data[], size_t blocks,
    size_t count);

/// Hashes whole messages; `digests` are 20 or 32 bytes each, one behind the other.
void hash_messages(
    const struct plan *plan, enum algorithm algorithm, const uint8_t *const messages[], const size_t lengths[], size_t count,
    uint8_t *digests);

/// Writes the last blocks of a message of `length` bytes: the `rest` bytes (under 64) behind its last whole block, then the
/// padding of FIPS 180-4, section 5.1.1; how many blocks they are, 1 or 2.
size_t pad(uint8_t blocks[2 * PIECE_HASH_BLOCK_LENGTH], const uint8_t *rest, size_t rest_length, uint64_t length);

/// Bytes of a digest.
size_t digest_length(enum algorithm algorithm);

/// Writes the state as the bytes of the digest.
void write_digest(enum algorithm algorithm, const uint32_t state[8], uint8_t *digest);

#endif

// What the kernels cost on this CPU: each step is run some times, and the shortest run counts.

#include <string.h>
#include <time.h>

#include "kernel.h"

enum {
    /// Blocks of each message in a run: its data stay in the first cache, and the clock's resolution is a small part of it.
    BLOCKS = 32,
    /// Runs of each step, taken in turn, so that an interruption hits one of each and a CPU that speeds up does so for all.
    RUNS = 10,
    /// The shortest runs of a step that have to agree.
    WITNESSES = 3,
    ATTEMPTS = 3,
};

/// The shortest runs of a step in nanoseconds, the shortest first.
struct shortest {
    uint64_t runs[WITNESSES];
};

static void add_run(struct shortest *shortest, uint64_t run) {
    for (size_t n = 0; n < WITNESSES; n++) {
        if (run >= shortest->runs[n]) continue;
        const uint64_t longer = shortest->runs[n];
        shortest->runs[n] = run;
        run = longer;
    }
}

/// Whether the shortest run was no accident, and was long enough for the clock.
static bool agree(const struct shortest *shortest) {
    const uint64_t first = shortest->runs[0], last = shortest->runs[WITNESSES - 1];
    return first >= 100 && last <= first + first / 8;
}

static uint64_t nanoseconds(void) {
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) return 0;
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static bool has_step(const struct kernel *kernel, size_t count) {
    return kernel->cost_grows ? count <= kernel->lanes : count == kernel->lanes;
}

static uint64_t run(const struct kernel *kernel, enum algorithm algorithm, size_t count, const uint8_t *bytes) {
    uint32_t states[PIECE_HASH_MAXIMUM_LANES][8];
    uint32_t *state_pointers[PIECE_HASH_MAXIMUM_LANES];
    const uint8_t *data[PIECE_HASH_MAXIMUM_LANES];
    for (size_t lane = 0; lane < count; lane++) {
        memcpy(states[lane], initial_state[algorithm], sizeof states[lane]);
        state_pointers[lane] = states[lane];
        data[lane] = bytes;
    }
    const uint64_t start = nanoseconds();
    kernel->step[algorithm](state_pointers, data, BLOCKS, count);
    return nanoseconds() - start;
}

static bool attempt(
    enum algorithm algorithm, const bool usable[PIECE_HASH_KERNEL_COUNT], const uint8_t *bytes, struct costs *costs) {
    struct shortest shortest[PIECE_HASH_KERNEL_COUNT][PIECE_HASH_MAXIMUM_LANES + 1];
    memset(shortest, 0xff, sizeof shortest);
    for (size_t n = 0; n < RUNS; n++) {
        for (size_t kernel = 0; kernel < PIECE_HASH_KERNEL_COUNT; kernel++) {
            for (size_t count = 1; usable[kernel] && count <= kernels[kernel]->lanes; count++) {
                if (!has_step(kernels[kernel], count)) continue;
                add_run(&shortest[kernel][count], run(kernels[kernel], algorithm, count, bytes));
            }
        }
    }
    memset(costs, 0, sizeof *costs);
    for (size_t kernel = 0; kernel < PIECE_HASH_KERNEL_COUNT; kernel++) {
        for (size_t count = 1; usable[kernel] && count <= kernels[kernel]->lanes; count++) {
            const struct shortest *step = &shortest[kernel][kernels[kernel]->cost_grows ? count : kernels[kernel]->lanes];
            if (!agree(step)) return false;
            costs->of[kernel][count] = (uint32_t)(step->runs[0] * 1000 / BLOCKS);
        }
    }
    return true;
}

bool measure_costs(enum algorithm algorithm, const bool usable[PIECE_HASH_KERNEL_COUNT], struct costs *costs) {
    uint8_t bytes[BLOCKS * PIECE_HASH_BLOCK_LENGTH];
    for (size_t n = 0; n < sizeof bytes; n++) bytes[n] = (uint8_t)(n * 31);
    for (size_t n = 0; n < ATTEMPTS; n++) {
        if (attempt(algorithm, usable, bytes, costs)) return true;
    }
    return false;
}

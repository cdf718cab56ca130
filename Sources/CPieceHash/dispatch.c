// The choice of kernels: what the CPU has, what of it answers right, and what is cheapest for how many messages.

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernel.h"

static const struct kernel *const kernels[PIECE_HASH_KERNEL_COUNT] = {
    [PIECE_HASH_PORTABLE] = &portable_kernel,
#if defined(__x86_64__)
    [PIECE_HASH_SHA_NI] = &sha_ni_kernel,
    [PIECE_HASH_AVX2] = &avx2_kernel,
    [PIECE_HASH_AVX512] = &avx512_kernel,
#elif defined(__aarch64__)
    [PIECE_HASH_ARMV8] = &armv8_kernel,
#endif
};

static const char *const names[PIECE_HASH_KERNEL_COUNT] = {
    [PIECE_HASH_PORTABLE] = "portable", [PIECE_HASH_SHA_NI] = "SHA-NI", [PIECE_HASH_AVX2] = "AVX2",
    [PIECE_HASH_AVX512] = "AVX-512",    [PIECE_HASH_ARMV8] = "ARMv8",
};

// Written once under `once`, and only read after it.
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct plan own_plans[PIECE_HASH_KERNEL_COUNT];
static struct plan best_plans[ALGORITHM_COUNT];

static bool supported(size_t kernel) { return kernels[kernel] != NULL && kernels[kernel]->supported(); }

/// What a block of each of `count` messages costs.
static unsigned long cost(const struct kernel *kernel, enum algorithm algorithm, size_t count) {
    const size_t rest = count % kernel->lanes;
    const unsigned long whole = (unsigned long)(count / kernel->lanes) * kernel->cost_of_more[algorithm];
    if (rest == 0) return whole;
    return whole + (rest == 1 ? kernel->cost_of_one[algorithm] : kernel->cost_of_more[algorithm]);
}

static void choose_kernels(void) {
    for (size_t kernel = 0; kernel < PIECE_HASH_KERNEL_COUNT; kernel++) {
        if (!supported(kernel) || !passes_self_test(kernels[kernel])) continue;
        for (size_t count = 0; count <= PIECE_HASH_MAXIMUM_LANES; count++) own_plans[kernel].kernels[count] = kernels[kernel];
        for (enum algorithm algorithm = SHA1; algorithm < ALGORITHM_COUNT; algorithm++) {
            for (size_t count = 1; count <= PIECE_HASH_MAXIMUM_LANES; count++) {
                const struct kernel **best = &best_plans[algorithm].kernels[count];
                if (*best == NULL || cost(kernels[kernel], algorithm, count) < cost(*best, algorithm, count)) *best = kernels[kernel];
            }
        }
    }
    if (own_plans[PIECE_HASH_PORTABLE].kernels[1] == NULL) {
        fputs("pieces: the portable SHA kernel gives wrong digests, so nothing can be verified: this build or this CPU is broken\n", stderr);
        abort();
    }
}

const struct plan *best_plan(enum algorithm algorithm) {
    pthread_once(&once, choose_kernels);
    return &best_plans[algorithm];
}

const struct plan *plan_of(piece_hash_kernel kernel) {
    pthread_once(&once, choose_kernels);
    if ((size_t)kernel >= PIECE_HASH_KERNEL_COUNT || own_plans[kernel].kernels[1] == NULL) return NULL;
    return &own_plans[kernel];
}

void run_plan(
    const struct plan *plan, enum algorithm algorithm, uint32_t *const states[], const uint8_t *const data[], size_t blocks,
    size_t count) {
    for (size_t done = 0; done < count;) {
        const struct kernel *kernel = plan->kernels[count - done];
        const size_t group = count - done < kernel->lanes ? count - done : kernel->lanes;
        kernel->step[algorithm](states + done, data + done, blocks, group);
        done += group;
    }
}

static piece_hash_kernel choice(enum algorithm algorithm, size_t count) {
    if (count == 0) count = 1;
    if (count > PIECE_HASH_MAXIMUM_LANES) count = PIECE_HASH_MAXIMUM_LANES;
    const struct kernel *chosen = best_plan(algorithm)->kernels[count];
    size_t kernel = PIECE_HASH_PORTABLE;
    while (kernels[kernel] != chosen) kernel++;
    return (piece_hash_kernel)kernel;
}

piece_hash_kernel piece_hash_sha1_choice(size_t count) { return choice(SHA1, count); }
piece_hash_kernel piece_hash_sha256_choice(size_t count) { return choice(SHA256, count); }

bool piece_hash_available(piece_hash_kernel kernel) { return plan_of(kernel) != NULL; }

const char *piece_hash_name(piece_hash_kernel kernel) {
    return (size_t)kernel < PIECE_HASH_KERNEL_COUNT ? names[kernel] : "unknown";
}

bool piece_hash_self_test(void) {
    bool right = true;
    for (size_t kernel = 0; kernel < PIECE_HASH_KERNEL_COUNT; kernel++) {
        if (supported(kernel) && !passes_self_test(kernels[kernel])) right = false;
    }
    return right;
}

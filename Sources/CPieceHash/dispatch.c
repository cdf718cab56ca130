// The choice of kernels: what the CPU has, what of it answers right, and what is cheapest for how many messages.

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"

const struct kernel *const kernels[PIECE_HASH_KERNEL_COUNT] = {
    [PIECE_HASH_PORTABLE] = &portable_kernel,
#if defined(__x86_64__)
    [PIECE_HASH_SHA_NI] = &sha_ni_kernel,
    [PIECE_HASH_SHA_NI_SSE] = &sha_ni_sse_kernel,
    [PIECE_HASH_AVX2] = &avx2_kernel,
    [PIECE_HASH_AVX512] = &avx512_kernel,
#elif defined(__aarch64__)
    [PIECE_HASH_ARMV8] = &armv8_kernel,
#endif
};

static const char *const names[PIECE_HASH_KERNEL_COUNT] = {
    [PIECE_HASH_PORTABLE] = "portable",       [PIECE_HASH_SHA_NI] = "SHA-NI",  [PIECE_HASH_SHA_NI_SSE] = "SHA-NI (SSE)",
    [PIECE_HASH_AVX2] = "AVX2",               [PIECE_HASH_AVX512] = "AVX-512", [PIECE_HASH_ARMV8] = "ARMv8",
};

/// What is found out about an algorithm.
struct choice {
    struct costs costs;
    bool is_measured;
    struct plan plan;
};

// Each is written once under its `once`, and only read after it.
static pthread_once_t test_once = PTHREAD_ONCE_INIT;
static bool usable[PIECE_HASH_KERNEL_COUNT];
static struct plan own_plans[PIECE_HASH_KERNEL_COUNT];

static pthread_once_t choice_once[ALGORITHM_COUNT] = {PTHREAD_ONCE_INIT, PTHREAD_ONCE_INIT};
static struct choice choices[ALGORITHM_COUNT];

static bool supported(size_t kernel) { return kernels[kernel] != NULL && kernels[kernel]->supported(); }

static void test_kernels(void) {
    for (size_t kernel = 0; kernel < PIECE_HASH_KERNEL_COUNT; kernel++) {
        if (!supported(kernel) || !passes_self_test(kernels[kernel])) continue;
        usable[kernel] = true;
        own_plans[kernel] = plan_alone(kernels[kernel]);
    }
    if (!usable[PIECE_HASH_PORTABLE]) {
        fputs("pieces: the portable SHA kernel gives wrong digests, so nothing can be verified: this build or this CPU is broken\n", stderr);
        abort();
    }
    // Whoever compares kernels in a whole program names one; the portable one stands in where it isn't usable.
    const char *only = getenv("PIECES_HASH_KERNEL");
    for (size_t kernel = 0; only != NULL && kernel < PIECE_HASH_KERNEL_COUNT; kernel++) {
        if (kernel != PIECE_HASH_PORTABLE && strcmp(only, names[kernel]) != 0) usable[kernel] = false;
    }
}

static void choose(enum algorithm algorithm) {
    pthread_once(&test_once, test_kernels);
    struct choice *choice = &choices[algorithm];
    choice->is_measured = measure_costs(algorithm, usable, &choice->costs);
    if (!choice->is_measured) tabulated_costs(algorithm, &choice->costs);
    for (size_t kernel = 0; kernel < PIECE_HASH_KERNEL_COUNT; kernel++) {
        if (!usable[kernel]) memset(choice->costs.of[kernel], 0, sizeof choice->costs.of[kernel]);
    }
    choice->plan = cheapest_plan(&choice->costs);
}

static void choose_for_sha1(void) { choose(SHA1); }
static void choose_for_sha256(void) { choose(SHA256); }

static const struct choice *choice_for(enum algorithm algorithm) {
    pthread_once(&choice_once[algorithm], algorithm == SHA1 ? choose_for_sha1 : choose_for_sha256);
    return &choices[algorithm];
}

const struct plan *best_plan(enum algorithm algorithm) { return &choice_for(algorithm)->plan; }

const struct plan *plan_of(piece_hash_kernel kernel) {
    pthread_once(&test_once, test_kernels);
    if ((size_t)kernel >= PIECE_HASH_KERNEL_COUNT || own_plans[kernel].portions[1].kernel == NULL) return NULL;
    return &own_plans[kernel];
}

static piece_hash_portion portion(enum algorithm algorithm, size_t count) {
    if (count == 0) count = 1;
    if (count > PIECE_HASH_MAXIMUM_LANES) count = PIECE_HASH_MAXIMUM_LANES;
    const struct portion first = best_plan(algorithm)->portions[count];
    size_t kernel = PIECE_HASH_PORTABLE;
    while (kernels[kernel] != first.kernel) kernel++;
    return (piece_hash_portion){(piece_hash_kernel)kernel, first.count};
}

piece_hash_portion piece_hash_sha1_choice(size_t count) { return portion(SHA1, count); }
piece_hash_portion piece_hash_sha256_choice(size_t count) { return portion(SHA256, count); }

/// Bytes per second at these costs.
static uint64_t rate(const struct costs *costs, piece_hash_kernel kernel, size_t count) {
    if ((size_t)kernel >= PIECE_HASH_KERNEL_COUNT || count > PIECE_HASH_MAXIMUM_LANES) return 0;
    const uint64_t cost = costs->of[kernel][count];
    return cost == 0 ? 0 : (uint64_t)count * PIECE_HASH_BLOCK_LENGTH * 1000000000000 / cost;
}

static uint64_t measured_rate(enum algorithm algorithm, piece_hash_kernel kernel, size_t count) {
    const struct choice *choice = choice_for(algorithm);
    return choice->is_measured ? rate(&choice->costs, kernel, count) : 0;
}

static uint64_t tabulated_rate(enum algorithm algorithm, piece_hash_kernel kernel, size_t count) {
    struct costs costs;
    tabulated_costs(algorithm, &costs);
    return rate(&costs, kernel, count);
}

uint64_t piece_hash_sha1_rate(piece_hash_kernel kernel, size_t count) { return measured_rate(SHA1, kernel, count); }
uint64_t piece_hash_sha256_rate(piece_hash_kernel kernel, size_t count) { return measured_rate(SHA256, kernel, count); }
uint64_t piece_hash_sha1_tabulated_rate(piece_hash_kernel kernel, size_t count) { return tabulated_rate(SHA1, kernel, count); }
uint64_t piece_hash_sha256_tabulated_rate(piece_hash_kernel kernel, size_t count) { return tabulated_rate(SHA256, kernel, count); }

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

// What the kernels cost on some CPUs, by microarchitecture: for when the CPU at hand can't be measured.

#include <string.h>

#include "kernel.h"

#if defined(__x86_64__)
#include "cpu_x86.h"
#endif

/// Picoseconds that a step takes a block, with 1 to 4 messages; a step whose cost doesn't grow has it once.
struct row {
    piece_hash_kernel kernel;
    uint32_t costs[ALGORITHM_COUNT][4];
};

#if defined(__x86_64__)
/// A Zen 4 core at 3.6 GHz.
static const struct row with_avx512[] = {
    {PIECE_HASH_PORTABLE, {{76000}, {182000}}},
    {PIECE_HASH_SHA_NI, {{33000, 38000, 45000, 55000}, {35000, 35000, 57000, 68000}}},
    {PIECE_HASH_SHA_NI_SSE, {{33000, 36000, 45000, 54000}, {35000, 38000, 57000, 66000}}},
    {PIECE_HASH_AVX2, {{116000}, {282000}}},
    {PIECE_HASH_AVX512, {{137000}, {275000}}},
};

/// A Zen 3 core for SHA-1; SHA-256 was measured on Zen 4 only.
static const struct row without_avx512[] = {
    {PIECE_HASH_PORTABLE, {{100000}, {240000}}},
    {PIECE_HASH_SHA_NI, {{41000, 46000, 56000, 67000}, {45000, 45000, 72000, 86000}}},
    {PIECE_HASH_SHA_NI_SSE, {{41000, 46000, 70000, 91000}, {45000, 49000, 75000, 95000}}},
    {PIECE_HASH_AVX2, {{213000}, {560000}}},
};
#else
/// An estimate: these CPUs have one kernel beside the portable one.
static const struct row any_cpu[] = {
    {PIECE_HASH_PORTABLE, {{80000}, {180000}}},
    {PIECE_HASH_ARMV8, {{35000, 40000, 50000, 60000}, {35000, 45000, 60000, 75000}}},
};
#endif

void tabulated_costs(enum algorithm algorithm, struct costs *costs) {
    memset(costs, 0, sizeof *costs);
#if defined(__x86_64__)
    const bool wide = cpu_features() & bit_AVX512F;
    const struct row *rows = wide ? with_avx512 : without_avx512;
    const size_t row_count = wide ? sizeof with_avx512 / sizeof *rows : sizeof without_avx512 / sizeof *rows;
#else
    const struct row *rows = any_cpu;
    const size_t row_count = sizeof any_cpu / sizeof *rows;
#endif
    for (const struct row *row = rows; row < rows + row_count; row++) {
        const struct kernel *kernel = kernels[row->kernel];
        if (kernel == NULL) continue;
        for (size_t count = 1; count <= kernel->lanes; count++) {
            costs->of[row->kernel][count] = row->costs[algorithm][kernel->cost_grows ? count - 1 : 0];
        }
    }
}

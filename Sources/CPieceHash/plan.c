// Plans: which kernel takes how many of the messages at hand.

#include "kernel.h"

struct plan plan_alone(const struct kernel *kernel) {
    struct plan plan = {0};
    for (size_t count = 1; count <= PIECE_HASH_MAXIMUM_LANES; count++) {
        plan.portions[count] = (struct portion){kernel, count < kernel->lanes ? count : kernel->lanes};
    }
    return plan;
}

struct plan cheapest_plan(const struct costs *costs) {
    struct plan plan = {0};
    uint64_t total[PIECE_HASH_MAXIMUM_LANES + 1] = {0};
    for (size_t count = 1; count <= PIECE_HASH_MAXIMUM_LANES; count++) {
        for (size_t kernel = 0; kernel < PIECE_HASH_KERNEL_COUNT; kernel++) {
            // The widest portion first: where two ways cost the same, fewer steps are better.
            for (size_t portion = count; portion > 0; portion--) {
                if (costs->of[kernel][portion] == 0) continue;
                const uint64_t cost = costs->of[kernel][portion] + total[count - portion];
                if (plan.portions[count].kernel != NULL && cost >= total[count]) continue;
                plan.portions[count] = (struct portion){kernels[kernel], portion};
                total[count] = cost;
            }
        }
    }
    return plan;
}

void run_plan(
    const struct plan *plan, enum algorithm algorithm, uint32_t *const states[], const uint8_t *const data[], size_t blocks,
    size_t count) {
    for (size_t done = 0; done < count;) {
        const size_t rest = count - done;
        const struct portion portion = plan->portions[rest < PIECE_HASH_MAXIMUM_LANES ? rest : PIECE_HASH_MAXIMUM_LANES];
        portion.kernel->step[algorithm](states + done, data + done, blocks, portion.count);
        done += portion.count;
    }
}

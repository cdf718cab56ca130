// Built for another CPU and run in an emulator: prints the digests of messages of many lengths, by each kernel that is there.

#include <stdio.h>
#include <stdlib.h>

#include "CPieceHash.h"

enum { COUNT = 37, STEP = 61 };

static void print(const char *name, const uint8_t *digests, size_t length) {
    printf("%s ", name);
    for (size_t n = 0; n < COUNT * length; n++) printf("%02x", digests[n]);
    printf("\n");
}

int main(void) {
    if (!piece_hash_self_test()) return EXIT_FAILURE;
    static uint8_t pattern[COUNT * STEP];
    for (size_t n = 0; n < sizeof pattern; n++) pattern[n] = (uint8_t)(n * 31 ^ n >> 8);
    const uint8_t *messages[COUNT];
    size_t lengths[COUNT];
    for (size_t n = 0; n < COUNT; n++) {
        lengths[n] = n * STEP;
        messages[n] = pattern + (sizeof pattern - lengths[n]);
    }
    static uint8_t sha1[COUNT][PIECE_HASH_SHA1_LENGTH], sha256[COUNT][PIECE_HASH_SHA256_LENGTH];
    for (int kernel = 0; kernel < PIECE_HASH_KERNEL_COUNT; kernel++) {
        if (!piece_hash_sha1_with((piece_hash_kernel)kernel, messages, lengths, COUNT, sha1)) continue;
        if (!piece_hash_sha256_with((piece_hash_kernel)kernel, messages, lengths, COUNT, sha256)) return EXIT_FAILURE;
        print(piece_hash_name((piece_hash_kernel)kernel), sha1[0], sizeof sha1[0]);
        print(piece_hash_name((piece_hash_kernel)kernel), sha256[0], sizeof sha256[0]);
    }
    return EXIT_SUCCESS;
}

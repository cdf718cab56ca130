// Bytes on their way to memory where they wait for their hash.

#include <stdint.h>
#include <string.h>

#include "CPieceHash.h"

#if defined(__x86_64__)

#include <emmintrin.h>

enum { LINE = 64 };

void piece_hash_stage(uint8_t *to, const uint8_t *from, size_t length) {
    const size_t head = (size_t)(-(uintptr_t)to % LINE);
    if (length < head + LINE) {
        if (length > 0) memcpy(to, from, length);
        return;
    }
    memcpy(to, from, head);
    size_t at = head;
    // Every x86-64 has these stores. A line that is written as a whole needn't be read first, and pushes nothing out of the caches.
    for (; length - at >= LINE; at += LINE) {
        __m128i line[4];
        memcpy(line, from + at, LINE);
        for (size_t n = 0; n < 4; n++) _mm_stream_si128((__m128i *)(to + at) + n, line[n]);
    }
    memcpy(to + at, from + at, length - at);
    // Whoever is handed the bytes sees them, whatever the hand-over orders.
    _mm_sfence();
}

#else

void piece_hash_stage(uint8_t *to, const uint8_t *from, size_t length) {
    if (length > 0) memcpy(to, from, length);
}

#endif

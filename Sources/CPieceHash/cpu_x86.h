// What an x86-64 CPU says of itself (CPUID), and whether the operating system keeps its wide registers (XGETBV).

#ifndef CPIECEHASH_CPU_X86_H
#define CPIECEHASH_CPU_X86_H

#include <cpuid.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    XCR0_AVX = 1 << 1 | 1 << 2,
    XCR0_AVX512 = XCR0_AVX | 1 << 5 | 1 << 6 | 1 << 7,
};

/// The features of CPUID leaf 7, register EBX.
static inline uint32_t cpu_features(void) {
    uint32_t eax, ebx, ecx, edx;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) ? ebx : 0;
}

/// Whether CPUID leaf 1 names all of these features in register ECX.
static inline bool cpu_has_basic(uint32_t features) {
    uint32_t eax, ebx, ecx, edx;
    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & features) == features;
}

/// Whether the operating system saves these registers for a thread that it interrupts.
static inline bool system_saves(uint32_t registers) {
    if (!cpu_has_basic(bit_OSXSAVE)) return false;
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & registers) == registers;
}

#endif

// Room: CMapping.
// Duty: bytes of files where the page cache has them: without a copy, and no end of the process when a page is gone.
// Owns: the process's handler of SIGBUS, from the first mapping on; per thread, the ranges that it has mapped.
// Never: allocates, reads from a disk on purpose, or hides a SIGBUS outside of its thread's ranges.
// Invariants: bytes count only after `cmapping_close` has said that the file held all of them to the end; a SIGBUS
// elsewhere goes to the handler that was there before, or ends the process as if this room didn't exist.
#ifndef CMAPPING_H
#define CMAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    /// Mappings that a thread may have at the same time.
    CMAPPING_MAXIMUM_COUNT = 32,
};

/// A mapped range of a file. It belongs to the thread that opened it.
typedef struct cmapping {
    /// The range's first byte.
    const uint8_t *bytes;
    /// What is mapped: whole pages.
    uint8_t *pages;
    size_t length;
    /// Where the range ends in the file.
    off_t end;
    int32_t descriptor;
    int32_t slot;
} cmapping;

/// Maps `length` bytes (at least 1) from `offset` on, if the page cache has all of them: mmap(2), and cachestat(2) of
/// Linux 6.5.
///
/// False where they aren't, where the system can't or won't tell, and where the thread has no mapping left: then they
/// have to be read. Until the mapping is closed, a page that turns out to be gone, or can't be read, holds zeros.
bool cmapping_open(int32_t descriptor, off_t offset, size_t length, cmapping *mapping);

/// Unmaps it. Whether all bytes that were seen there were the file's, and the file still reaches to the range's end.
/// The descriptor is still open.
bool cmapping_close(const cmapping *mapping);

#endif

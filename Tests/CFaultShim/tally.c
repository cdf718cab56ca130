#include "shim.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

const char *const call_names[CALL_COUNT] = {
    "open", "pread", "pwrite", "ftruncate", "fallocate", "fsync", "fdatasync", "syncfs", "rename", "unlink", "mkdir", "link", "close", "fstat",
    "lock", "freespace",
};
const char *const place_names[PLACE_COUNT] = {
    "none", "db", "wal", "shm", "journal", "lock", "reserve", "dbfolder", "payload", "parts", "folder",
    "copy",
};

/// One record of the file PIECES_FAULT_COUNTS.
struct record {
    char name[24];
    _Atomic uint64_t count;
};

static struct record *_Atomic records;

__attribute__((constructor)) static void open_tally(void) {
    const char *path = getenv("PIECES_FAULT_COUNTS");
    if (path == NULL) return;
    size_t size = sizeof(struct record) * CALL_COUNT * PLACE_COUNT;
    long descriptor = kernel(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (descriptor < 0 || kernel(SYS_ftruncate, descriptor, size) != 0) abort();
    struct record *all = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, (int)descriptor, 0);
    if (all == MAP_FAILED) abort();
    kernel(SYS_close, descriptor);
    for (int call = 0; call < CALL_COUNT; call++) {
        for (int place = 0; place < PLACE_COUNT; place++) {
            snprintf(all[call * PLACE_COUNT + place].name, sizeof all->name, "%s@%s", call_names[call], place_names[place]);
        }
    }
    atomic_store(&records, all);
}

void tally(enum call call, enum place place) {
    struct record *all = atomic_load(&records);
    if (all != NULL) atomic_fetch_add(&all[call * PLACE_COUNT + place].count, 1);
}

#define _GNU_SOURCE
#include "CMapping.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// Addresses of a mapping; both are 0 where the slot is free.
struct slot {
    volatile uintptr_t begin, end;
    volatile sig_atomic_t is_broken;
};

// The handler runs on the thread that touched the page, so it needs no lock.
static _Thread_local struct slot slots[CMAPPING_MAXIMUM_COUNT];

static struct sigaction former;
static uintptr_t page_length;
static bool is_ready;
static pthread_once_t once = PTHREAD_ONCE_INIT;

// Puts zeros in place of the page and of all that follow it in the mapping: mostly, the file ends there. POSIX doesn't
// call mmap safe here; in Linux it is a bare system call.
static bool patch(uintptr_t address) {
    for (int n = 0; n < CMAPPING_MAXIMUM_COUNT; n++) {
        struct slot *slot = &slots[n];
        if (address < slot->begin || address >= slot->end) continue;
        uintptr_t from = address & ~(page_length - 1);
        void *zeros =
            mmap((void *)from, slot->end - from, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        if (zeros == MAP_FAILED) return false;
        slot->is_broken = 1;
        return true;
    }
    return false;
}

static void handle(int number, siginfo_t *info, void *context) {
    int error = errno;
    // A positive code is the kernel's: a process that sends the signal can't choose one (sigaction(2)).
    if (info->si_code > 0 && patch((uintptr_t)info->si_addr)) {
        errno = error;
        return;
    }
    errno = error;
    if (former.sa_flags & SA_SIGINFO) return former.sa_sigaction(number, info, context);
    if (former.sa_handler == SIG_IGN && info->si_code <= 0) return;
    if (former.sa_handler != SIG_DFL && former.sa_handler != SIG_IGN) return former.sa_handler(number);
    // The instruction is repeated on return, and this time nothing catches it. A signal that was sent is sent again.
    struct sigaction standard = {.sa_handler = SIG_DFL};
    (void)sigaction(number, &standard, NULL);
    if (info->si_code <= 0) (void)raise(number);
}

// For comparisons, and for tests that count what is read, PIECES_PAGE_CACHE=copy lets everything be read.
static bool is_wanted(void) {
    const char *choice = getenv("PIECES_PAGE_CACHE");
    return choice == NULL || strcmp(choice, "copy") != 0;
}

static void prepare(void) {
    if (!is_wanted()) return;
    long length = sysconf(_SC_PAGESIZE);
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_RESTART};
    (void)sigemptyset(&action.sa_mask);
    if (length <= 0 || sigaction(SIGBUS, NULL, &former) != 0 || sigaction(SIGBUS, &action, NULL) != 0) return;
    page_length = (uintptr_t)length;
    is_ready = true;
}

// The structures and the number of cachestat(2), which older headers lack; the number is the same on every architecture
// (the kernel's unistd.h).
struct cache_range {
    uint64_t offset, length;
};
struct cache_status {
    uint64_t cached, dirty, writeback, evicted, recently_evicted;
};
enum { number_of_cachestat = 451 };

static bool is_cached(int32_t descriptor, off_t offset, size_t length) {
    struct cache_range range = {(uint64_t)offset, length};
    struct cache_status status = {0};
    return syscall(number_of_cachestat, descriptor, &range, &status, 0) == 0 && status.cached == length / page_length;
}

bool cmapping_open(int32_t descriptor, off_t offset, size_t length, cmapping *mapping) {
    if (pthread_once(&once, prepare) != 0 || !is_ready || length == 0 || offset < 0) return false;
    int32_t n = 0;
    while (n < CMAPPING_MAXIMUM_COUNT && slots[n].end != 0) n++;
    if (n == CMAPPING_MAXIMUM_COUNT) return false;
    size_t phase = (size_t)offset & (page_length - 1);
    if (length > SIZE_MAX - phase - page_length) return false;
    size_t whole = (phase + length + page_length - 1) & ~(page_length - 1);
    if (!is_cached(descriptor, offset - (off_t)phase, whole)) return false;
    uint8_t *pages = mmap(NULL, whole, PROT_READ, MAP_SHARED, descriptor, offset - (off_t)phase);
    if (pages == MAP_FAILED) return false;
    slots[n].is_broken = 0;
    slots[n].begin = (uintptr_t)pages;
    slots[n].end = (uintptr_t)pages + whole;
    *mapping = (cmapping){pages + phase, pages, whole, offset + (off_t)length, descriptor, n};
    return true;
}

bool cmapping_close(const cmapping *mapping) {
    struct slot *slot = &slots[mapping->slot];
    bool is_whole = !slot->is_broken;
    slot->begin = 0;
    slot->end = 0;
    // munmap fails only for memory that was never mapped (munmap(3p)).
    (void)munmap(mapping->pages, mapping->length);
    // The rest of the page in which a file ends holds zeros, without a signal.
    struct stat status;
    return is_whole && fstat(mapping->descriptor, &status) == 0 && status.st_size >= mapping->end;
}

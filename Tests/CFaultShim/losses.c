#include "shim.h"

#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/// Writes that are remembered at once; a test that writes more between two syncs has to say so here.
#define RANGE_LIMIT 65536
#define ZEROS 65536

/// What was written to a file since its last sync, whichever descriptor it went through.
struct range {
    dev_t device;
    ino_t inode;
    off_t offset;
    ssize_t length;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct range ranges[RANGE_LIMIT];
static int range_count;

static bool identify(int descriptor, struct range *range) {
    struct stat status;
    if (kernel(SYS_newfstatat, descriptor, "", &status, 0x1000 /* AT_EMPTY_PATH */) != 0) return false;
    range->device = status.st_dev;
    range->inode = status.st_ino;
    return true;
}

static bool is_same(const struct range *a, const struct range *b) { return a->device == b->device && a->inode == b->inode; }

static void forget(const struct range *file) {
    int kept = 0;
    for (int n = 0; n < range_count; n++) {
        if (!is_same(&ranges[n], file)) ranges[kept++] = ranges[n];
    }
    range_count = kept;
}

void losses_wrote(int descriptor, off_t offset, ssize_t length) {
    struct range range = {.offset = offset, .length = length};
    if (length <= 0 || !rules_lose() || !identify(descriptor, &range)) return;
    pthread_mutex_lock(&mutex);
    if (range_count == RANGE_LIMIT) die();
    ranges[range_count++] = range;
    pthread_mutex_unlock(&mutex);
}

void losses_synced(int descriptor) {
    struct range file;
    if (!rules_lose() || !identify(descriptor, &file)) return;
    pthread_mutex_lock(&mutex);
    forget(&file);
    pthread_mutex_unlock(&mutex);
}

void losses_lose(int descriptor) {
    static const char zeros[ZEROS];
    struct range file;
    if (!identify(descriptor, &file)) return;
    pthread_mutex_lock(&mutex);
    for (int n = 0; n < range_count; n++) {
        if (!is_same(&ranges[n], &file)) continue;
        for (ssize_t done = 0; done < ranges[n].length;) {
            ssize_t rest = ranges[n].length - done;
            long count = kernel(SYS_pwrite64, descriptor, zeros, rest < ZEROS ? rest : ZEROS, ranges[n].offset + done);
            if (count <= 0) die();
            done += count;
        }
    }
    forget(&file);
    pthread_mutex_unlock(&mutex);
}

#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/// Writes that are remembered at once; a test that writes more between two syncs has to say so here.
#define RANGE_LIMIT 65536
/// Files that are written to in the life of the process; the same.
#define FILE_LIMIT 1024
#define ZEROS 65536

struct file {
    dev_t device;
    ino_t inode;
    /// Kept, so that what was written can be taken back when the program has closed its own.
    int descriptor;
    bool is_payload;
    /// It lost something with its volume, and no sync of it has failed since.
    bool owes;
};

/// What was written to a file since its last sync, whichever descriptor it went through.
struct range {
    struct file *file;
    /// Its place in the order of all writes.
    long number;
    off_t offset;
    ssize_t length;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct file files[FILE_LIMIT];
static int file_count;
static struct range ranges[RANGE_LIMIT];
static int range_count;
static long position;

/// The file, once something was written to it.
static struct file *file_of(int descriptor, bool makes) {
    struct stat status;
    if (kernel(SYS_newfstatat, descriptor, "", &status, 0x1000 /* AT_EMPTY_PATH */) != 0) return NULL;
    for (int n = 0; n < file_count; n++) {
        if (files[n].device == status.st_dev && files[n].inode == status.st_ino) return &files[n];
    }
    if (!makes) return NULL;
    if (file_count == FILE_LIMIT) die();
    enum place place = place_of_descriptor(descriptor);
    long kept = kernel(SYS_fcntl, descriptor, F_DUPFD_CLOEXEC, 0);
    if (kept < 0) die();
    struct file *file = &files[file_count++];
    *file = (struct file){status.st_dev, status.st_ino, (int)kept, place == PLACE_PAYLOAD || place == PLACE_PARTS, false};
    return file;
}

static bool is_of(const struct range *range, const struct file *file) { return file == NULL ? range->file->is_payload : range->file == file; }

/// Of one file, or of all of the payload's.
static void forget(const struct file *file, long began) {
    int kept = 0;
    for (int n = 0; n < range_count; n++) {
        if (ranges[n].number >= began || !is_of(&ranges[n], file)) ranges[kept++] = ranges[n];
    }
    range_count = kept;
}

static void erase(const struct file *file) {
    static const char zeros[ZEROS];
    for (int n = 0; n < range_count; n++) {
        if (!is_of(&ranges[n], file)) continue;
        if (file == NULL) ranges[n].file->owes = true;
        for (ssize_t done = 0; done < ranges[n].length;) {
            ssize_t rest = ranges[n].length - done;
            long count = kernel(SYS_pwrite64, ranges[n].file->descriptor, zeros, rest < ZEROS ? rest : ZEROS, ranges[n].offset + done);
            if (count <= 0) die();
            done += count;
        }
    }
    forget(file, position);
}

void losses_wrote(int descriptor, off_t offset, ssize_t length) {
    if (length <= 0 || !rules_lose()) return;
    int before = errno;
    pthread_mutex_lock(&mutex);
    struct file *file = file_of(descriptor, true);
    if (file == NULL || range_count == RANGE_LIMIT) die();
    ranges[range_count++] = (struct range){file, position++, offset, length};
    pthread_mutex_unlock(&mutex);
    errno = before;
}

long losses_position(void) {
    pthread_mutex_lock(&mutex);
    long now = position;
    pthread_mutex_unlock(&mutex);
    return now;
}

void losses_synced(int descriptor, long began) {
    if (!rules_lose()) return;
    pthread_mutex_lock(&mutex);
    struct file *file = file_of(descriptor, false);
    if (file != NULL) forget(file, began);
    pthread_mutex_unlock(&mutex);
}

void losses_lose(int descriptor) {
    pthread_mutex_lock(&mutex);
    struct file *file = file_of(descriptor, false);
    if (file != NULL) erase(file);
    pthread_mutex_unlock(&mutex);
}

void losses_synced_payload(long began) {
    if (!rules_lose()) return;
    pthread_mutex_lock(&mutex);
    forget(NULL, began);
    pthread_mutex_unlock(&mutex);
}

void losses_lose_payload(void) {
    pthread_mutex_lock(&mutex);
    erase(NULL);
    pthread_mutex_unlock(&mutex);
}

bool losses_owe(int descriptor) {
    if (!rules_lose()) return false;
    pthread_mutex_lock(&mutex);
    struct file *file = file_of(descriptor, false);
    bool owes = file != NULL && file->owes;
    if (owes) file->owes = false;
    pthread_mutex_unlock(&mutex);
    return owes;
}

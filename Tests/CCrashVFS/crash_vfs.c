#include "CCrashVFS.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    sqlite3_vfs base;
    sqlite3_vfs *real;
    crash_vfs_listener listener;
    char *name;
} crash_vfs;

typedef struct {
    sqlite3_file base;
    const crash_vfs *vfs;
    int64_t number;
    /// Lives as long as the file is open (sqlite.org/c3ref/vfs.html, xOpen); NULL for a file without a name, which nobody finds after a cut.
    const char *path;
    /// Whether the next sync of the file also syncs its directory, as os_unix.c does for a log or journal that it was allowed to make.
    int syncs_directory;
} crash_file;

static const crash_vfs *vfs_of(sqlite3_vfs *vfs) { return (const crash_vfs *)vfs; }
static crash_file *file_of(sqlite3_file *file) { return (crash_file *)file; }
/// The file of the VFS below lies right behind ours.
static sqlite3_file *real_of(sqlite3_file *file) { return (sqlite3_file *)(file_of(file) + 1); }

// Files

static int file_close(sqlite3_file *file) { return real_of(file)->pMethods->xClose(real_of(file)); }

static int file_read(sqlite3_file *file, void *buffer, int count, sqlite3_int64 offset) {
    return real_of(file)->pMethods->xRead(real_of(file), buffer, count, offset);
}

static int file_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset) {
    int result = real_of(file)->pMethods->xWrite(real_of(file), bytes, count, offset);
    crash_file *own = file_of(file);
    if (result == SQLITE_OK && own->path) own->vfs->listener.wrote(own->vfs->listener.context, own->number, offset, bytes, count);
    return result;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 length) {
    int result = real_of(file)->pMethods->xTruncate(real_of(file), length);
    crash_file *own = file_of(file);
    if (result == SQLITE_OK && own->path) own->vfs->listener.resized(own->vfs->listener.context, own->number, length);
    return result;
}

static int file_sync(sqlite3_file *file, int flags) {
    crash_file *own = file_of(file);
    const crash_vfs_listener *listener = &own->vfs->listener;
    if (own->path && listener->sync_fails(listener->context, own->number)) return SQLITE_IOERR_FSYNC;
    int64_t began = listener->sync_began(listener->context);
    int result = real_of(file)->pMethods->xSync(real_of(file), flags);
    if (result != SQLITE_OK || !own->path) return result;
    listener->synced(listener->context, own->number, began);
    if (own->syncs_directory) listener->directory_synced(listener->context, own->path, began);
    own->syncs_directory = 0;
    return result;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size) { return real_of(file)->pMethods->xFileSize(real_of(file), size); }
static int file_lock(sqlite3_file *file, int level) { return real_of(file)->pMethods->xLock(real_of(file), level); }
static int file_unlock(sqlite3_file *file, int level) { return real_of(file)->pMethods->xUnlock(real_of(file), level); }
static int file_reserved(sqlite3_file *file, int *answer) { return real_of(file)->pMethods->xCheckReservedLock(real_of(file), answer); }
static int file_control(sqlite3_file *file, int operation, void *argument) {
    return real_of(file)->pMethods->xFileControl(real_of(file), operation, argument);
}
static int file_sector(sqlite3_file *file) { return real_of(file)->pMethods->xSectorSize(real_of(file)); }
static int file_traits(sqlite3_file *file) { return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file)); }
static int file_map(sqlite3_file *file, int page, int size, int extend, void volatile **memory) {
    return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, memory);
}
static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags) {
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, count, flags);
}
static void file_barrier(sqlite3_file *file) { real_of(file)->pMethods->xShmBarrier(real_of(file)); }
static int file_unmap(sqlite3_file *file, int remove) { return real_of(file)->pMethods->xShmUnmap(real_of(file), remove); }

/// Version 2: with shared memory, and without memory mapped files, whose writes nobody could hear.
static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_traits,
    .xShmMap = file_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_barrier,
    .xShmUnmap = file_unmap,
};

// The VFS

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *answer) {
    const crash_vfs *own = vfs_of(vfs);
    crash_file *opened = file_of(file);
    int is_new = path && access(path, F_OK) != 0;
    memset(opened, 0, sizeof(*opened));
    int result = own->real->xOpen(own->real, path, real_of(file), flags, answer);
    // Without methods SQLite doesn't close a file that could not be opened.
    if (!real_of(file)->pMethods) return result;
    opened->base.pMethods = &methods;
    opened->vfs = own;
    opened->path = path;
    if (result != SQLITE_OK || !path) return result;
    opened->number = own->listener.opened(own->listener.context, path, is_new);
    int is_log = flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL);
    opened->syncs_directory = is_log && (flags & SQLITE_OPEN_CREATE);
    return result;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int syncs_directory) {
    const crash_vfs *own = vfs_of(vfs);
    const crash_vfs_listener *listener = &own->listener;
    int result = own->real->xDelete(own->real, path, syncs_directory);
    if (result != SQLITE_OK) return result;
    listener->deleted(listener->context, path);
    // Of the two only the whole is known to us: the sync covers what was told up to now, the name that is gone with it.
    if (syncs_directory & 1) listener->directory_synced(listener->context, path, listener->sync_began(listener->context));
    return result;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *answer) {
    return vfs_of(vfs)->real->xAccess(vfs_of(vfs)->real, path, flags, answer);
}
static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int count, char *out) {
    return vfs_of(vfs)->real->xFullPathname(vfs_of(vfs)->real, path, count, out);
}
static int vfs_random(sqlite3_vfs *vfs, int count, char *out) { return vfs_of(vfs)->real->xRandomness(vfs_of(vfs)->real, count, out); }
static int vfs_sleep(sqlite3_vfs *vfs, int microseconds) { return vfs_of(vfs)->real->xSleep(vfs_of(vfs)->real, microseconds); }
static int vfs_time(sqlite3_vfs *vfs, double *out) { return vfs_of(vfs)->real->xCurrentTime(vfs_of(vfs)->real, out); }
static int vfs_error(sqlite3_vfs *vfs, int count, char *out) { return vfs_of(vfs)->real->xGetLastError(vfs_of(vfs)->real, count, out); }
static int vfs_time64(sqlite3_vfs *vfs, sqlite3_int64 *out) { return vfs_of(vfs)->real->xCurrentTimeInt64(vfs_of(vfs)->real, out); }

void *crash_vfs_register(const char *name, const crash_vfs_listener *listener) {
    sqlite3_vfs *real = sqlite3_vfs_find(NULL);
    crash_vfs *own = calloc(1, sizeof(*own));
    char *copy = sqlite3_mprintf("%s", name);
    if (!real || !own || !copy) goto failed;
    own->real = real;
    own->listener = *listener;
    own->name = copy;
    own->base = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = (int)sizeof(crash_file) + real->szOsFile,
        .mxPathname = real->mxPathname,
        .zName = copy,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_random,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_time,
        .xGetLastError = vfs_error,
        .xCurrentTimeInt64 = vfs_time64,
    };
    if (sqlite3_vfs_register(&own->base, 0) != SQLITE_OK) goto failed;
    return own;
failed:
    sqlite3_free(copy);
    free(own);
    return NULL;
}

void crash_vfs_unregister(void *registered) {
    crash_vfs *own = registered;
    sqlite3_vfs_unregister(&own->base);
    sqlite3_free(own->name);
    free(own);
}

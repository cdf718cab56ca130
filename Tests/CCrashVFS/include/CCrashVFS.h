// Room: CCrashVFS.
// Duty: a SQLite VFS that passes every call to the system's own and tells a listener what reached the files, in the order in which it did.
// Owns: the registered VFS and its name.
// Never: changes what SQLite asks for or is answered, but for a sync that the listener lets fail; speaks of the shared memory (-shm), which no disk keeps.
// Invariants: the listener hears of a call after it succeeded; a sync also says when it began, because it covers only what was written before.

#ifndef PIECES_CRASH_VFS_H
#define PIECES_CRASH_VFS_H

#include <stdint.h>

/// Who listens. Every function is called on the thread that uses the database; paths are absolute.
typedef struct {
    void *context;
    /// A file was opened, and made if `is_new`. The answer is the number by which the listener knows it from now on.
    int64_t (*opened)(void *context, const char *path, int is_new);
    void (*wrote)(void *context, int64_t file, int64_t offset, const void *bytes, int64_t count);
    void (*resized)(void *context, int64_t file, int64_t length);
    /// Whether the sync that comes now is to fail (`SQLITE_IOERR_FSYNC`) without having been made.
    int (*sync_fails)(void *context, int64_t file);
    /// A sync begins; the answer is handed to what says that it ended.
    int64_t (*sync_began)(void *context);
    void (*synced)(void *context, int64_t file, int64_t began);
    /// The directory that names `path` was synced.
    void (*directory_synced)(void *context, const char *path, int64_t began);
    void (*deleted)(void *context, const char *path);
} crash_vfs_listener;

/// Registers a VFS under `name`, over the one that is the default now. `NULL` when there is no memory for it.
///
/// It keeps its own copy of name and listener, whose context has to live until ``crash_vfs_unregister``.
void *crash_vfs_register(const char *name, const crash_vfs_listener *listener);

/// Takes the VFS away. No file may be open through it.
void crash_vfs_unregister(void *registered);

#endif

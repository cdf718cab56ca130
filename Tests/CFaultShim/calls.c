#include "shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

// The calls themselves. Those that the kernel has under one number are made by `kernel`; for the others the C library is asked.

typedef long (*syscall_function)(long, ...);

static long proceed(long number, long a, long b, long c, long d, long e, long f) {
    static _Atomic(syscall_function) next;
    syscall_function function = atomic_load(&next);
    if (function == NULL) {
        // Before any thread: the first call comes while the program is loaded. ISO C has no cast from an object to a function.
        *(void **)&function = dlsym(RTLD_NEXT, "syscall");
        if (function == NULL) abort();
        atomic_store(&next, function);
    }
    return function(number, a, b, c, d, e, f);
}

long kernel(long number, ...) {
    va_list list;
    va_start(list, number);
    long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long);
    long d = va_arg(list, long), e = va_arg(list, long), f = va_arg(list, long);
    va_end(list);
    return proceed(number, a, b, c, d, e, f);
}

static int fail(int error) {
    errno = error;
    return -1;
}

/// What a call answered, when the process is to go on.
static long done(struct verdict verdict, long result) {
    if (verdict.kills_after) die();
    return result;
}

static size_t part(struct verdict verdict, size_t count) { return verdict.is_short && count > 1 ? count / 2 : count; }

// Opening

static int opened(enum place place, struct verdict verdict, long descriptor) {
    if (descriptor >= 0) place_descriptor((int)descriptor, place);
    return (int)done(verdict, descriptor);
}

static int open_at(int directory, const char *path, int flags, mode_t mode) {
    enum place place = place_of_path(directory, path, flags);
    struct verdict verdict = place == PLACE_NONE ? (struct verdict){0} : decide(CALL_OPEN, place);
    if (verdict.error != 0) return fail(verdict.error);
    return opened(place, verdict, kernel(SYS_openat, directory, path, flags, mode));
}

static mode_t mode_of(int flags, va_list list) { return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(list, mode_t) : 0; }

#define DEFINE_OPEN(name)                                                                                                                          \
    int name(const char *path, int flags, ...) {                                                                                                   \
        va_list list;                                                                                                                              \
        va_start(list, flags);                                                                                                                     \
        mode_t mode = mode_of(flags, list);                                                                                                        \
        va_end(list);                                                                                                                              \
        return open_at(AT_FDCWD, path, flags, mode);                                                                                               \
    }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)

#define DEFINE_OPENAT(name)                                                                                                                        \
    int name(int directory, const char *path, int flags, ...) {                                                                                    \
        va_list list;                                                                                                                              \
        va_start(list, flags);                                                                                                                     \
        mode_t mode = mode_of(flags, list);                                                                                                        \
        va_end(list);                                                                                                                              \
        return open_at(directory, path, flags, mode);                                                                                              \
    }
DEFINE_OPENAT(openat)
DEFINE_OPENAT(openat64)

static int change_name(enum call call, int directory, const char *path, long number, long a, long b, long c, long d, long e);

/// Raw calls: of those the program makes, only openat2 and renameat2 are about files.
long syscall(long number, ...) {
    va_list list;
    va_start(list, number);
    long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long);
    long d = va_arg(list, long), e = va_arg(list, long), f = va_arg(list, long);
    va_end(list);
    if (number == SYS_renameat2) return change_name(CALL_RENAME, (int)a, (const char *)b, number, a, b, c, d, e);
    if (number != SYS_openat2) return proceed(number, a, b, c, d, e, f);
    enum place place = place_of_path((int)a, (const char *)b, (int)((const struct open_how *)c)->flags);
    struct verdict verdict = place == PLACE_NONE ? (struct verdict){0} : decide(CALL_OPEN, place);
    if (verdict.error != 0) return fail(verdict.error);
    return opened(place, verdict, proceed(number, a, b, c, d, e, f));
}

int close(int descriptor) {
    enum place place = place_of_descriptor(descriptor);
    if (place == PLACE_NONE) return (int)kernel(SYS_close, descriptor);
    struct verdict verdict = decide(CALL_CLOSE, place);
    place_descriptor(descriptor, PLACE_NONE);
    long result = kernel(SYS_close, descriptor);
    // The descriptor is gone all the same (close(2)).
    if (verdict.error != 0) return fail(verdict.error);
    return (int)done(verdict, result);
}

// Bytes

static ssize_t write_at(int descriptor, const void *bytes, size_t count, off_t offset) {
    enum place place = place_of_descriptor(descriptor);
    if (place == PLACE_NONE) return kernel(SYS_pwrite64, descriptor, bytes, count, offset);
    struct verdict verdict = decide(CALL_PWRITE, place);
    if (verdict.error != 0) return fail(verdict.error);
    ssize_t result = kernel(SYS_pwrite64, descriptor, bytes, part(verdict, count), offset);
    losses_wrote(descriptor, offset, result);
    clock_touch(descriptor, place);
    return done(verdict, result);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) { return write_at(descriptor, bytes, count, offset); }
ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t offset) { return write_at(descriptor, bytes, count, offset); }

ssize_t write(int descriptor, const void *bytes, size_t count) {
    enum place place = place_of_descriptor(descriptor);
    if (place == PLACE_NONE) return kernel(SYS_write, descriptor, bytes, count);
    struct verdict verdict = decide(CALL_PWRITE, place);
    if (verdict.error != 0) return fail(verdict.error);
    return done(verdict, kernel(SYS_write, descriptor, bytes, part(verdict, count)));
}

static ssize_t read_at(int descriptor, void *bytes, size_t count, off_t offset) {
    enum place place = place_of_descriptor(descriptor);
    if (place == PLACE_NONE) return kernel(SYS_pread64, descriptor, bytes, count, offset);
    struct verdict verdict = decide(CALL_PREAD, place);
    if (verdict.error != 0) return fail(verdict.error);
    return done(verdict, kernel(SYS_pread64, descriptor, bytes, part(verdict, count), offset));
}

ssize_t pread(int descriptor, void *bytes, size_t count, off_t offset) { return read_at(descriptor, bytes, count, offset); }
ssize_t pread64(int descriptor, void *bytes, size_t count, off64_t offset) { return read_at(descriptor, bytes, count, offset); }

/// A write, of what it writes to.
static ssize_t copy_range(int from, off_t *in, int to, off_t *out, size_t count, unsigned flags) {
    enum place place = place_of_descriptor(to);
    if (place == PLACE_NONE) return kernel(SYS_copy_file_range, from, in, to, out, count, flags);
    struct verdict verdict = decide(CALL_PWRITE, place);
    if (verdict.error != 0) return fail(verdict.error);
    return done(verdict, kernel(SYS_copy_file_range, from, in, to, out, part(verdict, count), flags));
}

ssize_t copy_file_range(int from, off_t *in, int to, off_t *out, size_t count, unsigned flags) {
    return copy_range(from, in, to, out, count, flags);
}

// Lengths

static int truncate_to(int descriptor, off_t length) {
    enum place place = place_of_descriptor(descriptor);
    if (place == PLACE_NONE) return (int)kernel(SYS_ftruncate, descriptor, length);
    struct verdict verdict = decide(CALL_FTRUNCATE, place);
    if (verdict.error != 0) return fail(verdict.error);
    long result = kernel(SYS_ftruncate, descriptor, length);
    clock_touch(descriptor, place);
    return (int)done(verdict, result);
}

int ftruncate(int descriptor, off_t length) { return truncate_to(descriptor, length); }
int ftruncate64(int descriptor, off64_t length) { return truncate_to(descriptor, length); }

static int allocate(int descriptor, off_t offset, off_t length, const char *name) {
    enum place place = place_of_descriptor(descriptor);
    struct verdict verdict = place == PLACE_NONE ? (struct verdict){0} : decide(CALL_FALLOCATE, place);
    // posix_fallocate answers the error (posix_fallocate(3)).
    if (verdict.error != 0) return verdict.error;
    int (*next)(int, off_t, off_t);
    *(void **)&next = dlsym(RTLD_NEXT, name);
    if (next == NULL) abort();
    int result = next(descriptor, offset, length);
    clock_touch(descriptor, place);
    return (int)done(verdict, result);
}

int posix_fallocate(int descriptor, off_t offset, off_t length) { return allocate(descriptor, offset, length, "posix_fallocate"); }
int posix_fallocate64(int descriptor, off64_t offset, off64_t length) { return allocate(descriptor, offset, length, "posix_fallocate64"); }

// Syncs

static int sync_by(int descriptor, enum call call, long number) {
    enum place place = place_of_descriptor(descriptor);
    if (place == PLACE_NONE) return (int)kernel(number, descriptor);
    struct verdict verdict = decide(call, place);
    if (verdict.loses) losses_lose(descriptor);
    if (verdict.error != 0) return fail(verdict.error);
    if (losses_owe(descriptor)) return fail(EIO);
    long began = losses_position();
    long result = kernel(number, descriptor);
    if (result == 0) losses_synced(descriptor, began);
    return (int)done(verdict, result);
}

int fsync(int descriptor) { return sync_by(descriptor, CALL_FSYNC, SYS_fsync); }
int fdatasync(int descriptor) { return sync_by(descriptor, CALL_FDATASYNC, SYS_fdatasync); }

/// Of the file system; its place is that of the directory that it is asked through.
int syncfs(int descriptor) {
    enum place place = place_of_descriptor(descriptor);
    if (place == PLACE_NONE) return (int)kernel(SYS_syncfs, descriptor);
    struct verdict verdict = decide(CALL_SYNCFS, place);
    if (verdict.loses) losses_lose_payload();
    if (verdict.error != 0) return fail(verdict.error);
    long began = losses_position();
    long result = kernel(SYS_syncfs, descriptor);
    if (result == 0) losses_synced_payload(began);
    return (int)done(verdict, result);
}

// Names

static int change_name(enum call call, int directory, const char *path, long number, long a, long b, long c, long d, long e) {
    enum place place = place_of_path(directory, path, call == CALL_MKDIR ? O_DIRECTORY : 0);
    if (place == PLACE_NONE) return (int)kernel(number, a, b, c, d, e);
    struct verdict verdict = decide(call, place);
    if (verdict.error != 0) return fail(verdict.error);
    return (int)done(verdict, kernel(number, a, b, c, d, e));
}

int unlink(const char *path) { return change_name(CALL_UNLINK, AT_FDCWD, path, SYS_unlinkat, AT_FDCWD, (long)path, 0, 0, 0); }
int unlinkat(int directory, const char *path, int flags) {
    return change_name(CALL_UNLINK, directory, path, SYS_unlinkat, directory, (long)path, flags, 0, 0);
}
int mkdir(const char *path, mode_t mode) { return change_name(CALL_MKDIR, AT_FDCWD, path, SYS_mkdirat, AT_FDCWD, (long)path, mode, 0, 0); }
int mkdirat(int directory, const char *path, mode_t mode) {
    return change_name(CALL_MKDIR, directory, path, SYS_mkdirat, directory, (long)path, mode, 0, 0);
}
int rename(const char *from, const char *to) {
    return change_name(CALL_RENAME, AT_FDCWD, from, SYS_renameat2, AT_FDCWD, (long)from, AT_FDCWD, (long)to, 0);
}
int renameat(int from_directory, const char *from, int to_directory, const char *to) {
    return change_name(CALL_RENAME, from_directory, from, SYS_renameat2, from_directory, (long)from, to_directory, (long)to, 0);
}
int renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned flags) {
    return change_name(CALL_RENAME, from_directory, from, SYS_renameat2, from_directory, (long)from, to_directory, (long)to, flags);
}

int linkat(int from_directory, const char *from, int to_directory, const char *to, int flags) {
    return change_name(CALL_LINK, to_directory, to, SYS_linkat, from_directory, (long)from, to_directory, (long)to, flags);
}

// Questions and locks

static int status_of(int descriptor, struct stat *status) {
    enum place place = place_of_descriptor(descriptor);
    if (place != PLACE_NONE) {
        struct verdict verdict = decide(CALL_FSTAT, place);
        if (verdict.error != 0) return fail(verdict.error);
    }
    return (int)kernel(SYS_newfstatat, descriptor, "", status, AT_EMPTY_PATH);
}

int fstat(int descriptor, struct stat *status) { return status_of(descriptor, status); }
int fstat64(int descriptor, struct stat64 *status) { return status_of(descriptor, (struct stat *)status); }

/// A rule for `freespace` with an errno makes the volume full instead of making the call fail.
int fstatvfs(int descriptor, struct statvfs *status) {
    int (*next)(int, struct statvfs *);
    *(void **)&next = dlsym(RTLD_NEXT, "fstatvfs");
    if (next == NULL) abort();
    enum place place = place_of_descriptor(descriptor);
    struct verdict verdict = place == PLACE_NONE ? (struct verdict){0} : decide(CALL_FREESPACE, place);
    int result = next(descriptor, status);
    if (result == 0 && verdict.error != 0) status->f_bavail = status->f_bfree = 0;
    return result;
}

/// Whether a lock is asked for. To give one back can't fail on a file of this machine (fcntl(2)), and SQLite doesn't go on where it does.
static bool asks_for_lock(int command, long argument) {
    if (command != F_SETLK && command != F_SETLKW && command != F_OFD_SETLK) return false;
    return ((const struct flock *)argument)->l_type != F_UNLCK;
}

#define DEFINE_FCNTL(name)                                                                                                                         \
    int name(int descriptor, int command, ...) {                                                                                                   \
        va_list list;                                                                                                                              \
        va_start(list, command);                                                                                                                   \
        long argument = va_arg(list, long);                                                                                                        \
        va_end(list);                                                                                                                              \
        enum place place = place_of_descriptor(descriptor);                                                                                        \
        if (place != PLACE_NONE && asks_for_lock(command, argument)) {                                                                                 \
            struct verdict verdict = decide(CALL_LOCK, place);                                                                                     \
            if (verdict.error != 0) return fail(verdict.error);                                                                                    \
        }                                                                                                                                          \
        return (int)kernel(SYS_fcntl, descriptor, command, argument);                                                                              \
    }
DEFINE_FCNTL(fcntl)
DEFINE_FCNTL(fcntl64)

#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

const int32_t clinux_o_path = O_PATH;
const int32_t clinux_o_direct = O_DIRECT;
const int32_t clinux_seek_data = SEEK_DATA;
const int32_t clinux_seek_hole = SEEK_HOLE;
const int32_t clinux_at_empty_path = AT_EMPTY_PATH;

// `struct open_how` and the flags of linux/openat2.h, which older headers lack. The number of the call is the same on
// every architecture (the kernel's unistd.h).
struct how {
    uint64_t flags, mode, resolve;
};

enum {
    number_of_openat2 = 437,
    resolve_no_magiclinks = 0x02,
    resolve_no_symlinks = 0x04,
    resolve_beneath = 0x08
};

int32_t clinux_open_beneath(int32_t directory, const char *path, uint64_t flags) {
    struct how how = {flags, 0, resolve_beneath | resolve_no_symlinks | resolve_no_magiclinks};
    return (int32_t)syscall(number_of_openat2, directory, path, &how, sizeof how);
}

ssize_t clinux_read_cached(int32_t descriptor, const struct iovec *vectors, int32_t count, off_t offset) {
    return preadv2(descriptor, vectors, count, offset, RWF_NOWAIT);
}

// RWF_DONTCACHE, which older headers lack (linux/fs.h, since Linux 6.14).
enum { flag_dontcache = 0x80 };

ssize_t clinux_read_uncached(int32_t descriptor, void *buffer, size_t length, off_t offset) {
    struct iovec vector = {buffer, length};
    return preadv2(descriptor, &vector, 1, offset, flag_dontcache);
}

int32_t clinux_resident(int32_t descriptor, off_t offset, size_t length, unsigned char *pages) {
    void *memory = mmap(NULL, length, PROT_READ, MAP_SHARED, descriptor, offset);
    if (memory == MAP_FAILED) return -1;
    int32_t result = mincore(memory, length, pages);
    int error = errno;
    (void)munmap(memory, length);
    errno = error;
    return result;
}

// IOPRIO_WHO_PROCESS is 1, and 0 is the calling thread (ioprio_set(2)).
int32_t clinux_set_io_priority(int32_t class, int32_t level) {
    return (int32_t)syscall(SYS_ioprio_set, 1, 0, class << 13 | level);
}

int32_t clinux_start_writeback(int32_t descriptor, off_t offset, off_t length) {
    return sync_file_range(descriptor, offset, length, SYNC_FILE_RANGE_WRITE);
}

int32_t clinux_sync_volume(int32_t descriptor) { return syncfs(descriptor); }

// The kind is a number of 32 bits, whatever type the C library gives it.
int64_t clinux_file_system(int32_t descriptor) {
    struct statfs status;
    return fstatfs(descriptor, &status) == 0 ? (int64_t)(uint32_t)status.f_type : -1;
}

int64_t clinux_file_system_at(const char *path) {
    struct statfs status;
    return statfs(path, &status) == 0 ? (int64_t)(uint32_t)status.f_type : -1;
}

int32_t clinux_birth(int32_t directory, const char *path, int32_t flags, int64_t *nanoseconds) {
    struct statx status;
    if (statx(directory, path, flags, STATX_BTIME, &status) != 0 || !(status.stx_mask & STATX_BTIME)) return -1;
    // Wraps for a time that no file has, as a computation in the kernel would.
    *nanoseconds = (int64_t)((uint64_t)status.stx_btime.tv_sec * 1000000000u + status.stx_btime.tv_nsec);
    return 0;
}

// The number of the call, as linux/fs.h gives it, which can't be included beside the C library's headers everywhere.
#ifndef FICLONE
#define FICLONE _IOW(0x94, 9, int)
#endif

int32_t clinux_rename_new(int32_t directory, const char *name, int32_t new_directory, const char *new_name) {
    // RENAME_NOREPLACE is 1 (linux/fs.h).
    return (int32_t)syscall(SYS_renameat2, directory, name, new_directory, new_name, 1u);
}

int32_t clinux_clone(int32_t from, int32_t to) { return ioctl(to, FICLONE, from); }

ssize_t clinux_copy_range(int32_t from, int32_t to, off_t offset, size_t length) {
    off_t in = offset, out = offset;
    return copy_file_range(from, &in, to, &out, length, 0);
}

// The number and the struct of the call, as linux/fs.h has them since Linux 6.9; older headers lack them.
struct file_system_uuid {
    uint8_t length, bytes[16];
};
#define GET_FILE_SYSTEM_UUID _IOR(0x15, 0, struct file_system_uuid)

int32_t clinux_file_system_uuid(int32_t descriptor, uint8_t bytes[16]) {
    struct file_system_uuid uuid = {0};
    if (ioctl(descriptor, GET_FILE_SYSTEM_UUID, &uuid) != 0) return -1;
    for (size_t n = 0; n < sizeof uuid.bytes; n++) bytes[n] = uuid.bytes[n];
    return uuid.length;
}

void clinux_name_thread(pthread_t thread, const char *name) { (void)pthread_setname_np(thread, name); }

void clinux_use_one_arena(void) {
#ifdef __GLIBC__
    (void)mallopt(M_ARENA_MAX, 1);
#endif
}

int32_t clinux_pipe(int32_t ends[2]) { return pipe2(ends, O_CLOEXEC); }

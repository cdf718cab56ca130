// Room: CLinux.
// Duty: system calls of Linux that Swift can't import: variadic ones, and those that headers show under _GNU_SOURCE.
// Owns: nothing.
// Never: retries, interprets an error, allocates memory.
// Invariants: each function is one call, with the call's own result and errno.
#ifndef CLINUX_H
#define CLINUX_H

#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <pthread.h>

/// Flags of open(2), lseek(2) and statx(2).
extern const int32_t clinux_o_path;
extern const int32_t clinux_o_direct;
extern const int32_t clinux_seek_data;
extern const int32_t clinux_seek_hole;
extern const int32_t clinux_at_empty_path;

/// openat2(2) below a directory, without following any link; ENOSYS where the kernel hasn't got it.
int32_t clinux_open_beneath(int32_t directory, const char *path, uint64_t flags);
/// preadv2(2) with RWF_NOWAIT.
ssize_t clinux_read_cached(int32_t descriptor, const struct iovec *vectors, int32_t count, off_t offset);
/// preadv2(2) with RWF_DONTCACHE; EOPNOTSUPP where the kernel or the file system hasn't got it.
ssize_t clinux_read_uncached(int32_t descriptor, void *buffer, size_t length, off_t offset);
/// mincore(2) of a mapping of the file: one byte a page, whose lowest bit is set if the page is in the page cache.
int32_t clinux_resident(int32_t descriptor, off_t offset, size_t length, unsigned char *pages);
/// ioprio_set(2) for the calling thread: class 0 is the default, 2 best effort (level 0 to 7), 3 idle.
int32_t clinux_set_io_priority(int32_t class, int32_t level);
/// sync_file_range(2) with SYNC_FILE_RANGE_WRITE.
int32_t clinux_start_writeback(int32_t descriptor, off_t offset, off_t length);
/// pipe2(2) with O_CLOEXEC.
int32_t clinux_pipe(int32_t ends[2]);
/// syncfs(2).
int32_t clinux_sync_volume(int32_t descriptor);
/// f_type of fstatfs(2) and statfs(2); -1 with errno where it can't be told.
int64_t clinux_file_system(int32_t descriptor);
int64_t clinux_file_system_at(const char *path);
/// The time of birth of statx(2), in nanoseconds since 1970. 0 when it is known; -1 when it isn't, or on an error.
int32_t clinux_birth(int32_t directory, const char *path, int32_t flags, int64_t *nanoseconds);
/// renameat2(2) with RENAME_NOREPLACE.
int32_t clinux_rename_new(int32_t directory, const char *name, int32_t new_directory, const char *new_name);
/// ioctl_ficlone(2): the whole file shares the blocks of the other.
int32_t clinux_clone(int32_t from, int32_t to);
/// copy_file_range(2), from and to the same offset.
ssize_t clinux_copy_range(int32_t from, int32_t to, off_t offset, size_t length);
/// FS_IOC_GETFSUUID of linux/fs.h: the number of bytes of the UUID, at most 16; -1 with errno where it can't be told.
int32_t clinux_file_system_uuid(int32_t descriptor, uint8_t bytes[16]);
/// pthread_setname_np(3): at most 15 bytes, which `top -H` and debuggers show.
void clinux_name_thread(pthread_t thread, const char *name);
/// Lets all threads allocate in one arena, where the C library has arenas (mallopt(3), M_ARENA_MAX).
void clinux_use_one_arena(void);

#endif

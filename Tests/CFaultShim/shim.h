#ifndef SHIM_H
#define SHIM_H

#include <stdbool.h>
#include <sys/types.h>

/// What is called. The order is that of the names in tally.c.
enum call {
    CALL_OPEN, CALL_PREAD, CALL_PWRITE, CALL_FTRUNCATE, CALL_FALLOCATE, CALL_FSYNC, CALL_FDATASYNC, CALL_SYNCFS, CALL_RENAME, CALL_UNLINK,
    CALL_MKDIR, CALL_LINK, CALL_CLOSE, CALL_FSTAT, CALL_LOCK, CALL_FREESPACE, CALL_COUNT
};

/// The calls that `call=*` stands for: between two of them nothing on the disk differs.
#define CALL_CHANGES(call) ((call) < CALL_CLOSE && (call) != CALL_PREAD)

/// Whose file it is. The order is that of the names in tally.c.
enum place {
    PLACE_NONE, PLACE_DB, PLACE_WAL, PLACE_SHM, PLACE_JOURNAL, PLACE_LOCK, PLACE_RESERVE, PLACE_DBFOLDER, PLACE_PAYLOAD, PLACE_PARTS, PLACE_FOLDER,
    PLACE_COPY, PLACE_COUNT
};

/// What becomes of one call.
struct verdict {
    /// The errno that it fails with; 0 when it is made.
    int error;
    /// Only half of the bytes.
    bool is_short;
    /// The process ends when the call is made.
    bool kills_after;
    /// A failed sync whose pages are gone.
    bool loses;
};

// place.c
enum place place_of_path(int directory, const char *path, int flags);
enum place place_of_descriptor(int descriptor);
void place_descriptor(int descriptor, enum place place);

// tally.c
extern const char *const call_names[CALL_COUNT];
extern const char *const place_names[PLACE_COUNT];
void tally(enum call call, enum place place);

// rules.c
struct verdict decide(enum call call, enum place place);
/// Whether a rule may ask for ``lose``: only then the writes are remembered.
bool rules_lose(void);
_Noreturn void die(void);

// losses.c
void losses_wrote(int descriptor, off_t offset, ssize_t length);
/// How many writes there were so far: a sync that begins now keeps these.
long losses_position(void);
void losses_synced(int descriptor, long began);
void losses_lose(int descriptor);
/// The same for all payload files: their next syncs fail, too.
void losses_synced_payload(long began);
void losses_lose_payload(void);
/// Whether the file lost something with its volume and no sync of it has failed since; asked once.
bool losses_owe(int descriptor);

// clock.c
/// Gives a payload file that was just written the time that the process believes in.
void clock_touch(int descriptor, enum place place);

/// `syscall(2)` of the C library itself.
long kernel(long number, ...);

#endif

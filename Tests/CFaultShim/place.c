#include "shim.h"

#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/// Descriptors beyond it have no place: a test's process has fewer.
#define DESCRIPTOR_LIMIT 65536

static _Atomic unsigned char places[DESCRIPTOR_LIMIT];

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

static enum place place_beside_database(const char *path, const char *database) {
    static const struct { const char *end; enum place place; } ends[] = {
        {"", PLACE_DB}, {"-wal", PLACE_WAL}, {"-shm", PLACE_SHM}, {"-journal", PLACE_JOURNAL}, {".lock", PLACE_LOCK}, {".reserve", PLACE_RESERVE},
    };
    size_t length = strlen(database);
    if (strncmp(path, database, length) == 0) {
        for (size_t n = 0; n < sizeof ends / sizeof *ends; n++) {
            if (strcmp(path + length, ends[n].end) == 0) return ends[n].place;
        }
        // Backups, databases in the making, and what was set aside: `<database>.unfinished`, `<database>.backup-…`.
        return path[length] == '.' ? PLACE_COPY : PLACE_NONE;
    }
    const char *name = strrchr(database, '/');
    bool is_folder = name != NULL && strlen(path) == (size_t)(name - database) && strncmp(path, database, strlen(path)) == 0;
    return is_folder ? PLACE_DBFOLDER : PLACE_NONE;
}

static enum place place_of_whole_path(const char *path, int flags) {
    const char *database = getenv("PIECES_FAULT_DATABASE"), *output = getenv("PIECES_FAULT_OUTPUT");
    if (database != NULL) {
        enum place place = place_beside_database(path, database);
        if (place != PLACE_NONE) return place;
    }
    if (output == NULL) return PLACE_NONE;
    size_t length = strlen(output);
    if (strncmp(path, output, length) != 0 || (path[length] != '/' && path[length] != 0)) return PLACE_NONE;
    if (path[length] == 0 || (flags & O_DIRECTORY) != 0) return PLACE_FOLDER;
    return ends_with(path, ".parts") ? PLACE_PARTS : PLACE_PAYLOAD;
}

/// The path of what the link in /proc names, with a `/` behind it; its length, or 0.
static size_t base_of(const char *link, char *buffer, size_t size) {
    long length = kernel(SYS_readlinkat, AT_FDCWD, link, buffer, size - 2);
    if (length <= 0) return 0;
    if (buffer[length - 1] != '/') buffer[length++] = '/';
    buffer[length] = 0;
    return (size_t)length;
}

enum place place_of_path(int directory, const char *path, int flags) {
    char whole[2 * PATH_MAX];
    size_t length = 0;
    if (path[0] != '/') {
        char link[64];
        if (directory == AT_FDCWD) strcpy(link, "/proc/self/cwd"); else snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
        length = base_of(link, whole, PATH_MAX);
        if (length == 0) return PLACE_NONE;
    }
    if (strlen(path) >= PATH_MAX) return PLACE_NONE;
    strcpy(whole + length, path);
    // `.` of a descriptor is how a directory is opened again.
    if (ends_with(whole, "/.")) whole[strlen(whole) - 2] = 0;
    return place_of_whole_path(whole, flags);
}

enum place place_of_descriptor(int descriptor) {
    return descriptor >= 0 && descriptor < DESCRIPTOR_LIMIT ? (enum place)atomic_load(&places[descriptor]) : PLACE_NONE;
}

void place_descriptor(int descriptor, enum place place) {
    if (descriptor >= 0 && descriptor < DESCRIPTOR_LIMIT) atomic_store(&places[descriptor], (unsigned char)place);
}

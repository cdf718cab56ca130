#include "shim.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

static long offset(void) {
    static long seconds;
    static bool is_known;
    if (!is_known) {
        const char *text = getenv("PIECES_CLOCK_OFFSET");
        seconds = text == NULL ? 0 : atol(text);
        is_known = true;
    }
    return seconds;
}

static bool is_on_the_wall(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE; }

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = (int)kernel(SYS_clock_gettime, clock, now);
    if (result == 0 && is_on_the_wall(clock)) now->tv_sec += offset();
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    int result = (int)kernel(SYS_gettimeofday, now, zone);
    if (result == 0) now->tv_sec += offset();
    return result;
}

time_t time(time_t *answer) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (answer != NULL) *answer = now.tv_sec;
    return now.tv_sec;
}

void clock_touch(int descriptor, enum place place) {
    if (offset() == 0 || (place != PLACE_PAYLOAD && place != PLACE_PARTS)) return;
    int before = errno;
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}};
    clock_gettime(CLOCK_REALTIME, &times[1]);
    // The kernel's own time is as good a lie where this one can't be told.
    futimens(descriptor, times);
    errno = before;
}

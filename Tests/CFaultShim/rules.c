#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum action { ACTION_NONE, ACTION_KILL_BEFORE, ACTION_KILL_AFTER, ACTION_TEAR, ACTION_ERRNO, ACTION_SHORT, ACTION_LOSE };

/// Any call that changes something, or any place.
#define ANY (-1)
#define RULE_LIMIT 16

struct rule {
    int call, place;
    long nth, times;
    const char *after, *until, *during;
    enum action action;
    int error;
    /// Calls that matched.
    _Atomic long seen;
};

static struct rule rules[RULE_LIMIT];
static _Atomic int rule_count;

static _Noreturn void refuse(const char *what) {
    fprintf(stderr, "PIECES_FAULT has a field that this library doesn't know: %s\n", what);
    abort();
}

static int number_of(const char *name, const char *const *names, int count) {
    if (strcmp(name, "*") == 0) return ANY;
    for (int n = 0; n < count; n++) {
        if (strcmp(names[n], name) == 0) return n;
    }
    refuse(name);
}

static void set_action(struct rule *rule, const char *text) {
    if (strcmp(text, "kill-before") == 0) rule->action = ACTION_KILL_BEFORE;
    else if (strcmp(text, "kill-after") == 0) rule->action = ACTION_KILL_AFTER;
    else if (strcmp(text, "tear") == 0) rule->action = ACTION_TEAR;
    else if (strcmp(text, "short") == 0) rule->action = ACTION_SHORT;
    else if (strcmp(text, "lose") == 0) rule->action = ACTION_LOSE;
    else if (strcmp(text, "eintr") == 0) { rule->action = ACTION_ERRNO; rule->error = EINTR; }
    else if (strncmp(text, "errno:", 6) == 0) { rule->action = ACTION_ERRNO; rule->error = atoi(text + 6); }
    else refuse(text);
}

static void set_field(struct rule *rule, const char *key, const char *value) {
    if (strcmp(key, "call") == 0) rule->call = number_of(value, call_names, CALL_COUNT);
    else if (strcmp(key, "path") == 0) rule->place = number_of(value, place_names, PLACE_COUNT);
    else if (strcmp(key, "nth") == 0) rule->nth = atol(value);
    else if (strcmp(key, "times") == 0) rule->times = strcmp(value, "forever") == 0 ? -1 : atol(value);
    else if (strcmp(key, "after") == 0) rule->after = value;
    else if (strcmp(key, "until") == 0) rule->until = value;
    else if (strcmp(key, "while") == 0) rule->during = value;
    else if (strcmp(key, "do") == 0) set_action(rule, value);
    else refuse(key);
}

__attribute__((constructor)) static void read_rules(void) {
    const char *text = getenv("PIECES_FAULT");
    if (text == NULL || *text == 0) return;
    // The fields are kept where they are, for the life of the process.
    char *copy = strdup(text), *rest = NULL;
    if (copy == NULL) abort();
    int count = 0;
    for (char *one = strtok_r(copy, "|", &rest); one != NULL; one = strtok_r(NULL, "|", &rest)) {
        if (count == RULE_LIMIT) refuse("too many rules");
        struct rule *rule = &rules[count++];
        rule->call = rule->place = ANY;
        rule->nth = rule->times = 1;
        char *fields = NULL;
        for (char *field = strtok_r(one, ";", &fields); field != NULL; field = strtok_r(NULL, ";", &fields)) {
            char *value = strchr(field, '=');
            if (value == NULL) refuse(field);
            *value++ = 0;
            set_field(rule, field, value);
        }
    }
    atomic_store(&rule_count, count);
}

static bool exists(const char *path) { return kernel(SYS_faccessat, AT_FDCWD, path, F_OK) == 0; }

static bool applies(struct rule *rule, enum call call, enum place place) {
    if (rule->call == ANY ? !CALL_CHANGES(call) : rule->call != (int)call) return false;
    if (rule->place != ANY && rule->place != (int)place) return false;
    if (rule->after != NULL && !exists(rule->after)) return false;
    long number = atomic_fetch_add(&rule->seen, 1) + 1;
    if (number < rule->nth || (rule->times >= 0 && number >= rule->nth + rule->times)) return false;
    if (rule->during != NULL && !exists(rule->during)) return false;
    return rule->until == NULL || !exists(rule->until);
}

struct verdict decide(enum call call, enum place place) {
    struct verdict verdict = {0};
    int before = errno;
    tally(call, place);
    int count = atomic_load(&rule_count);
    for (int n = 0; n < count; n++) {
        if (!applies(&rules[n], call, place)) continue;
        switch (rules[n].action) {
        case ACTION_NONE: break;
        case ACTION_KILL_BEFORE: die();
        case ACTION_KILL_AFTER: verdict.kills_after = true; break;
        case ACTION_TEAR: verdict.is_short = verdict.kills_after = true; break;
        case ACTION_SHORT: verdict.is_short = true; break;
        case ACTION_ERRNO: verdict.error = rules[n].error; break;
        case ACTION_LOSE: verdict.error = EIO; verdict.loses = true; break;
        }
    }
    errno = before;
    return verdict;
}

bool rules_lose(void) {
    int count = atomic_load(&rule_count);
    for (int n = 0; n < count; n++) {
        if (rules[n].action == ACTION_LOSE) return true;
    }
    return false;
}

_Noreturn void die(void) {
    kernel(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

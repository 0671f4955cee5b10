/* generation.h - the workers that share one snapshot.
 *
 * STARTING -> READY -> ACTIVE -> DRAINING; STARTING or READY -> FAILED. Everything is driven by
 * the master: a generation that changed tells it through changed(), which must do no more than
 * schedule work for later. Children are reaped by the master and handed in.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_PROCESS_GENERATION_H
#define PROXY_PROCESS_GENERATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <event2/event.h>

#include "process/control.h"
#include "process/shm.h"
#include "process/spawn.h"

enum generation_state {
    GENERATION_STARTING, /* awaits READY of every worker; each has start_timeout_ms */
    GENERATION_READY,    /* all are ready, none accepts yet */
    GENERATION_FAILED,   /* one died or was late before that; only generation_kill() is left */
    GENERATION_ACTIVE,   /* accepts; a worker that dies is replaced */
    GENERATION_DRAINING, /* accepts nothing, ends with its last worker; deadline plus a margin */
};

struct generation_options {
    struct event_base *base; /* borrowed */
    struct shm *shm;         /* borrowed; NULL: no scoreboard */
    unsigned number;
    unsigned slots;
    uint64_t start_timeout_ms;
    uint64_t hang_ms; /* a worker that answers nothing for so long is killed; 0: never */
    process_main_fn main;
    const void *arg; /* for the seat of each process; outlives the generation */
    void (*changed)(void *changed_arg);
    void *changed_arg;
};

struct generation;
/* Forks all workers; when one cannot be forked the state is FAILED at once. */
struct generation *generation_new(const struct generation_options *options);
/* All its processes must be gone. NULL is allowed. */
void generation_free(struct generation *generation);

enum generation_state generation_state(const struct generation *generation);
/* Why it is FAILED; key=value text for the log. */
const char *generation_failure(const struct generation *generation);
unsigned generation_number(const struct generation *generation);
/* Living processes, and those of them that may still accept a connection. */
size_t generation_process_count(const struct generation *generation);
size_t generation_accepting_count(const struct generation *generation);

/* True when the slot has a worker that was told to accept, has not said that it leaves, and answers
 * the master. */
bool generation_is_slot_accepting(const struct generation *generation, unsigned slot);

/* READY only: the workers begin to accept. */
void generation_activate(struct generation *generation);
/* No replacements any more. May be repeated with a shorter deadline. What is left 2 s after the
 * deadline is killed. */
void generation_drain(struct generation *generation, uint64_t grace_ms, uint64_t deadline_ms);
/* Asks every process to close everything at once; what is left after half a second is killed. */
void generation_stop(struct generation *generation);
/* SIGKILL. */
void generation_kill(struct generation *generation);
/* A reopened log for every process. */
void generation_set_log(struct generation *generation, enum control_log log, int fd);
/* The CRLs of a site for every process; fd is borrowed. */
void generation_set_crls(struct generation *generation, size_t site, int fd);
/* True when the process was one of this generation. */
bool generation_reaped(struct generation *generation, pid_t pid, int status);

#endif

/* shm.h - the one region of memory that the master shares with all its processes.
 *
 * Made before the first fork and never resized; every process has it at the same address. Layers
 * that need shared memory are handed pointers into it and know nothing of the rest. It holds
 * secrets, so it is locked when the limit allows and left out of core dumps.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_PROCESS_SHM_H
#define PROXY_PROCESS_SHM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "process/control.h"

#define SHM_VERSION 2U

enum slot_state { SLOT_EMPTY, SLOT_STARTING, SLOT_READY, SLOT_ACCEPTING, SLOT_DRAINING };

/* The scoreboard: who serves a slot now. Written by the master alone, read by anybody; a group of
 * cache lines of its own for each slot. */
struct shm_slot {
    _Alignas(64) _Atomic uint32_t kind; /* enum process_kind */
    _Atomic uint32_t state;             /* enum slot_state */
    _Atomic int32_t pid;                /* 0: nobody */
    _Atomic uint32_t generation;
    _Atomic uint64_t started_ms; /* clock_monotonic_ms() */
    _Atomic uint64_t starts;     /* how many processes this slot has had */
};

struct shm { /* the header, at the start of the region */
    uint32_t magic;
    uint32_t version; /* SHM_VERSION */
    uint64_t size;    /* of the whole region, in bytes */
    uint32_t slot_count;
    uint32_t slots_offset;
    uint32_t keys_offset;
    uint32_t keys_size;
    uint64_t store_offset;
    uint64_t store_size;
};

/* A zeroed region with room for keys_size bytes of ticket keys, store_size bytes of sessions and
 * slot_count slots; NULL with errno set when the kernel has no memory for it. Of the sessions only
 * the pages that are used take memory. */
MUST_USE struct shm *shm_new(size_t keys_size, size_t store_size, unsigned slot_count);
/* Wipes the ticket keys and unmaps; whoever filled the store wipes it. The other processes keep
 * their mapping. NULL is allowed. */
void shm_free(struct shm *shm);
void *shm_keys(struct shm *shm);
void *shm_store(struct shm *shm);
struct shm_slot *shm_slot(struct shm *shm, unsigned slot);

#endif

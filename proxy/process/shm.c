/* SPDX-License-Identifier: MIT */
#include "process/shm.h"

#include <assert.h>
#include <sys/mman.h>
#include <unistd.h>

#include <openssl/crypto.h>

#define SHM_MAGIC 0x4d505348U /* "MPSH" */

static size_t round_up(size_t value, size_t unit)
{
    return (value + unit - 1) / unit * unit;
}

struct shm *shm_new(size_t keys_size, size_t store_size, unsigned slot_count)
{
    size_t line = _Alignof(struct shm_slot);
    size_t keys_offset = round_up(sizeof(struct shm), line);
    size_t slots_offset = round_up(keys_offset + keys_size, line);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t store_offset = round_up(slots_offset + slot_count * sizeof(struct shm_slot), page);
    size_t size = round_up(store_offset + store_size, page);
    void *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    /* Best effort both: RLIMIT_MEMLOCK may be small, and the keys live an hour or two. On fault,
     * because most of the store may never be used; keys and slots at least, when it is too much. */
    if (mlock2(memory, size, MLOCK_ONFAULT) < 0)
        (void)mlock2(memory, store_offset, MLOCK_ONFAULT);
    (void)madvise(memory, size, MADV_DONTDUMP);
    struct shm *shm = memory;
    *shm = (struct shm){.magic = SHM_MAGIC,
                        .version = SHM_VERSION,
                        .size = size,
                        .slot_count = slot_count,
                        .slots_offset = (uint32_t)slots_offset,
                        .keys_offset = (uint32_t)keys_offset,
                        .keys_size = (uint32_t)keys_size,
                        .store_offset = store_offset,
                        .store_size = store_size};
    return shm;
}

void shm_free(struct shm *shm)
{
    if (shm == NULL)
        return;
    OPENSSL_cleanse(shm_keys(shm), shm->keys_size);
    (void)munmap(shm, shm->size);
}

void *shm_keys(struct shm *shm)
{
    assert(shm->magic == SHM_MAGIC && shm->version == SHM_VERSION);
    return (unsigned char *)shm + shm->keys_offset;
}

void *shm_store(struct shm *shm)
{
    assert(shm->magic == SHM_MAGIC && shm->version == SHM_VERSION);
    return (unsigned char *)shm + shm->store_offset;
}

struct shm_slot *shm_slot(struct shm *shm, unsigned slot)
{
    assert(shm->magic == SHM_MAGIC && shm->version == SHM_VERSION);
    assert(slot < shm->slot_count);
    void *slots = (unsigned char *)shm + shm->slots_offset;
    return (struct shm_slot *)slots + slot;
}

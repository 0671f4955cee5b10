/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/shm.h"
#include "unit/unit.h"

START_TEST(keeps_keys_and_slots_apart_whatever_their_sizes)
{
    static const struct {
        size_t keys;
        size_t store;
        unsigned slots;
    } CASES[] = {{0, 0, 1},  {1, 1, 1},       {63, 64, 3},
                 {64, 0, 2}, {65, 4097, 256}, {5000, 1000000, 64}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct shm *shm = shm_new(CASES[i].keys, CASES[i].store, CASES[i].slots);
        ck_assert_ptr_nonnull(shm);
        ck_assert_uint_eq(shm->version, SHM_VERSION);
        unsigned char *keys = shm_keys(shm);
        unsigned char *first = (unsigned char *)shm_slot(shm, 0);
        unsigned char *end = (unsigned char *)(shm_slot(shm, CASES[i].slots - 1) + 1);
        ck_assert((uintptr_t)keys % 64 == 0 && (uintptr_t)first % 64 == 0);
        ck_assert(keys >= (unsigned char *)(shm + 1) && keys + CASES[i].keys <= first);
        unsigned char *store = shm_store(shm);
        ck_assert((uintptr_t)store % 64 == 0 && store >= end);
        ck_assert(store + CASES[i].store <= (unsigned char *)shm + shm->size);
        memset(keys, 0xff, CASES[i].keys);
        memset(store, 0xff, CASES[i].store);
        for (unsigned slot = 0; slot < CASES[i].slots; slot++)
            ck_assert_int_eq(shm_slot(shm, slot)->pid, 0);
        shm_free(shm);
    }
    shm_free(NULL);
}
END_TEST

START_TEST(is_the_same_memory_in_every_process)
{
    struct shm *shm = shm_new(32, 0, 2);
    ck_assert_ptr_nonnull(shm);
    pid_t pid = fork();
    if (pid == 0) {
        shm_slot(shm, 1)->starts = 42;
        memcpy(shm_keys(shm), "written by the child", 21);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    ck_assert_uint_eq(shm_slot(shm, 1)->starts, 42);
    ck_assert_str_eq(shm_keys(shm), "written by the child");
    shm_free(shm);
}
END_TEST

/* A core dump of a worker must not hold the ticket keys. */
START_TEST(is_left_out_of_core_dumps)
{
    struct shm *shm = shm_new(32, 0, 1);
    char wanted[32];
    char line[256];
    bool is_here = false;
    bool is_dontdump = false;
    (void)snprintf(wanted, sizeof wanted, "%lx-", (unsigned long)(uintptr_t)shm);
    FILE *smaps = fopen("/proc/self/smaps", "re");
    ck_assert_ptr_nonnull(smaps);
    while (fgets(line, sizeof line, smaps) != NULL && !is_dontdump) {
        is_here = is_here || strncmp(line, wanted, strlen(wanted)) == 0;
        if (is_here && strncmp(line, "VmFlags:", 8) == 0) {
            is_dontdump = strstr(line, " dd") != NULL;
            break;
        }
    }
    (void)fclose(smaps);
    ck_assert(is_here && is_dontdump);
    shm_free(shm);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("shm");
    TCase *tcase = tcase_create("shm");
    tcase_add_test(tcase, keeps_keys_and_slots_apart_whatever_their_sizes);
    tcase_add_test(tcase, is_the_same_memory_in_every_process);
    tcase_add_test(tcase, is_left_out_of_core_dumps);
    suite_add_tcase(suite, tcase);
    return suite;
}

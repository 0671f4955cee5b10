/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "tls/tls_table.h"
#include "unit/unit.h"

enum { COUNT = 1000, VALUE_SIZE = 100 };

static struct tls_table *table;
static size_t table_bytes;

static void setup(void)
{
    table_bytes = tls_table_size(COUNT, VALUE_SIZE);
    void *memory =
        mmap(NULL, table_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(memory, MAP_FAILED);
    table = tls_table_init(memory, COUNT, VALUE_SIZE);
}

static void teardown(void)
{
    (void)munmap(table, table_bytes);
}

/* A key as a digest would give it; no two numbers the same. */
static void make_key(uint32_t number, unsigned char key[TLS_TABLE_KEY_SIZE])
{
    uint32_t mixed = number;
    for (size_t i = 0; i < TLS_TABLE_KEY_SIZE; i += sizeof mixed) {
        mixed = mixed * 2654435761U + 12345;
        mixed ^= mixed >> 15;
        memcpy(key + i, &mixed, sizeof mixed);
    }
    memcpy(key + TLS_TABLE_KEY_SIZE - sizeof number, &number, sizeof number);
}

static bool put(uint32_t number)
{
    unsigned char key[TLS_TABLE_KEY_SIZE];
    unsigned char value[VALUE_SIZE];
    make_key(number, key);
    memset(value, (int)number, sizeof value);
    return tls_table_put(table, key, value, 1 + number % VALUE_SIZE);
}

enum look { ABSENT, WHOLE, TORN };

static enum look look_for(uint32_t number)
{
    unsigned char key[TLS_TABLE_KEY_SIZE];
    unsigned char value[VALUE_SIZE];
    size_t len = 0;
    make_key(number, key);
    if (!tls_table_get(table, key, value, &len))
        return ABSENT;
    if (len != 1 + number % VALUE_SIZE)
        return TORN;
    for (size_t i = 0; i < len; i++) {
        if (value[i] != (unsigned char)number)
            return TORN;
    }
    return WHOLE;
}

/* There, and whole. */
static bool has(uint32_t number)
{
    enum look look = look_for(number);
    ck_assert(look != TORN);
    return look == WHOLE;
}

START_TEST(gives_back_what_was_put_and_nothing_else)
{
    ck_assert(!has(1));
    for (uint32_t i = 0; i < COUNT / 2; i++)
        ck_assert(put(i));
    for (uint32_t i = 0; i < COUNT / 2; i++)
        ck_assert(has(i));
    ck_assert(!has(COUNT));
    unsigned char key[TLS_TABLE_KEY_SIZE];
    make_key(7, key);
    key[TLS_TABLE_KEY_SIZE - 1] ^= 1; /* the same bucket and tag */
    unsigned char value[VALUE_SIZE];
    size_t len;
    ck_assert(!tls_table_get(table, key, value, &len));
}
END_TEST

START_TEST(loses_the_oldest_first_when_it_is_full)
{
    for (uint32_t i = 0; i < 3 * COUNT; i++)
        ck_assert(put(i));
    size_t missing = 0;
    for (uint32_t i = 2 * COUNT; i < 3 * COUNT; i++)
        missing += !has(i);
    /* A bucket of the index may be full. */
    ck_assert_uint_le(missing, COUNT / 100);
    for (uint32_t i = 0; i < 2 * COUNT; i++)
        ck_assert(!has(i));
}
END_TEST

START_TEST(tells_the_younger_half)
{
    unsigned char key[TLS_TABLE_KEY_SIZE];
    make_key(0, key);
    ck_assert(!tls_table_has_young(table, key));
    for (uint32_t i = 0; i < COUNT / 2; i++)
        ck_assert(put(i));
    ck_assert(tls_table_has_young(table, key));
    ck_assert(put(COUNT));
    ck_assert(!tls_table_has_young(table, key) && has(0));
}
END_TEST

static bool contains(const char *bytes, size_t len)
{
    return memmem(table, table_bytes, bytes, len) != NULL;
}

static bool is_anything(const void *value, size_t len, const void *arg)
{
    (void)value;
    (void)arg;
    return len > 0;
}

START_TEST(wipes_what_is_removed_overwritten_or_cleansed)
{
    static const char SECRET[] = "a secret nobody may find in a core dump";
    unsigned char key[TLS_TABLE_KEY_SIZE];
    for (int how = 0; how < 4; how++) {
        make_key(12345, key);
        ck_assert(tls_table_put(table, key, SECRET, sizeof SECRET));
        ck_assert(contains(SECRET, sizeof SECRET));
        if (how == 0) {
            tls_table_remove(table, key);
        } else if (how == 1) {
            tls_table_remove_if(table, is_anything, NULL);
        } else if (how == 2) {
            for (uint32_t i = 0; i < COUNT; i++)
                ck_assert(put(1));
        } else {
            tls_table_cleanse(table);
        }
        ck_assert_msg(!contains(SECRET, sizeof SECRET), "way %d", how);
        ck_assert(!has(12345));
    }
}
END_TEST

static bool die(const void *value, size_t len, const void *arg)
{
    (void)value;
    (void)len;
    (void)arg;
    (void)raise(SIGKILL);
    return true;
}

/* kill -9 at the worst moment: under a lock. */
START_TEST(outlives_the_owner_of_a_lock)
{
    for (uint32_t i = 0; i < COUNT; i++)
        ck_assert(put(i));
    pid_t pid = fork();
    if (pid == 0) {
        tls_table_remove_if(table, die, NULL);
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    size_t missing = 0;
    for (uint32_t i = 0; i < COUNT; i++)
        missing += !has(i);
    /* What its lock guarded cannot be trusted; the rest is as it was. */
    ck_assert_uint_ge(missing, 1);
    ck_assert_uint_le(missing, 16);
    for (uint32_t i = COUNT; i < 2 * COUNT; i++)
        ck_assert(put(i));
    for (uint32_t i = 2 * COUNT - COUNT / 2; i < 2 * COUNT; i++)
        ck_assert(has(i));
}
END_TEST

static bool wait_for_end(const void *value, size_t len, const void *arg)
{
    (void)value;
    (void)len;
    const int *pipe_fds = arg;
    char byte = 1;
    (void)!write(pipe_fds[1], &byte, 1);
    return pause() < 0;
}

START_TEST(waits_for_nobody_who_stands_still)
{
    int fds[2];
    char byte;
    for (uint32_t i = 0; i < COUNT; i++)
        ck_assert(put(i));
    ck_assert_int_eq(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        tls_table_remove_if(table, wait_for_end, fds);
        _exit(0);
    }
    ck_assert_int_eq(read(fds[0], &byte, 1), 1);
    size_t missing = 0;
    for (uint32_t i = 0; i < COUNT; i++)
        missing += !has(i);
    ck_assert_uint_ge(missing, 1);
    ck_assert_uint_le(missing, 16);
    for (uint32_t i = COUNT; i < 3 * COUNT; i++)
        ck_assert(put(i)); /* elsewhere */
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    (void)close(fds[0]);
    (void)close(fds[1]);
}
END_TEST

NORETURN static void hammer(unsigned seed)
{
    for (uint32_t i = 0;; i++) {
        uint32_t number = (i * 7919 + seed) % (2 * COUNT);
        (void)put(number);
        /* No ck_assert here: a child that is killed inside Check's own message leaves half of it.
         */
        if (look_for(number ^ 5) == TORN)
            abort();
    }
}

START_TEST(never_shows_a_torn_value_while_writers_are_killed)
{
    for (unsigned round = 0; round < 10; round++) {
        pid_t pids[2];
        for (unsigned i = 0; i < 2; i++) {
            pids[i] = fork();
            if (pids[i] == 0)
                hammer(round * 31 + i);
        }
        for (uint32_t i = 0; i < 1000; i++) {
            (void)has(i % (2 * COUNT));
            (void)put((i * 13) % (2 * COUNT));
        }
        for (unsigned i = 0; i < 2; i++) {
            ck_assert_int_eq(kill(pids[i], SIGKILL), 0);
            int status = 0;
            ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
            ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        }
    }
    for (uint32_t i = 0; i < COUNT / 2; i++)
        ck_assert(put(i));
    for (uint32_t i = 0; i < COUNT / 2; i++)
        ck_assert(has(i));
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("tls_table");
    TCase *tcase = tcase_create("tls_table");
    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, gives_back_what_was_put_and_nothing_else);
    tcase_add_test(tcase, loses_the_oldest_first_when_it_is_full);
    tcase_add_test(tcase, tells_the_younger_half);
    tcase_add_test(tcase, wipes_what_is_removed_overwritten_or_cleansed);
    tcase_add_test(tcase, outlives_the_owner_of_a_lock);
    tcase_add_test(tcase, waits_for_nobody_who_stands_still);
    tcase_add_test(tcase, never_shows_a_torn_value_while_writers_are_killed);
    suite_add_tcase(suite, tcase);
    return suite;
}

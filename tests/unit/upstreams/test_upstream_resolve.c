/* SPDX-License-Identifier: MIT */
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/unit.h"
#include "upstreams/upstream_resolve.h"

static struct resolved made_of(const char *const *hosts, size_t count)
{
    struct resolved resolved = {.count = count};
    for (size_t i = 0; i < count; i++)
        ck_assert(addr_from_numeric(hosts[i], 80, &resolved.addrs[i]));
    return resolved;
}

static const char *const ONE[] = {"192.0.2.1"};
static const char *const TWO[] = {"192.0.2.1", "2001:db8::1"};
static const char *const TURNED[] = {"2001:db8::1", "192.0.2.1"};

/* What the next lookup answers: the host is the script. */
static int answer(const char *host, unsigned port, struct resolved *ret_resolved)
{
    ck_assert_uint_eq(port, 80);
    if (strcmp(host, "none") == 0)
        return EAI_NONAME;
    if (strcmp(host, "one") == 0)
        *ret_resolved = made_of(ONE, 1);
    else if (strcmp(host, "two") == 0)
        *ret_resolved = made_of(TWO, 2);
    else
        *ret_resolved = made_of(TURNED, 2);
    return 0;
}

START_TEST(readers_see_what_was_written_and_only_once)
{
    struct resolve_slot *slot = resolve_slots_new(1);
    struct resolved got;
    uint64_t seen = 0;
    ck_assert(!resolve_slot_read(slot, &seen, &got));
    struct resolved two = made_of(TWO, 2);
    resolve_slot_write(slot, &two);
    ck_assert(resolve_slot_read(slot, &seen, &got));
    ck_assert_mem_eq(&got, &two, sizeof got);
    ck_assert(!resolve_slot_read(slot, &seen, &got));
    uint64_t other_reader = 0;
    ck_assert(resolve_slot_read(slot, &other_reader, &got));
    resolve_slots_free(slot, 1);
}
END_TEST

START_TEST(only_what_is_new_is_written)
{
    static const struct {
        const char *host;
        bool is_new;
        uint64_t count;
        int error;
    } STEPS[] = {
        {"none", true, 0, EAI_NONAME},
        {"none", false, 0, EAI_NONAME},
        {"two", true, 2, 0},
        {"two", false, 2, 0},
        {"turned", false, 2, 0}, /* the same set */
        {"one", true, 1, 0},
        {"none", true, 1, EAI_NONAME}, /* stale is better than none */
        {"none", false, 1, EAI_NONAME},
        {"one", true, 1, 0},
        {"two", true, 2, 0},
    };
    struct resolve_slot *slot = resolve_slots_new(1);
    struct resolved known = {0};
    uint64_t seen = 0;
    for (size_t i = 0; i < sizeof STEPS / sizeof STEPS[0]; i++) {
        struct resolved got;
        bool is_new = resolve_update(slot, answer, STEPS[i].host, 80, &known);
        ck_assert_msg(is_new == STEPS[i].is_new, "step %zu", i);
        ck_assert_msg(resolve_slot_read(slot, &seen, &got) == is_new, "step %zu", i);
        if (!is_new)
            continue;
        ck_assert_uint_eq(got.count, STEPS[i].count);
        ck_assert_int_eq(got.error, STEPS[i].error);
    }
    resolve_slots_free(slot, 1);
}
END_TEST

/* A writer of another process, as fast as it can: no reader ever sees half of one answer and half
 * of another. */
START_TEST(a_reader_never_sees_a_mixture)
{
    struct resolve_slot *slot = resolve_slots_new(1);
    pid_t writer = fork();
    if (writer == 0) {
        struct resolved all[2];
        memset(&all[0], 0, sizeof all[0]);
        memset(&all[1], 0xff, sizeof all[1]);
        for (unsigned i = 0; i < 200000; i++)
            resolve_slot_write(slot, &all[i % 2]);
        _exit(0);
    }
    int status = 0;
    uint64_t seen = 0;
    while (waitpid(writer, &status, WNOHANG) == 0) {
        struct resolved got;
        if (!resolve_slot_read(slot, &seen, &got))
            continue;
        const unsigned char *bytes = (const unsigned char *)&got;
        ck_assert_mem_eq(bytes, bytes + 1, sizeof got - 1);
    }
    ck_assert_int_eq(status, 0);
    resolve_slots_free(slot, 1);
}
END_TEST

START_TEST(a_writer_that_was_killed_leaves_a_slot_that_the_next_one_repairs)
{
    struct resolve_slot *slot = resolve_slots_new(1);
    struct resolved one = made_of(ONE, 1);
    struct resolved got;
    uint64_t seen = 0;
    *(uint64_t *)(void *)slot = 1; /* its version: being written */
    ck_assert(!resolve_slot_read(slot, &seen, &got));
    resolve_slot_write(slot, &one);
    ck_assert(resolve_slot_read(slot, &seen, &got));
    ck_assert_uint_eq(got.count, 1);
    resolve_slots_free(slot, 1);
}
END_TEST

START_TEST(a_numeric_name_resolves_to_itself)
{
    struct resolved got;
    struct addr wanted;
    ck_assert(addr_from_numeric("127.0.0.1", 8080, &wanted));
    ck_assert_int_eq(resolve_name("127.0.0.1", 8080, &got), 0);
    ck_assert_uint_eq(got.count, 1);
    ck_assert(addr_equal(&got.addrs[0], &wanted));
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("upstream_resolve");
    TCase *tcase = tcase_create("upstream_resolve");
    tcase_add_test(tcase, readers_see_what_was_written_and_only_once);
    tcase_add_test(tcase, only_what_is_new_is_written);
    tcase_add_test(tcase, a_reader_never_sees_a_mixture);
    tcase_add_test(tcase, a_writer_that_was_killed_leaves_a_slot_that_the_next_one_repairs);
    tcase_add_test(tcase, a_numeric_name_resolves_to_itself);
    suite_add_tcase(suite, tcase);
    return suite;
}

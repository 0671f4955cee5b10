/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "process/listeners.h"
#include "unit/unit.h"

#define SLOTS    2U
#define BAD_PORT 666

/* Stands in for the network: a descriptor of /dev/null for each slot; port 0 becomes a new one. */
static int fake_open(struct addr *addr, unsigned slots, int *ret_fds)
{
    static uint16_t next_port = 40000;
    struct sockaddr_in *in = (void *)&addr->storage;
    if (ntohs(in->sin_port) == BAD_PORT)
        return -EADDRINUSE;
    if (in->sin_port == 0)
        in->sin_port = htons(next_port++);
    for (unsigned i = 0; i < slots; i++)
        ret_fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return 0;
}

static struct listener_wish wish(uint16_t port, bool is_https)
{
    struct listener_wish wanted = {.addr = {.len = sizeof(struct sockaddr_in)},
                                   .is_https = is_https};
    struct sockaddr_in *in = (void *)&wanted.addr.storage;
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return wanted;
}

static struct listener_set prepare(struct listeners *listeners, const struct listener_wish *wishes,
                                   size_t count)
{
    struct listener_set set;
    size_t failed;
    ck_assert_int_eq(listeners_prepare(listeners, wishes, count, &set, &failed), 0);
    ck_assert_uint_eq(set.count, count);
    return set;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) != -1;
}

START_TEST(keeps_sockets_by_address_in_whatever_order)
{
    struct listeners *listeners = listeners_new(SLOTS, fake_open);
    struct listener_wish first[] = {wish(443, true), wish(80, false)};
    struct listener_wish second[] = {wish(80, false), wish(8443, true), wish(443, true)};
    struct listener_set before = prepare(listeners, first, 2);
    listeners_commit(listeners);
    struct listener_set after = prepare(listeners, second, 3);
    listeners_commit(listeners);
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        ck_assert_int_eq(before.fds[0 * SLOTS + slot], after.fds[2 * SLOTS + slot]);
        ck_assert_int_eq(before.fds[1 * SLOTS + slot], after.fds[0 * SLOTS + slot]);
    }
    ck_assert_uint_eq(listeners_count(listeners), 3);
    listener_set_clear(&before);
    listener_set_clear(&after);
    listeners_free(listeners);
}
END_TEST

START_TEST(a_fixed_address_is_kept_when_its_scheme_changes)
{
    struct listeners *listeners = listeners_new(SLOTS, fake_open);
    struct listener_wish plain = wish(8443, false);
    struct listener_wish tls = wish(8443, true);
    struct listener_set before = prepare(listeners, &plain, 1);
    listeners_commit(listeners);
    struct listener_set after = prepare(listeners, &tls, 1);
    ck_assert_int_eq(before.fds[0], after.fds[0]);
    listener_set_clear(&before);
    listener_set_clear(&after);
    listeners_free(listeners);
}
END_TEST

START_TEST(any_free_port_stays_the_port_it_became)
{
    struct listeners *listeners = listeners_new(SLOTS, fake_open);
    struct listener_wish first[] = {wish(0, true), wish(0, false), wish(0, true)};
    struct listener_wish second[] = {wish(0, false), wish(0, true)};
    struct listener_set before = prepare(listeners, first, 3);
    listeners_commit(listeners);
    ck_assert_uint_ne(addr_port(&before.addrs[0]), 0);
    ck_assert(!addr_equal(&before.addrs[0], &before.addrs[2]));
    struct listener_set after = prepare(listeners, second, 2);
    listeners_commit(listeners);
    ck_assert(addr_equal(&before.addrs[1], &after.addrs[0]));
    ck_assert(addr_equal(&before.addrs[0], &after.addrs[1]));
    listeners_close_retired(listeners);
    ck_assert_uint_eq(listeners_count(listeners), 2);
    ck_assert(!is_open(before.fds[2 * SLOTS]));
    listener_set_clear(&before);
    listener_set_clear(&after);
    listeners_free(listeners);
}
END_TEST

START_TEST(a_bind_failure_changes_nothing)
{
    struct listeners *listeners = listeners_new(SLOTS, fake_open);
    struct listener_wish first[] = {wish(443, true)};
    struct listener_wish second[] = {wish(80, false), wish(443, true), wish(BAD_PORT, false)};
    struct listener_set before = prepare(listeners, first, 1);
    listeners_commit(listeners);
    struct listener_set after = {.count = 4711};
    size_t failed = 0;
    ck_assert_int_eq(listeners_prepare(listeners, second, 3, &after, &failed), -EADDRINUSE);
    ck_assert_uint_eq(failed, 2);
    ck_assert_uint_eq(after.count, 4711);
    ck_assert_uint_eq(listeners_count(listeners), 1);
    ck_assert(is_open(before.fds[0]) && is_open(before.fds[1]));
    listeners_close_retired(listeners);
    ck_assert_uint_eq(listeners_count(listeners), 1);
    listener_set_clear(&before);
    listeners_free(listeners);
}
END_TEST

START_TEST(a_rollback_closes_what_was_opened_and_keeps_the_rest)
{
    struct listeners *listeners = listeners_new(SLOTS, fake_open);
    struct listener_wish first[] = {wish(443, true), wish(80, false)};
    struct listener_wish second[] = {wish(443, true), wish(81, false)};
    struct listener_set before = prepare(listeners, first, 2);
    listeners_commit(listeners);
    struct listener_set after = prepare(listeners, second, 2);
    listeners_rollback(listeners);
    listeners_close_retired(listeners);
    ck_assert_uint_eq(listeners_count(listeners), 2);
    ck_assert(is_open(before.fds[2]) && !is_open(after.fds[2]));
    listener_set_clear(&before);
    listener_set_clear(&after);
    listeners_free(listeners);
}
END_TEST

START_TEST(a_retired_binding_that_comes_back_is_the_same_socket)
{
    struct listeners *listeners = listeners_new(SLOTS, fake_open);
    struct listener_wish both[] = {wish(443, true), wish(80, false)};
    struct listener_set first = prepare(listeners, both, 2);
    listeners_commit(listeners);
    struct listener_set second = prepare(listeners, both, 1);
    listeners_commit(listeners);
    ck_assert_uint_eq(listeners_count(listeners), 2);
    struct listener_set third = prepare(listeners, both, 2);
    listeners_commit(listeners);
    listeners_close_retired(listeners);
    ck_assert_int_eq(first.fds[2], third.fds[2]);
    ck_assert(is_open(third.fds[2]) && is_open(third.fds[3]));
    listener_set_clear(&first);
    listener_set_clear(&second);
    listener_set_clear(&third);
    listeners_free(listeners);
}
END_TEST

START_TEST(closes_everything_at_the_end)
{
    struct listeners *listeners = listeners_new(SLOTS, fake_open);
    struct listener_wish both[] = {wish(443, true), wish(80, false)};
    struct listener_set set = prepare(listeners, both, 2);
    listeners_commit(listeners);
    listeners_close_all(listeners);
    for (size_t i = 0; i < set.count * SLOTS; i++)
        ck_assert(!is_open(set.fds[i]));
    ck_assert_uint_eq(listeners_count(listeners), 0);
    listener_set_clear(&set);
    listeners_free(listeners);
    listeners_free(NULL);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("listeners");
    TCase *tcase = tcase_create("listeners");
    tcase_add_test(tcase, keeps_sockets_by_address_in_whatever_order);
    tcase_add_test(tcase, a_fixed_address_is_kept_when_its_scheme_changes);
    tcase_add_test(tcase, any_free_port_stays_the_port_it_became);
    tcase_add_test(tcase, a_bind_failure_changes_nothing);
    tcase_add_test(tcase, a_rollback_closes_what_was_opened_and_keeps_the_rest);
    tcase_add_test(tcase, a_retired_binding_that_comes_back_is_the_same_socket);
    tcase_add_test(tcase, closes_everything_at_the_end);
    suite_add_tcase(suite, tcase);
    return suite;
}

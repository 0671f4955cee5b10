/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

/* ---- sockets of others ---- */

static int listening(struct listener_wish *ret_wish)
{
    struct listener_wish wanted = wish(0, true);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr *local = (void *)&wanted.addr.storage;
    ck_assert_int_eq(bind(fd, local, wanted.addr.len), 0);
    ck_assert_int_eq(listen(fd, 5), 0);
    ck_assert_int_eq(getsockname(fd, local, &wanted.addr.len), 0);
    *ret_wish = wanted;
    return fd;
}

static bool is_listening(int fd)
{
    int value = 0;
    socklen_t len = sizeof value;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len) == 0 && value == 1;
}

static struct inherited inherited_of(struct inherited_socket *sockets, size_t count)
{
    struct inherited_socket *copy = calloc(count, sizeof *copy);
    memcpy(copy, sockets, count * sizeof *copy);
    return (struct inherited){.sockets = copy, .count = count, .control_fd = -1};
}

static bool is_same_socket(int a, int b)
{
    struct stat left;
    struct stat right;
    return fstat(a, &left) == 0 && fstat(b, &right) == 0 && left.st_ino == right.st_ino;
}

START_TEST(a_lent_socket_serves_every_slot_and_outlives_us)
{
    struct listener_wish wanted;
    int theirs = listening(&wanted);
    struct inherited_socket socket = {
        .addr = wanted.addr, .fd = fcntl(theirs, F_DUPFD_CLOEXEC, 3), .is_lent = true};
    struct inherited inherited = inherited_of(&socket, 1);
    struct listeners *listeners = listeners_new(SLOTS, fake_open);
    listeners_inherit(listeners, &inherited);
    struct listener_set set = prepare(listeners, &wanted, 1);
    listeners_commit(listeners);
    ck_assert(set.is_lent[0]);
    for (unsigned slot = 0; slot < SLOTS; slot++)
        ck_assert(is_same_socket(set.fds[slot], theirs));
    ck_assert_int_ne(set.fds[0], set.fds[1]);

    /* No configuration names it, and then one does again. */
    struct listener_wish other = wish(8080, false);
    struct listener_set without = prepare(listeners, &other, 1);
    listeners_commit(listeners);
    listeners_close_retired(listeners);
    struct listener_set again = prepare(listeners, &wanted, 1);
    ck_assert_int_eq(again.fds[0], set.fds[0]);
    listeners_rollback(listeners);
    ck_assert(is_open(set.fds[0]));

    int ours = set.fds[0];
    listeners_close_all(listeners);
    ck_assert(!is_open(ours));
    ck_assert(is_listening(theirs));
    listener_set_clear(&set);
    listener_set_clear(&without);
    listener_set_clear(&again);
    listeners_free(listeners);
    inherited_clear(&inherited);
    (void)close(theirs);
}
END_TEST

START_TEST(sockets_of_a_predecessor_keep_their_slots)
{
    struct listener_wish fixed;
    struct listener_wish any;
    int first = listening(&any);
    int second = listening(&fixed);
    struct inherited_socket sockets[] = {
        {.addr = any.addr, .fd = first},
        {.addr = any.addr, .fd = fcntl(first, F_DUPFD_CLOEXEC, 3)},
        {.addr = fixed.addr, .fd = second},
        {.addr = fixed.addr, .fd = fcntl(second, F_DUPFD_CLOEXEC, 3)}};
    struct inherited inherited = inherited_of(sockets, 4);
    struct listeners *listeners = listeners_new(SLOTS, fake_open);
    listeners_inherit(listeners, &inherited);
    struct listener_wish wishes[] = {wish(0, true), fixed};
    struct listener_set set = prepare(listeners, wishes, 2);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_int_eq(set.fds[i], sockets[i].fd);
    ck_assert(!set.is_lent[0] && !set.is_lent[1]);
    ck_assert_uint_eq(addr_port(&set.addrs[0]), addr_port(&any.addr));
    listeners_commit(listeners);

    int *all;
    size_t own;
    ck_assert_uint_eq(listeners_list(listeners, &all, &own), 4);
    ck_assert_uint_eq(own, 4);
    free(all);
    int watched = fcntl(second, F_DUPFD_CLOEXEC, 3);
    listeners_hand_over(listeners);
    listeners_close_all(listeners);
    ck_assert(is_listening(watched)); /* the successor's now */
    (void)close(watched);
    listener_set_clear(&set);
    listeners_free(listeners);
    inherited_clear(&inherited);
}
END_TEST

START_TEST(what_nobody_passed_is_opened)
{
    struct listener_wish theirs;
    int fd = listening(&theirs);
    struct inherited_socket socket = {.addr = theirs.addr, .fd = fd, .is_lent = true};
    struct inherited inherited = inherited_of(&socket, 1);
    struct listeners *listeners = listeners_new(SLOTS, fake_open);
    listeners_inherit(listeners, &inherited);
    struct listener_wish wishes[] = {wish(8443, true), wish(0, true)};
    struct listener_set set = prepare(listeners, wishes, 2);
    ck_assert(!set.is_lent[0] && !set.is_lent[1]); /* a lent one is nobody's any port */
    ck_assert_int_eq(inherited.sockets[0].fd, fd);
    listener_set_clear(&set);
    listeners_free(listeners);
    inherited_clear(&inherited);
    ck_assert(!is_open(fd));
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
    tcase_add_test(tcase, a_lent_socket_serves_every_slot_and_outlives_us);
    tcase_add_test(tcase, sockets_of_a_predecessor_keep_their_slots);
    tcase_add_test(tcase, what_nobody_passed_is_opened);
    suite_add_tcase(suite, tcase);
    return suite;
}

/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/listener.h"
#include "net/transport.h"
#include "unit/unit.h"

enum { SLOTS = 3, CLIENTS = 8 };

static struct addr any_port(const char *host)
{
    struct addr addr;
    ck_assert(addr_from_numeric(host, 0, &addr));
    return addr;
}

static void close_all(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(close(fds[i]), 0);
    }
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof value;
    ck_assert_int_eq(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

START_TEST(opens_all_slots_on_one_port_that_the_kernel_chose)
{
    struct addr addr = any_port("127.0.0.1");
    int fds[SLOTS];
    ck_assert_int_eq(listener_open(&addr, SLOTS, fds), 0);
    ck_assert_uint_ne(addr_port(&addr), 0);
    for (size_t i = 0; i < SLOTS; i++) {
        struct addr real = {.len = sizeof real.storage};
        ck_assert_int_eq(getsockname(fds[i], (void *)&real.storage, &real.len), 0);
        ck_assert(addr_equal(&real, &addr));
        ck_assert_int_eq(option(fds[i], SOL_SOCKET, SO_ACCEPTCONN), 1);
        ck_assert_int_ne(fcntl(fds[i], F_GETFD) & FD_CLOEXEC, 0);
        ck_assert_int_ne(fcntl(fds[i], F_GETFL) & O_NONBLOCK, 0);
    }
    close_all(fds, SLOTS);
}
END_TEST

START_TEST(refuses_an_address_where_another_instance_listens)
{
    struct addr addr = any_port("127.0.0.1");
    int first[SLOTS];
    int second[SLOTS];
    ck_assert_int_eq(listener_open(&addr, SLOTS, first), 0);
    struct addr before = addr;
    ck_assert_int_eq(listener_open(&addr, SLOTS, second), -EADDRINUSE);
    ck_assert(addr_equal(&addr, &before));
    struct addr any;
    ck_assert(addr_from_numeric("0.0.0.0", addr_port(&addr), &any));
    ck_assert_int_eq(listener_open(&any, 1, second), -EADDRINUSE);
    close_all(first, SLOTS);
    ck_assert_int_eq(listener_open(&addr, SLOTS, second), 0);
    close_all(second, SLOTS);
}
END_TEST

START_TEST(listens_on_ipv6_alone)
{
    struct addr addr = any_port("::1");
    int fd;
    if (listener_open(&addr, 1, &fd) != 0) {
        return; /* a machine without IPv6 */
    }
    ck_assert_int_eq(option(fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    ck_assert_int_eq(close(fd), 0);
    struct addr path;
    ck_assert(addr_from_unix("/nowhere", &path));
    ck_assert_int_eq(listener_open(&path, 1, &fd), -EAFNOSUPPORT);
}
END_TEST

struct acceptor {
    struct event_base *base;
    struct listener *listener;
    int fds[CLIENTS];
    size_t count;
    size_t total; /* those closed since included */
    size_t pause_at;
};

static void on_accept(int fd, const struct addr *peer, void *arg)
{
    struct acceptor *acceptor = arg;
    ck_assert(addr_is_loopback(peer));
    acceptor->fds[acceptor->count++] = fd;
    acceptor->total++;
    if (acceptor->count == acceptor->pause_at)
        listener_set_accepting(acceptor->listener, false);
}

struct fixture {
    struct acceptor acceptor;
    struct addr addr;
    int listen_fd;
    int clients[CLIENTS];
};

static void fixture_open(struct fixture *fixture)
{
    *fixture = (struct fixture){.addr = any_port("127.0.0.1")};
    ck_assert_int_eq(listener_open(&fixture->addr, 1, &fixture->listen_fd), 0);
    struct acceptor *acceptor = &fixture->acceptor;
    acceptor->base = event_base_new();
    acceptor->listener = listener_new(acceptor->base, fixture->listen_fd, on_accept, acceptor);
    for (size_t i = 0; i < CLIENTS; i++) {
        ck_assert_int_eq(transport_connect(&fixture->addr, &fixture->clients[i]), 0);
    }
}

static void fixture_close(struct fixture *fixture)
{
    struct acceptor *acceptor = &fixture->acceptor;
    listener_free(acceptor->listener);
    event_base_free(acceptor->base);
    close_all(acceptor->fds, acceptor->count);
    close_all(fixture->clients, CLIENTS);
    ck_assert_int_eq(close(fixture->listen_fd), 0);
}

static void turn(struct fixture *fixture)
{
    ck_assert_int_ge(event_base_loop(fixture->acceptor.base, EVLOOP_ONCE | EVLOOP_NONBLOCK), 0);
}

START_TEST(accepts_only_when_told_and_stops_at_once)
{
    struct fixture fixture;
    fixture_open(&fixture);
    turn(&fixture);
    ck_assert_uint_eq(fixture.acceptor.count, 0);
    fixture.acceptor.pause_at = 3;
    listener_set_accepting(fixture.acceptor.listener, true);
    turn(&fixture);
    turn(&fixture);
    ck_assert_uint_eq(fixture.acceptor.count, 3);
    listener_set_accepting(fixture.acceptor.listener, true);
    turn(&fixture);
    ck_assert_uint_eq(fixture.acceptor.count, CLIENTS);
    for (size_t i = 0; i < CLIENTS; i++) {
        int fd = fixture.acceptor.fds[i];
        ck_assert_int_ne(option(fd, IPPROTO_TCP, TCP_NODELAY), 0);
        ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
        ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
        ck_assert_int_eq(net_socket_error(fixture.clients[i]), 0);
    }
    fixture_close(&fixture);
}
END_TEST

START_TEST(pauses_by_itself_when_descriptors_run_out)
{
    struct fixture fixture;
    struct rlimit old;
    fixture_open(&fixture);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    int highest = dup(fixture.listen_fd);
    ck_assert_int_eq(close(highest), 0);
    struct rlimit low = {.rlim_cur = (rlim_t)highest, .rlim_max = old.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
    listener_set_accepting(fixture.acceptor.listener, true);
    turn(&fixture);
    ck_assert_uint_eq(fixture.acceptor.count, 0);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    /* Asking again does not cut the pause short; the timer ends it. */
    listener_set_accepting(fixture.acceptor.listener, true);
    turn(&fixture);
    ck_assert_uint_eq(fixture.acceptor.count, 0);
    for (int i = 0; i < 10 && fixture.acceptor.count < CLIENTS; i++) {
        ck_assert_int_ge(event_base_loop(fixture.acceptor.base, EVLOOP_ONCE), 0);
    }
    ck_assert_uint_eq(fixture.acceptor.count, CLIENTS);
    fixture_close(&fixture);
}
END_TEST

static bool room_while_below_five(bool is_exhausted, void *arg)
{
    struct acceptor *acceptor = arg;
    if (is_exhausted) {
        if (acceptor->count == 0)
            return false;
        ck_assert_int_eq(close(acceptor->fds[--acceptor->count]), 0);
        return true;
    }
    if (acceptor->count < 5)
        return true;
    listener_set_accepting(acceptor->listener, false);
    return false;
}

START_TEST(asks_for_room_before_each_connection)
{
    struct fixture fixture;
    fixture_open(&fixture);
    listener_set_room(fixture.acceptor.listener, room_while_below_five);
    listener_set_accepting(fixture.acceptor.listener, true);
    turn(&fixture);
    turn(&fixture);
    ck_assert_uint_eq(fixture.acceptor.count, 5);
    fixture_close(&fixture);
}
END_TEST

START_TEST(goes_on_without_descriptors_when_room_is_made)
{
    struct fixture fixture;
    struct rlimit old;
    fixture_open(&fixture);
    listener_set_room(fixture.acceptor.listener, room_while_below_five);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    int highest = dup(fixture.listen_fd);
    ck_assert_int_eq(close(highest), 0);
    struct rlimit low = {.rlim_cur = (rlim_t)highest + 2, .rlim_max = old.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
    listener_set_accepting(fixture.acceptor.listener, true);
    turn(&fixture);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    /* There was room for two at most at one time. */
    ck_assert_uint_eq(fixture.acceptor.total, CLIENTS);
    ck_assert_uint_ge(fixture.acceptor.count, 1);
    ck_assert_uint_le(fixture.acceptor.count, 2);
    fixture_close(&fixture);
}
END_TEST

START_TEST(tells_why_a_connection_failed)
{
    struct addr addr = any_port("127.0.0.1");
    int fds[1];
    int fd;
    ck_assert_int_eq(listener_open(&addr, 1, fds), 0);
    close_all(fds, 1);
    int status = transport_connect(&addr, &fd);
    if (status == 0) {
        status = -net_socket_error(fd);
        ck_assert_int_eq(close(fd), 0);
    }
    ck_assert_int_eq(status, -ECONNREFUSED);
    ck_assert(addr_from_unix("/nonexistent/socket", &addr));
    ck_assert_int_eq(transport_connect(&addr, &fd), -ENOENT);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("listener");
    TCase *tcase = tcase_create("listener");
    tcase_add_test(tcase, opens_all_slots_on_one_port_that_the_kernel_chose);
    tcase_add_test(tcase, refuses_an_address_where_another_instance_listens);
    tcase_add_test(tcase, listens_on_ipv6_alone);
    tcase_add_test(tcase, accepts_only_when_told_and_stops_at_once);
    tcase_add_test(tcase, pauses_by_itself_when_descriptors_run_out);
    tcase_add_test(tcase, asks_for_room_before_each_connection);
    tcase_add_test(tcase, goes_on_without_descriptors_when_room_is_made);
    tcase_add_test(tcase, tells_why_a_connection_failed);
    suite_add_tcase(suite, tcase);
    return suite;
}

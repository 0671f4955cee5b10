/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/transport.h"
#include "unit/unit.h"

struct owner {
    struct event_base *base;
    struct transport transport;
    int peer;
    unsigned calls, read_calls, write_calls;
    bool closes, reads_one;
    char received[64];
    size_t received_len;
    enum transport_result last;
};

static void on_ready(struct transport *transport, bool can_read, bool can_write, void *arg)
{
    struct owner *owner = arg;
    owner->calls++;
    owner->read_calls += can_read;
    owner->write_calls += can_write;
    if (owner->closes) {
        transport_close(transport);
        return;
    }
    if (can_read && owner->reads_one) {
        size_t len = 0;
        char *at = &owner->received[owner->received_len];
        owner->last = transport_read(transport, at, 1, &len);
        owner->received_len += owner->last == TRANSPORT_OK ? len : 0;
    }
}

static void owner_open(struct owner *owner)
{
    int fds[2];
    *owner = (struct owner){.base = event_base_new()};
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    transport_init_plain(&owner->transport, owner->base, fds[0], on_ready, owner);
    owner->peer = fds[1];
}

static void owner_close(struct owner *owner)
{
    transport_close(&owner->transport);
    transport_close(&owner->transport);
    ck_assert(!transport_is_open(&owner->transport));
    if (owner->peer >= 0)
        (void)close(owner->peer);
    event_base_free(owner->base);
}

static void turn(struct owner *owner)
{
    ck_assert_int_ge(event_base_loop(owner->base, EVLOOP_ONCE | EVLOOP_NONBLOCK), 0);
}

START_TEST(calls_back_only_for_what_is_wanted)
{
    struct owner owner;
    owner_open(&owner);
    ck_assert_int_eq(transport_handshake(&owner.transport), TRANSPORT_OK);
    ck_assert_int_eq(write(owner.peer, "x", 1), 1);
    turn(&owner);
    ck_assert_uint_eq(owner.calls, 0);
    transport_want(&owner.transport, true, false);
    ck_assert_uint_eq(owner.calls, 0); /* never from inside the call */
    turn(&owner);
    ck_assert(owner.read_calls == 1 && owner.write_calls == 0);
    transport_want(&owner.transport, false, true);
    turn(&owner);
    ck_assert(owner.read_calls == 1 && owner.write_calls == 1);
    transport_want(&owner.transport, false, false);
    turn(&owner);
    ck_assert_uint_eq(owner.calls, 2);
    owner_close(&owner);
}
END_TEST

START_TEST(keeps_the_read_event_until_it_fires_unwanted)
{
    struct owner owner;
    owner_open(&owner);
    transport_want(&owner.transport, true, false);
    transport_want(&owner.transport, false, false);
    turn(&owner);
    ck_assert(owner.transport.read_added); /* pausing costs no system call */
    ck_assert_int_eq(write(owner.peer, "x", 1), 1);
    turn(&owner);
    ck_assert(!owner.transport.read_added && owner.calls == 0);
    transport_want(&owner.transport, true, false);
    turn(&owner);
    ck_assert_uint_eq(owner.read_calls, 1);
    owner_close(&owner);
}
END_TEST

START_TEST(delivers_one_byte_a_turn_then_the_end)
{
    static const char MESSAGE[] = "GET / HTTP/1.1";
    struct owner owner;
    owner_open(&owner);
    owner.reads_one = true;
    transport_want(&owner.transport, true, false);
    for (size_t i = 0; MESSAGE[i] != '\0'; i++) {
        ck_assert_int_eq(write(owner.peer, &MESSAGE[i], 1), 1);
        turn(&owner);
        ck_assert_uint_eq(owner.received_len, i + 1);
    }
    ck_assert_str_eq(owner.received, MESSAGE);
    ck_assert_int_eq(shutdown(owner.peer, SHUT_WR), 0);
    turn(&owner);
    ck_assert_int_eq(owner.last, TRANSPORT_EOF);
    owner_close(&owner);
}
END_TEST

START_TEST(may_be_closed_inside_its_callback)
{
    struct owner owner;
    owner_open(&owner);
    owner.closes = true;
    ck_assert_int_eq(write(owner.peer, "x", 1), 1);
    transport_want(&owner.transport, true, true); /* both events become active in one turn */
    turn(&owner);
    turn(&owner);
    ck_assert_uint_eq(owner.calls, 1);
    ck_assert(!transport_is_open(&owner.transport));
    owner_close(&owner);
}
END_TEST

START_TEST(waits_for_room_after_again)
{
    static char block[65536];
    struct owner owner;
    owner_open(&owner);
    size_t len = 0;
    enum transport_result result;
    while ((result = transport_write(&owner.transport, block, sizeof block, &len)) ==
           TRANSPORT_OK) {
        ck_assert_uint_gt(len, 0);
    }
    ck_assert_int_eq(result, TRANSPORT_AGAIN);
    transport_want(&owner.transport, false, true);
    turn(&owner);
    ck_assert_uint_eq(owner.calls, 0);
    while (read(owner.peer, block, sizeof block) > 0) {
    }
    turn(&owner);
    ck_assert_uint_eq(owner.write_calls, 1);
    owner_close(&owner);
}
END_TEST

START_TEST(reports_a_broken_stream)
{
    char byte;
    size_t len = 0;
    struct owner owner;
    owner_open(&owner);
    ck_assert_int_eq(transport_read(&owner.transport, &byte, 1, &len), TRANSPORT_AGAIN);
    ck_assert_str_eq(transport_error(&owner.transport), "");
    /* unix(7): unread data makes the close a reset; no SIGPIPE either. */
    ck_assert_int_eq(write(owner.transport.fd, "x", 1), 1);
    (void)close(owner.peer);
    owner.peer = -1;
    ck_assert_int_eq(transport_read(&owner.transport, &byte, 1, &len), TRANSPORT_ERROR);
    ck_assert_int_eq(owner.transport.error_number, ECONNRESET);
    ck_assert_str_eq(transport_error(&owner.transport), "Connection reset by peer");
    ck_assert_int_eq(transport_write(&owner.transport, "x", 1, &len), TRANSPORT_ERROR);
    ck_assert_int_eq(owner.transport.error_number, EPIPE);
    owner_close(&owner);
}
END_TEST

START_TEST(ends_its_direction_and_still_reads)
{
    char byte;
    size_t len = 0;
    struct owner owner;
    owner_open(&owner);
    (void)transport_shutdown(&owner.transport);
    ck_assert_int_eq(read(owner.peer, &byte, 1), 0);
    ck_assert_int_eq(write(owner.peer, "y", 1), 1);
    ck_assert_int_eq(transport_read(&owner.transport, &byte, 1, &len), TRANSPORT_OK);
    ck_assert(byte == 'y' && len == 1 && !transport_has_pending(&owner.transport));
    owner_close(&owner);
}
END_TEST

START_TEST(drops_what_nobody_will_read)
{
    static char block[3 * TRANSPORT_DROP_MAX];
    size_t len = 0;
    size_t dropped = 0;
    struct owner owner;
    owner_open(&owner);
    ck_assert_int_eq(transport_drop(&owner.transport, &len), TRANSPORT_AGAIN);
    ssize_t sent = write(owner.peer, block, sizeof block);
    ck_assert_int_gt(sent, TRANSPORT_DROP_MAX);
    ck_assert_int_eq(shutdown(owner.peer, SHUT_WR), 0);
    enum transport_result result;
    while ((result = transport_drop(&owner.transport, &len)) == TRANSPORT_OK) {
        ck_assert(len > 0 && len <= TRANSPORT_DROP_MAX);
        dropped += len;
    }
    ck_assert_int_eq(result, TRANSPORT_EOF);
    ck_assert_uint_eq(dropped, (size_t)sent);
    transport_become_plain(&owner.transport); /* nothing to give up */
    ck_assert_int_eq(transport_shutdown(&owner.transport), TRANSPORT_OK);
    owner_close(&owner);
    ck_assert_int_eq(transport_shutdown(&owner.transport), TRANSPORT_ERROR);
}
END_TEST

/* A stream whose bytes all wait above the socket, as in a TLS record. */
static size_t stock;
static enum transport_result stock_read(struct transport *transport, char *bytes, size_t size,
                                        size_t *ret_len)
{
    (void)transport;
    (void)size;
    if (stock == 0)
        return TRANSPORT_AGAIN;
    stock--;
    *bytes = 's';
    *ret_len = 1;
    return TRANSPORT_OK;
}

static bool stock_has_pending(const struct transport *transport)
{
    (void)transport;
    return stock > 0;
}

static void stock_clear(struct transport *transport)
{
    (void)transport;
}

static const struct transport_ops STOCK_OPS = {
    .read = stock_read, .has_pending = stock_has_pending, .clear = stock_clear};

START_TEST(answers_pending_bytes_in_the_next_turn_and_one_step_a_turn)
{
    struct owner owner;
    owner_open(&owner);
    int fd = dup(owner.transport.fd);
    transport_close(&owner.transport);
    stock = 3;
    transport_init(&owner.transport, &STOCK_OPS, owner.base, fd, on_ready, &owner);
    owner.reads_one = true;
    transport_want(&owner.transport, true, false);
    ck_assert_uint_eq(owner.calls, 0);
    for (size_t i = 1; i <= 3; i++) {
        /* A full buffer must not keep the loop from its other events. */
        turn(&owner);
        ck_assert_uint_eq(owner.received_len, i);
    }
    turn(&owner);
    turn(&owner);
    ck_assert_uint_eq(owner.read_calls, 3);
    stock = 1;
    transport_want(&owner.transport, true, false);
    transport_want(&owner.transport, false, false); /* the wish is taken back in time */
    turn(&owner);
    ck_assert_uint_eq(owner.read_calls, 3);
    owner_close(&owner);
}
END_TEST

START_TEST(follows_tls_when_a_read_waits_for_room)
{
    struct owner owner;
    owner_open(&owner);
    ck_assert_int_eq(write(owner.peer, "x", 1), 1);
    owner.transport.read_needs_write = true;
    transport_want(&owner.transport, true, false);
    ck_assert(!owner.transport.read_added && owner.transport.write_added);
    turn(&owner);
    ck_assert(owner.read_calls == 1 && owner.write_calls == 0);
    owner.transport.read_needs_write = false;
    owner.transport.write_needs_read = true;
    transport_want(&owner.transport, false, true);
    ck_assert(owner.transport.read_added && !owner.transport.write_added);
    turn(&owner);
    ck_assert(owner.read_calls == 1 && owner.write_calls == 1);
    owner_close(&owner);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("transport");
    TCase *tcase = tcase_create("transport");
    tcase_add_test(tcase, calls_back_only_for_what_is_wanted);
    tcase_add_test(tcase, keeps_the_read_event_until_it_fires_unwanted);
    tcase_add_test(tcase, delivers_one_byte_a_turn_then_the_end);
    tcase_add_test(tcase, may_be_closed_inside_its_callback);
    tcase_add_test(tcase, waits_for_room_after_again);
    tcase_add_test(tcase, reports_a_broken_stream);
    tcase_add_test(tcase, ends_its_direction_and_still_reads);
    tcase_add_test(tcase, drops_what_nobody_will_read);
    tcase_add_test(tcase, answers_pending_bytes_in_the_next_turn_and_one_step_a_turn);
    tcase_add_test(tcase, follows_tls_when_a_read_waits_for_room);
    suite_add_tcase(suite, tcase);
    return suite;
}

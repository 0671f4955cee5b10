/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls/tls_bio.h"
#include "unit/unit.h"

static struct buf_pool pool;
static BIO_METHOD *method;
static struct tls_bio state;
static BIO *bio;
static int peer;

static void begin(void)
{
    int fds[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    buf_pool_init(&pool, 4);
    pool.bulk_max = 64;
    state = (struct tls_bio){.fd = fds[0], .pool = &pool};
    peer = fds[1];
    method = tls_bio_method_new();
    bio = tls_bio_new(method, &state);
    ck_assert_ptr_nonnull(bio);
}

/* Nothing may be left: every buffer went back. */
static void end(void)
{
    BIO_free(bio);
    tls_bio_clear(&state);
    tls_bio_clear(&state);
    ck_assert_uint_eq(pool.lent, 0);
    buf_pool_clear(&pool);
    BIO_meth_free(method);
    (void)close(state.fd);
    (void)close(peer);
}

/* As small as the kernel allows, so that nearly every send is cut short. */
static void narrow(void)
{
    int size = 1;
    ck_assert_int_eq(setsockopt(state.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
}

static void expect(const char *text)
{
    char got[100];
    ssize_t len = read(peer, got, sizeof got);
    ck_assert_int_eq(len, (ssize_t)strlen(text));
    ck_assert(memcmp(got, text, strlen(text)) == 0);
}

static void expect_nothing(void)
{
    char byte;
    ck_assert_int_eq(read(peer, &byte, 1), -1);
    ck_assert_int_eq(errno, EAGAIN);
}

START_TEST(what_is_held_leaves_in_one_send)
{
    begin();
    state.holds = true;
    ck_assert_int_eq(BIO_write(bio, "one ", 4), 4);
    ck_assert_int_eq(BIO_write(bio, "two", 3), 3);
    ck_assert_int_eq(BIO_flush(bio), 1);
    expect_nothing();
    ck_assert_uint_eq(tls_bio_held(&state), 7);
    ck_assert_int_eq(BIO_wpending(bio), 7);
    ck_assert_int_eq(tls_bio_flush(&state), 0);
    expect("one two");
    ck_assert_uint_eq(tls_bio_held(&state), 0);
    ck_assert_uint_eq(pool.lent, 0);
    ck_assert_int_eq(tls_bio_flush(&state), 0);
    expect_nothing();
    end();
}
END_TEST

START_TEST(nothing_overtakes_what_is_held)
{
    begin();
    state.holds = true;
    ck_assert_int_eq(BIO_write(bio, "record ", 7), 7);
    state.holds = false;
    ck_assert_int_eq(BIO_write(bio, "alert", 5), 5);
    expect("record alert");
    ck_assert_uint_eq(pool.lent, 0);
    state.holds = true;
    ck_assert_int_eq(BIO_write(bio, "again", 5), 5);
    state.holds = false;
    ck_assert_int_eq(BIO_flush(bio), 1);
    expect("again");
    end();
}
END_TEST

START_TEST(what_is_not_held_needs_no_buffer)
{
    begin();
    ck_assert_int_eq(BIO_write(bio, "now", 3), 3);
    ck_assert_uint_eq(pool.lent, 0);
    expect("now");
    state.holds = true;
    state.pool = NULL;
    ck_assert_int_eq(BIO_write(bio, "no pool", 7), 7);
    expect("no pool");
    state.pool = &pool;
    pool.bulk_lent = pool.bulk_max;
    ck_assert_int_eq(BIO_write(bio, "none left", 9), 9);
    expect("none left");
    pool.bulk_lent = 0;
    end();
}
END_TEST

/* Bytes that tell where they belong. */
static void fill(char *bytes, size_t len, size_t offset)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)((offset + i) * 2654435761U >> 13);
}

static size_t drain(size_t offset, size_t most)
{
    static char got[70000];
    static char wanted[sizeof got];
    ssize_t len = read(peer, got, most < sizeof got ? most : sizeof got);
    if (len <= 0)
        return 0;
    fill(wanted, (size_t)len, offset);
    ck_assert(memcmp(got, wanted, (size_t)len) == 0);
    return (size_t)len;
}

/* Held and not, in pieces of all sizes, against a peer that reads a little now and then: as OpenSSL
 * does, what was not taken is offered again. */
START_TEST(a_narrow_socket_gets_every_byte_once_and_in_order)
{
    static char piece[20000];
    size_t given = 0;
    size_t got = 0;
    unsigned waits = 0;
    begin();
    narrow();
    for (unsigned turn = 0; given < 3 * BUF_BULK_SIZE; turn++) {
        size_t len = 1 + (size_t)turn * 7919 % sizeof piece;
        fill(piece, len, given);
        for (size_t taken = 0; taken < len;) {
            state.holds = turn % 5 != 0;
            int result = BIO_write(bio, piece + taken, (int)(len - taken));
            taken += result > 0 ? (size_t)result : 0;
            ck_assert(result > 0 || BIO_should_write(bio));
            waits += result <= 0;
            got += result > 0 ? 0 : drain(got, 1 + turn % 30000);
        }
        given += len;
    }
    int left;
    while ((left = tls_bio_flush(&state)) != 0) {
        ck_assert_int_eq(left, -EAGAIN);
        got += drain(got, 5000);
    }
    for (size_t len; (len = drain(got, 70000)) > 0;)
        got += len;
    ck_assert_uint_eq(got, given);
    ck_assert_uint_gt(waits, 10);
    end();
}
END_TEST

START_TEST(a_flush_that_cannot_finish_says_try_again)
{
    static char block[BUF_BULK_SIZE];
    begin();
    narrow();
    state.holds = true;
    ck_assert_int_eq(BIO_write(bio, block, sizeof block), (int)sizeof block);
    state.holds = false;
    ck_assert_int_le(BIO_flush(bio), 0);
    ck_assert(BIO_should_retry(bio));
    ck_assert(BIO_should_write(bio));
    size_t held = tls_bio_held(&state);
    ck_assert_uint_gt(held, 0);
    ck_assert_uint_lt(held, sizeof block);
    tls_bio_drop(&state);
    ck_assert_uint_eq(pool.lent, 0);
    end();
}
END_TEST

/* The owner is told, the SSL is not: what the peer said before can still be read. */
START_TEST(a_peer_that_is_gone_is_an_error_and_what_it_said_is_not_lost)
{
    char got[10];
    for (int holds = 0; holds < 2; holds++) {
        begin();
        state.holds = holds == 1;
        ck_assert_int_eq(write(peer, "answer", 6), 6);
        (void)close(peer);
        peer = -1;
        ck_assert_int_eq(BIO_write(bio, "more", 4), 4);
        ck_assert_int_eq(tls_bio_flush(&state), -EPIPE);
        ck_assert_int_eq(state.error, EPIPE);
        state.holds = false;
        ck_assert_int_eq(BIO_write(bio, "and more", 8), 8);
        ck_assert_int_eq(BIO_flush(bio), 1);
        ck_assert_uint_eq(tls_bio_held(&state), 0);
        ck_assert_int_eq(tls_bio_flush(&state), -EPIPE);
        ck_assert_int_eq(BIO_read(bio, got, sizeof got), 6);
        ck_assert_mem_eq(got, "answer", 6);
        end();
    }
}
END_TEST

START_TEST(a_read_takes_what_the_socket_has)
{
    char got[10];
    begin();
    state.reads_ahead = true;
    ck_assert_int_le(BIO_read(bio, got, 5), 0);
    ck_assert(BIO_should_read(bio));
    ck_assert_uint_eq(pool.lent, 0);
    ck_assert_int_eq(write(peer, "headtail of it", 14), 14);
    ck_assert_int_eq(BIO_read(bio, got, 4), 4);
    ck_assert(memcmp(got, "head", 4) == 0);
    expect_nothing();
    ck_assert_int_eq(BIO_pending(bio), 10);
    state.reads_ahead = false; /* what is here comes first all the same */
    ck_assert_int_eq(write(peer, "!", 1), 1);
    ck_assert_int_eq(BIO_read(bio, got, 4), 4);
    ck_assert(memcmp(got, "tail", 4) == 0);
    ck_assert_int_eq(BIO_read(bio, got, 10), 6);
    ck_assert(memcmp(got, " of it", 6) == 0);
    ck_assert_uint_eq(pool.lent, 0);
    ck_assert_int_eq(BIO_read(bio, got, 10), 1);
    ck_assert_uint_eq(BIO_number_read(bio), 15);
    end();
}
END_TEST

START_TEST(the_end_is_not_to_be_tried_again)
{
    char byte;
    begin();
    state.reads_ahead = true;
    ck_assert_int_eq(write(peer, "ab", 2), 2);
    ck_assert_int_eq(shutdown(peer, SHUT_WR), 0);
    ck_assert_int_eq(BIO_read(bio, &byte, 1), 1);
    ck_assert(!BIO_eof(bio));
    ck_assert_int_eq(BIO_read(bio, &byte, 1), 1);
    ck_assert_int_le(BIO_read(bio, &byte, 1), 0);
    ck_assert(!BIO_should_retry(bio));
    ck_assert(BIO_eof(bio));
    end();
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("tls_bio");
    TCase *tcase = tcase_create("tls_bio");
    tcase_add_test(tcase, what_is_held_leaves_in_one_send);
    tcase_add_test(tcase, nothing_overtakes_what_is_held);
    tcase_add_test(tcase, what_is_not_held_needs_no_buffer);
    tcase_add_test(tcase, a_narrow_socket_gets_every_byte_once_and_in_order);
    tcase_add_test(tcase, a_flush_that_cannot_finish_says_try_again);
    tcase_add_test(tcase, a_peer_that_is_gone_is_an_error_and_what_it_said_is_not_lost);
    tcase_add_test(tcase, a_read_takes_what_the_socket_has);
    tcase_add_test(tcase, the_end_is_not_to_be_tried_again);
    suite_add_tcase(suite, tcase);
    return suite;
}

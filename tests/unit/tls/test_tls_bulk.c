/* Long bodies: what leaves in one send, what arrives in one read, and what comes behind it.
 *
 * SPDX-License-Identifier: MIT */
#include "unit/tls/tls_fixture.h"

static const int VERSIONS[] = {TLS1_2_VERSION, TLS1_3_VERSION};
enum { VERSION_COUNT = 2, RECORD = 16384, RECORDS = 8 };

static struct world world;
static struct identity alice;
static struct buf_pool pool;

static void setup(void)
{
    world_open(&world);
    (void)world_add_site(&world, "default", NULL);
    world_load(&world);
    alice = make_plain_identity("alice");
    buf_pool_init(&pool, 4);
    pool.bulk_max = 64;
}

static void teardown(void)
{
    ck_assert_uint_eq(pool.lent, 0);
    buf_pool_clear(&pool);
    identity_free(&alice);
    world_close(&world);
}

static void open_link(struct link *link, SSL_CTX *ctx)
{
    link_open(link, &world, ctx);
    tls_transport_use_pool(&link->server, &pool);
    int size = 1 << 20;
    ck_assert_int_eq(
        setsockopt(SSL_get_fd(link->client), SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    ck_assert_int_eq(setsockopt(link->server.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    ck_assert(link_shake(link));
}

/* Takes what lies in the client's socket, unread by its SSL. */
static size_t bytes_on_the_wire(const struct link *link)
{
    static char bytes[1 << 20];
    ssize_t len = recv(SSL_get_fd(link->client), bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
    return len < 0 ? 0 : (size_t)len;
}

static char byte_at(size_t offset)
{
    return (char)(offset * 2654435761U >> 13);
}

static void fill(char *bytes, size_t len, size_t offset)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = byte_at(offset + i);
}

static bool is_right(const char *bytes, size_t len, size_t offset)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != byte_at(offset + i))
            return false;
    }
    return true;
}

START_TEST(records_wait_for_the_flush_and_nothing_overtakes_them)
{
    for (size_t i = 0; i < VERSION_COUNT; i++) {
        static char block[RECORD];
        struct link link;
        size_t len = 0;
        SSL_CTX *ctx = make_client(VERSIONS[i], &alice);
        open_link(&link, ctx);
        for (int n = 0; n < RECORDS; n++) {
            ck_assert_int_eq(transport_write_more(&link.server, block, sizeof block, &len),
                             TRANSPORT_OK);
            ck_assert_uint_eq(len, sizeof block);
        }
        ck_assert_uint_eq(bytes_on_the_wire(&link), 0);
        ck_assert_uint_gt(transport_held(&link.server), sizeof block * RECORDS);
        size_t held = transport_held(&link.server);
        ck_assert_int_eq(transport_flush(&link.server), TRANSPORT_OK);
        ck_assert_uint_eq(bytes_on_the_wire(&link), held);
        ck_assert_uint_eq(transport_held(&link.server), 0);
        ck_assert_uint_eq(pool.lent, 0);
        ck_assert_int_eq(transport_write_more(&link.server, "more", 4, &len), TRANSPORT_OK);
        transport_shutdown(&link.server); /* close_notify comes behind it */
        ck_assert_uint_eq(transport_held(&link.server), 0);
        size_t received = 0;
        for (int got; (got = SSL_read(link.client, block, sizeof block)) > 0;)
            received += (size_t)got;
        ck_assert_uint_eq(received, sizeof block * RECORDS + 4);
        ck_assert_int_eq(SSL_get_shutdown(link.client) & SSL_RECEIVED_SHUTDOWN,
                         SSL_RECEIVED_SHUTDOWN);
        link_close(&link);
        SSL_CTX_free(ctx);
    }
}
END_TEST

static void send_records(struct link *link, size_t count, size_t size)
{
    static char block[RECORD];
    for (size_t i = 0; i < count; i++) {
        fill(block, size, i * size);
        ck_assert_int_eq(SSL_write(link->client, block, (int)size), (int)size);
    }
}

START_TEST(a_read_with_room_takes_all_records_there_are)
{
    for (size_t i = 0; i < VERSION_COUNT; i++) {
        static char bytes[RECORD * RECORDS * 2];
        struct link link;
        size_t len = 0;
        SSL_CTX *ctx = make_client(VERSIONS[i], &alice);
        open_link(&link, ctx);
        send_records(&link, RECORDS, RECORD);
        ck_assert_int_eq(transport_read(&link.server, bytes, sizeof bytes, &len), TRANSPORT_OK);
        ck_assert_uint_eq(len, (size_t)RECORD * RECORDS);
        ck_assert(is_right(bytes, len, 0));
        ck_assert_int_eq(transport_read(&link.server, bytes, sizeof bytes, &len), TRANSPORT_AGAIN);
        ck_assert_uint_eq(pool.lent, 0);
        link_close(&link);
        SSL_CTX_free(ctx);
    }
}
END_TEST

/* The owner's room changes from large to small and back, in the middle of records. */
START_TEST(nothing_is_lost_between_large_and_small_reads)
{
    for (size_t i = 0; i < VERSION_COUNT; i++) {
        static char bytes[RECORD * 3];
        static const size_t rooms[] = {RECORD * 3, 100, RECORD, RECORD + 1, 1, RECORD * 2 + 7};
        struct link link;
        size_t at = 0;
        SSL_CTX *ctx = make_client(VERSIONS[i], &alice);
        open_link(&link, ctx);
        send_records(&link, 2 * RECORDS, RECORD);
        for (size_t turn = 0; at < (size_t)RECORD * RECORDS * 2; turn++) {
            size_t len = 0;
            size_t room = rooms[turn % (sizeof rooms / sizeof *rooms)];
            ck_assert_int_eq(transport_read(&link.server, bytes, room, &len), TRANSPORT_OK);
            ck_assert(is_right(bytes, len, at));
            at += len;
        }
        ck_assert(!transport_has_pending(&link.server));
        ck_assert_uint_eq(pool.lent, 0);
        link_close(&link);
        SSL_CTX_free(ctx);
    }
}
END_TEST

/* One read is a bounded piece of work, however small the records are; the rest is pending. */
START_TEST(many_tiny_records_do_not_hold_up_the_loop)
{
    static char bytes[BUF_BULK_SIZE];
    struct link link;
    size_t len = 0;
    SSL_CTX *ctx = make_client(TLS1_3_VERSION, &alice);
    open_link(&link, ctx);
    send_records(&link, 500, 1);
    ck_assert_int_eq(transport_read(&link.server, bytes, sizeof bytes, &len), TRANSPORT_OK);
    ck_assert_uint_lt(len, 100);
    ck_assert(transport_has_pending(&link.server));
    link.read_size = 30000; /* and the loop brings it, without a further byte in the socket */
    transport_want(&link.server, true, false);
    for (int i = 0; i < 100; i++)
        link_turn(&link);
    ck_assert_uint_eq(link.received_len, 500 - len);
    link_close(&link);
    SSL_CTX_free(ctx);
}
END_TEST

/* The client says goodbye and leaves the connection open: the socket never tells again. */
START_TEST(an_end_right_behind_the_data_is_told)
{
    for (size_t i = 0; i < VERSION_COUNT; i++) {
        struct link link;
        SSL_CTX *ctx = make_client(VERSIONS[i], &alice);
        open_link(&link, ctx);
        link.read_size = 20000;
        send_records(&link, 1, 100);
        (void)SSL_shutdown(link.client);
        for (int n = 0; n < 5; n++)
            link_turn(&link);
        ck_assert_uint_eq(link.received_len, 100);
        ck_assert_int_eq(link.last, TRANSPORT_EOF);
        ck_assert(!tls_transport_was_truncated(&link.server));
        link_close(&link);
        SSL_CTX_free(ctx);
    }
}
END_TEST

START_TEST(a_broken_record_behind_data_breaks_the_connection_after_it)
{
    struct link link;
    SSL_CTX *ctx = make_client(TLS1_3_VERSION, &alice);
    open_link(&link, ctx);
    link.read_size = 20000;
    send_records(&link, 1, 100);
    static const char forged[] = "\x17\x03\x03\x00\x20"
                                 "0123456789abcdef0123456789abcdef";
    ck_assert_int_eq(send(SSL_get_fd(link.client), forged, 37, MSG_NOSIGNAL), 37);
    for (int n = 0; n < 5; n++)
        link_turn(&link);
    ck_assert_uint_eq(link.received_len, 100);
    ck_assert_int_eq(link.last, TRANSPORT_ERROR);
    ck_assert_str_ne(transport_error(&link.server), "");
    link_close(&link);
    SSL_CTX_free(ctx);
}
END_TEST

/* A socket that takes little at a time; as stream.c does: write, flush, wait for room. */
START_TEST(a_narrow_socket_gets_every_byte_of_a_body)
{
    for (size_t i = 0; i < VERSION_COUNT; i++) {
        static char body[RECORD * 70 + 5];
        static char sink[30000];
        struct link link;
        size_t sent = 0;
        size_t received = 0;
        SSL_CTX *ctx = make_client(VERSIONS[i], &alice);
        open_link(&link, ctx);
        int size = 1;
        ck_assert_int_eq(setsockopt(link.server.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
        fill(body, sizeof body, 0);
        while (received < sizeof body) {
            enum transport_result result = TRANSPORT_OK;
            while (sent < sizeof body && result == TRANSPORT_OK) {
                size_t more = 0;
                result = transport_write_more(&link.server, body + sent, sizeof body - sent, &more);
                sent += result == TRANSPORT_OK ? more : 0;
            }
            ck_assert_int_ne(result, TRANSPORT_ERROR);
            ck_assert_int_ne(transport_flush(&link.server), TRANSPORT_ERROR);
            ck_assert_uint_le(transport_held(&link.server), BUF_BULK_SIZE);
            int got = SSL_read(link.client, sink, (int)(1 + received % sizeof sink));
            size_t len = got > 0 ? (size_t)got : 0;
            ck_assert(is_right(sink, len, received));
            received += len;
        }
        ck_assert_int_eq(transport_flush(&link.server), TRANSPORT_OK);
        ck_assert_uint_eq(transport_held(&link.server), 0);
        link_close(&link);
        SSL_CTX_free(ctx);
    }
}
END_TEST

/* The ticket waits for the first answer, and costs no send of its own. */
START_TEST(a_ticket_leaves_with_the_first_answer)
{
    struct link link;
    static char packet[5000];
    char bytes[10];
    size_t len = 0;
    SSL_CTX *ctx = make_client(TLS1_3_VERSION, &alice);
    open_link(&link, ctx);
    tls_transport_offer_session(&link.server);
    ck_assert_uint_eq(bytes_on_the_wire(&link), 0);
    int packets[2]; /* keep the borders of sends */
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, packets), 0);
    int fd = dup(link.server.fd);
    ck_assert_int_eq(dup2(packets[0], link.server.fd), link.server.fd);
    ck_assert_int_eq(transport_write(&link.server, "ok", 2, &len), TRANSPORT_OK);
    ssize_t sent = read(packets[1], packet, sizeof packet);
    ck_assert_int_gt(sent, 100); /* much more than "ok" */
    ck_assert_int_eq(read(packets[1], packet + sent, 1), -1);
    ck_assert_int_eq(write(fd, packet, (size_t)sent), sent);
    ck_assert_int_eq(dup2(fd, link.server.fd), link.server.fd);
    (void)close(fd);
    (void)close(packets[0]);
    (void)close(packets[1]);
    ck_assert_int_eq(SSL_read(link.client, bytes, sizeof bytes), 2);
    ck_assert_uint_eq(pool.lent, 0);
    link_close(&link);
    SSL_CTX_free(ctx);
}
END_TEST

START_TEST(what_is_held_is_given_back_with_the_connection)
{
    struct link link;
    size_t len = 0;
    char byte;
    SSL_CTX *ctx = make_client(TLS1_3_VERSION, &alice);
    open_link(&link, ctx);
    ck_assert_int_eq(transport_write_more(&link.server, "held", 4, &len), TRANSPORT_OK);
    send_records(&link, 3, RECORD);
    static char room[RECORD + 1];
    ck_assert_int_eq(transport_read(&link.server, room, sizeof room, &len), TRANSPORT_OK);
    ck_assert_uint_eq(pool.bulk_lent, 2);
    ck_assert_int_eq(transport_read(&link.server, &byte, 1, &len), TRANSPORT_OK);
    link_close(&link);
    SSL_CTX_free(ctx);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("tls_bulk");
    TCase *tcase = tcase_create("tls_bulk");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, records_wait_for_the_flush_and_nothing_overtakes_them);
    tcase_add_test(tcase, a_read_with_room_takes_all_records_there_are);
    tcase_add_test(tcase, nothing_is_lost_between_large_and_small_reads);
    tcase_add_test(tcase, many_tiny_records_do_not_hold_up_the_loop);
    tcase_add_test(tcase, an_end_right_behind_the_data_is_told);
    tcase_add_test(tcase, a_broken_record_behind_data_breaks_the_connection_after_it);
    tcase_add_test(tcase, a_narrow_socket_gets_every_byte_of_a_body);
    tcase_add_test(tcase, a_ticket_leaves_with_the_first_answer);
    tcase_add_test(tcase, what_is_held_is_given_back_with_the_connection);
    suite_add_tcase(suite, tcase);
    return suite;
}

/* PROXY protocol headers, whole, split at every byte, and wrong (HAProxy, "The PROXY protocol").
 *
 * SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "access/trusted_proxy_network.h"
#include "base/str.h"
#include "clients/proxy_protocol.h"
#include "unit/unit.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define TCP4      "\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb"
#define TCP6                                     \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01" \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\xdc\x04\x01\xbb"
#define CASE(text) text, sizeof(text) - 1

struct good_case {
    const char *bytes;
    size_t len;
    const char *source; /* NULL: the connection's own */
};

static const struct good_case GOOD[] = {
    {CASE("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"), "192.0.2.1:56324"},
    {CASE("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), "255.255.255.255:65535"},
    {CASE("PROXY TCP4 192.0.2.1 198.51.100.2 0 0\r\n"), "192.0.2.1:0"},
    {CASE("PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n"), "[2001:db8::1]:56324"},
    {CASE("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
          "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
    {CASE("PROXY UNKNOWN\r\n"), NULL},
    {CASE("PROXY UNKNOWN ffff:: ffff:: 65535 65535\r\n"), NULL},
    {CASE("PROXY UNKNOWN what ever\r\n"), NULL},
    {CASE(SIGNATURE "\x21\x11\x00\x0c" TCP4), "192.0.2.1:56324"},
    {CASE(SIGNATURE "\x21\x21\x00\x24" TCP6), "[2001:db8::1]:56324"},
    /* TLVs behind the addresses */
    {CASE(SIGNATURE "\x21\x11\x00\x13" TCP4 "\x04\x00\x04"
                    "abcd"),
     "192.0.2.1:56324"},
    /* LOCAL: addresses, if any, do not count. */
    {CASE(SIGNATURE "\x20\x00\x00\x00"), NULL},
    {CASE(SIGNATURE "\x20\x11\x00\x0c" TCP4), NULL},
    {CASE(SIGNATURE "\x21\x00\x00\x00"), NULL},
    {CASE(SIGNATURE "\x21\x00\x00\x03"
                    "abc"),
     NULL},
};

static void expect_good(const struct good_case *one, const struct proxy_protocol_header *header)
{
    char text[ADDR_TEXT_SIZE];
    ck_assert_uint_eq(header->len, one->len);
    ck_assert_int_eq(header->has_source, one->source != NULL);
    if (one->source != NULL)
        ck_assert_str_eq(addr_format(&header->source, text), one->source);
}

START_TEST(reads_both_versions_and_nothing_behind_them)
{
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
        char bytes[512];
        struct proxy_protocol_header header;
        memcpy(bytes, GOOD[i].bytes, GOOD[i].len);
        memcpy(bytes + GOOD[i].len, "\x16\x03\x01PROXY \r\n", 11);
        ck_assert_int_eq(proxy_protocol_parse(bytes, GOOD[i].len + 11, &header),
                         PROXY_PROTOCOL_DONE);
        expect_good(&GOOD[i], &header);
        /* Any beginning of it is too early to tell, and says that more is needed. */
        for (size_t len = 0; len < GOOD[i].len; len++) {
            ck_assert_int_eq(proxy_protocol_parse(bytes, len, &header), PROXY_PROTOCOL_MORE);
            ck_assert_uint_gt(header.len, len);
            ck_assert_uint_le(header.len, GOOD[i].len);
        }
    }
}
END_TEST

START_TEST(a_unix_client_leaves_the_address_of_the_connection)
{
    char bytes[16 + 216] = SIGNATURE "\x21\x31\x00\xd8/client";
    struct proxy_protocol_header header;
    ck_assert_int_eq(proxy_protocol_parse(bytes, sizeof bytes, &header), PROXY_PROTOCOL_DONE);
    ck_assert(!header.has_source);
    ck_assert_uint_eq(header.len, sizeof bytes);
}
END_TEST

START_TEST(refuses_headers_that_are_wrong)
{
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {CASE("PROXY TCP4 192.0.2.1 198.51.100.2 56324\r\n")},
        {CASE("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443 1\r\n")},
        {CASE("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443 \r\n")},
        {CASE("PROXY TCP4  192.0.2.1 198.51.100.2 56324 443\r\n")},
        {CASE("PROXY TCP4 192.0.2.256 198.51.100.2 56324 443\r\n")},
        {CASE("PROXY TCP4 192.0.2.1 host 56324 443\r\n")},
        {CASE("PROXY TCP4 2001:db8::1 2001:db8::2 56324 443\r\n")},
        {CASE("PROXY TCP6 192.0.2.1 198.51.100.2 56324 443\r\n")},
        {CASE("PROXY TCP4 192.0.2.1 198.51.100.2 65536 443\r\n")},
        {CASE("PROXY TCP4 192.0.2.1 198.51.100.2 056324 443\r\n")},
        {CASE("PROXY TCP4 192.0.2.1 198.51.100.2 -1 443\r\n")},
        {CASE("PROXY TCP4 192.0.2.1 198.51.100.2 +1 443\r\n")},
        {CASE("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\n\r\n")},
        {CASE("PROXY TCP4 192.0.2.1\0 198.51.100.2 56324 443\r\n")},
        {CASE("PROXY UDP4 192.0.2.1 198.51.100.2 56324 443\r\n")},
        {CASE("PROXY tcp4 192.0.2.1 198.51.100.2 56324 443\r\n")},
        {CASE("PROXY UNKNOWNS\r\n")},
        {CASE("PROXY \r\n")},
        {CASE("PROXY UNKNOWN 123456789012345678901234567890123456789012345678901234567890"
              "12345678901234567890123456789012345\r\n")},
        {CASE(SIGNATURE "\x22\x11\x00\x0c" TCP4)}, /* command */
        {CASE(SIGNATURE "\x11\x11\x00\x0c" TCP4)}, /* version */
        {CASE(SIGNATURE "\x21\x12\x00\x0c" TCP4)}, /* UDP */
        {CASE(SIGNATURE "\x21\x41\x00\x0c" TCP4)}, /* family */
        {CASE(SIGNATURE "\x21\x11\x00\x0b" TCP4)}, /* shorter than its addresses */
        {CASE(SIGNATURE "\x21\x21\x00\x0c" TCP4)},
        {CASE(SIGNATURE "\x21\x11\xff\xff" TCP4)}, /* longer than the limit: refused at once */
        {CASE(SIGNATURE "\x20\x00\x0f\xf1")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct proxy_protocol_header header;
        ck_assert_msg(proxy_protocol_parse(cases[i].bytes, cases[i].len, &header) ==
                          PROXY_PROTOCOL_BAD,
                      "case %zu", i);
    }
}
END_TEST

START_TEST(the_limits_are_exact)
{
    struct proxy_protocol_header header;
    char line[128];
    memset(line, 'x', sizeof line);
    memcpy(line, "PROXY UNKNOWN ", 14);
    /* Section 2.1: 107 bytes with the end of the line. */
    memcpy(line + 105, "\r\n", 2);
    ck_assert_int_eq(proxy_protocol_parse(line, 107, &header), PROXY_PROTOCOL_DONE);
    line[105] = 'x';
    ck_assert_int_eq(proxy_protocol_parse(line, 106, &header), PROXY_PROTOCOL_MORE);
    ck_assert_int_eq(proxy_protocol_parse(line, 107, &header), PROXY_PROTOCOL_BAD);
    ck_assert_int_eq(proxy_protocol_parse(CASE(SIGNATURE "\x20\x00\x0f\xf0"), &header),
                     PROXY_PROTOCOL_MORE);
    ck_assert_uint_eq(header.len, PROXY_PROTOCOL_V2_MAX);
}
END_TEST

START_TEST(other_protocols_are_left_alone)
{
    static const char *const cases[] = {
        "\x16\x03\x01", "GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\n", "PROPFIND /",
        "PROXYTCP4",    "proxy TCP4 ",        "\r\n\r\nG",           "\r\nGET"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct proxy_protocol_header header;
        ck_assert_msg(proxy_protocol_parse(cases[i], strlen(cases[i]), &header) ==
                          PROXY_PROTOCOL_NONE,
                      "case %zu", i);
    }
}
END_TEST

START_TEST(takes_exactly_the_header_off_a_socket)
{
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
        int fds[2];
        char rest[8] = {0};
        struct proxy_protocol state = {0};
        struct proxy_protocol_header header = {0};
        const char *reason = NULL;
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
        for (size_t at = 0; at < GOOD[i].len; at++) {
            ck_assert_int_eq(proxy_protocol_take(&state, fds[1], &header, &reason),
                             PROXY_PROTOCOL_MORE);
            ck_assert_int_eq(send(fds[0], GOOD[i].bytes + at, 1, 0), 1);
        }
        ck_assert_int_eq(send(fds[0], "GET", 3, 0), 3);
        ck_assert_int_eq(proxy_protocol_take(&state, fds[1], &header, &reason),
                         PROXY_PROTOCOL_DONE);
        expect_good(&GOOD[i], &header);
        ck_assert_int_eq(recv(fds[1], rest, sizeof rest, 0), 3);
        ck_assert_str_eq(rest, "GET");
        (void)close(fds[0]);
        (void)close(fds[1]);
    }
}
END_TEST

START_TEST(an_end_inside_the_header_is_noticed)
{
    int fds[2];
    struct proxy_protocol state = {0};
    struct proxy_protocol_header header;
    const char *reason = NULL;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    ck_assert_int_eq(send(fds[0], "PROXY TCP4", 10, 0), 10);
    ck_assert_int_eq(proxy_protocol_take(&state, fds[1], &header, &reason), PROXY_PROTOCOL_MORE);
    /* A wake-up without more is not an end by itself. */
    ck_assert_int_eq(proxy_protocol_take(&state, fds[1], &header, &reason), PROXY_PROTOCOL_MORE);
    (void)close(fds[0]);
    ck_assert_int_eq(proxy_protocol_take(&state, fds[1], &header, &reason), PROXY_PROTOCOL_BAD);
    ck_assert_ptr_nonnull(reason);
    (void)close(fds[1]);
}
END_TEST

START_TEST(networks_hold_what_their_prefix_says)
{
    static const struct {
        const char *network; /* NULL as address: not a network */
        const char *address;
        bool is_in;
    } cases[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"192.0.2.128/25", "192.0.2.200", true},
        {"192.0.2.128/25", "192.0.2.127", false},
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"0.0.0.0/0", "203.0.113.1", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "192.0.2.1", false},
        {"2001:db8::/33", "2001:db8:7fff::", true},
        {"2001:db8::/33", "2001:db8:8000::", false},
        {"10.0.0.0/8", "::ffff:10.1.2.3", true},
        {"10.0.0.0/8", "::ffff:11.1.2.3", false},
        {"10.0.0.1/8", NULL, false},
        {"10.0.0.0/33", NULL, false},
        {"10.0.0.0/", NULL, false},
        {"10.0.0.0/08x", NULL, false},
        {"10.0.0.0/-1", NULL, false},
        {"10.0.0", NULL, false},
        {"", NULL, false},
        {"/8", NULL, false},
        {"2001:db8::/129", NULL, false},
        {"2001:db8::1/64", NULL, false},
        {"[::1]", NULL, false},
        {"10.0.0.0/8/8", NULL, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct trusted_network network;
        const char *problem = trusted_network_parse(cases[i].network, &network);
        ck_assert_msg((problem == NULL) == (cases[i].address != NULL), "%s", cases[i].network);
        struct addr addr;
        if (problem != NULL)
            continue;
        ck_assert(addr_from_numeric(cases[i].address, 1, &addr));
        ck_assert_msg(trusted_network_has(&network, &addr) == cases[i].is_in, "%s in %s",
                      cases[i].address, cases[i].network);
    }
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("proxy_protocol");
    TCase *tcase = tcase_create("proxy_protocol");
    tcase_add_test(tcase, reads_both_versions_and_nothing_behind_them);
    tcase_add_test(tcase, a_unix_client_leaves_the_address_of_the_connection);
    tcase_add_test(tcase, refuses_headers_that_are_wrong);
    tcase_add_test(tcase, the_limits_are_exact);
    tcase_add_test(tcase, other_protocols_are_left_alone);
    tcase_add_test(tcase, takes_exactly_the_header_off_a_socket);
    tcase_add_test(tcase, an_end_inside_the_header_is_noticed);
    tcase_add_test(tcase, networks_hold_what_their_prefix_says);
    suite_add_tcase(suite, tcase);
    return suite;
}

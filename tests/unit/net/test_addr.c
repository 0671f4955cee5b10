/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <sys/un.h>

#include "net/addr.h"
#include "unit/unit.h"

static struct addr numeric(const char *host, unsigned port)
{
    struct addr addr;
    ck_assert(addr_from_numeric(host, port, &addr));
    return addr;
}

START_TEST(prints_what_it_parsed)
{
    static const struct {
        const char *host;
        unsigned port;
        const char *text;
    } CASES[] = {
        {"192.0.2.1", 80, "192.0.2.1:80"},
        {"0.0.0.0", 0, "0.0.0.0:0"},
        {"255.255.255.255", 65535, "255.255.255.255:65535"},
        {"9.10.99.100", 1, "9.10.99.100:1"},
        {"::1", 8443, "[::1]:8443"},
        /* RFC 5952 section 4: the canonical form */
        {"2001:DB8:0:0:0:0:0:1", 1, "[2001:db8::1]:1"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char text[ADDR_TEXT_SIZE];
        struct addr addr = numeric(CASES[i].host, CASES[i].port);
        ck_assert_str_eq(addr_format(&addr, text), CASES[i].text);
        ck_assert_uint_eq(addr_port(&addr), CASES[i].port);
    }
    char text[ADDR_TEXT_SIZE];
    struct addr addr = numeric("::1", 8443);
    ck_assert_str_eq(addr_format_host(&addr, text), "::1");
}
END_TEST

START_TEST(refuses_what_is_not_numeric)
{
    static const char *const BAD[] = {"",       "localhost", "1.2.3",        "127.1",
                                      "0x7f.1", "1.2.3.4 ",  "1.2.3.256",    "01.2.3.4",
                                      "[::1]",  ":::",       "1.2.3.4:80",   "::1%",
                                      "::g",    "12345::",   "1:2:3:4:5:6:7"};
    struct addr addr;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        ck_assert_msg(!addr_from_numeric(BAD[i], 80, &addr), "%s", BAD[i]);
    }
    ck_assert(!addr_from_numeric("127.0.0.1", 65536, &addr));
}
END_TEST

START_TEST(takes_a_unix_path_up_to_the_room_in_the_structure)
{
    char path[sizeof((struct sockaddr_un *)NULL)->sun_path + 1];
    char text[ADDR_TEXT_SIZE];
    struct addr addr;
    memset(path, 'a', sizeof path);
    path[sizeof path - 2] = '\0';
    ck_assert(addr_from_unix(path, &addr));
    ck_assert_str_eq(addr_format(&addr, text) + strlen("unix:"), path);
    path[sizeof path - 2] = 'a';
    path[sizeof path - 1] = '\0';
    ck_assert(!addr_from_unix(path, &addr));
    ck_assert(!addr_from_unix("", &addr));
    /* unix(7): an unnamed socket has a family and nothing else. */
    struct addr unnamed = {.storage = {.ss_family = AF_UNIX}, .len = sizeof(sa_family_t)};
    ck_assert_str_eq(addr_format(&unnamed, text), "unix:");
}
END_TEST

START_TEST(compares_with_and_without_the_port)
{
    struct addr a = numeric("192.0.2.1", 80);
    struct addr b = numeric("192.0.2.1", 81);
    struct addr c = numeric("192.0.2.2", 80);
    struct addr d = numeric("::ffff:192.0.2.1", 80);
    ck_assert(addr_equal(&a, &a) && !addr_equal(&a, &b) && !addr_equal(&a, &c));
    ck_assert(addr_equal_host(&a, &b) && !addr_equal_host(&a, &c) && !addr_equal_host(&a, &d));
}
END_TEST

START_TEST(knows_local_peers)
{
    static const struct {
        const char *peer;
        const char *local;
        bool is_loopback, is_local;
    } CASES[] = {
        {"127.0.0.1", "127.0.0.1", true, true},
        {"127.255.255.254", "192.0.2.1", true, true}, /* RFC 1122 section 3.2.1.3 (g) */
        {"128.0.0.1", "192.0.2.1", false, false},
        {"192.0.2.1", "192.0.2.1", false, true},
        {"::1", "2001:db8::1", true, true},
        {"::ffff:127.0.0.1", "2001:db8::1", true, true},
        {"::127.0.0.1", "2001:db8::1", false, false},
        {"2001:db8::1", "2001:db8::1", false, true},
        {"2001:db8::2", "2001:db8::1", false, false},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct addr peer = numeric(CASES[i].peer, 50000);
        struct addr local = numeric(CASES[i].local, 443);
        ck_assert_msg(addr_is_loopback(&peer) == CASES[i].is_loopback, "%s", CASES[i].peer);
        ck_assert_msg(addr_is_local(&peer, &local) == CASES[i].is_local, "%s", CASES[i].peer);
    }
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("addr");
    TCase *tcase = tcase_create("addr");
    tcase_add_test(tcase, prints_what_it_parsed);
    tcase_add_test(tcase, refuses_what_is_not_numeric);
    tcase_add_test(tcase, takes_a_unix_path_up_to_the_room_in_the_structure);
    tcase_add_test(tcase, compares_with_and_without_the_port);
    tcase_add_test(tcase, knows_local_peers);
    suite_add_tcase(suite, tcase);
    return suite;
}

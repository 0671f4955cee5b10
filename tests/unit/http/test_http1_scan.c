/* SPDX-License-Identifier: MIT */
#include "http/http1_parse.h"
#include "unit/unit.h"

/* Feeds one byte more at a time; *ret_seen is how many were there when the answer came. */
static enum http1_scan_result scan_bytewise(struct str bytes, struct http1_scan *scan,
                                            size_t *ret_len, size_t *ret_seen)
{
    enum http1_scan_result result = HTTP1_SCAN_MORE;
    *scan = (struct http1_scan){0};
    size_t seen = 0;
    while (result == HTTP1_SCAN_MORE && seen < bytes.len)
        result = http1_scan_head(scan, bytes.ptr, ++seen, ret_len);
    *ret_seen = seen;
    return result;
}

START_TEST(finds_the_end_of_a_head_and_no_earlier)
{
    static const struct str heads[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\nrest", 31},
        {"GET / HTTP/1.1\r\n\r\n\r\n", 20},
        {"a\tb\r\nX:\t\xff\x80\r\n\r\n", 14},
        {"\r\nGET", 5},
    };
    static const size_t lengths[] = {27, 18, 14, 2};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct http1_scan scan = {0};
        size_t len = 0;
        size_t seen;
        ck_assert(http1_scan_head(&scan, heads[i].ptr, heads[i].len, &len) == HTTP1_SCAN_END);
        ck_assert_uint_eq(len, lengths[i]);
        len = 0;
        ck_assert(scan_bytewise(heads[i], &scan, &len, &seen) == HTTP1_SCAN_END);
        ck_assert_uint_eq(len, lengths[i]);
        ck_assert_uint_eq(seen, lengths[i]);
    }
}
END_TEST

/* RFC 9112 sections 2.2 and 5.2, RFC 9110 section 5.5 */
START_TEST(refuses_at_once_what_no_further_byte_can_mend)
{
    static const struct {
        struct str bytes;
        enum http1_reason reason;
        size_t seen; /* bytes it takes to know */
    } cases[] = {
        {{"GET / HTTP/1.1\n\n", 16}, HTTP1_BARE_LF, 15},
        {{"GET / HTTP/1.1\r\nHost: a\n\r\n", 26}, HTTP1_BARE_LF, 24},
        {{"\n", 1}, HTTP1_BARE_LF, 1},
        {{"a\rb", 3}, HTTP1_BARE_CR, 3},
        {{"a\r\rb", 4}, HTTP1_BARE_CR, 3},
        {{"a\r\n\r\r", 5}, HTTP1_BARE_CR, 5},
        {{"a\0b", 3}, HTTP1_NUL, 2},
        {{"a\r\0", 3}, HTTP1_BARE_CR, 3},
        {{"a\x1b", 2}, HTTP1_CONTROL_CHARACTER, 2},
        {{"a\x0b", 2}, HTTP1_CONTROL_CHARACTER, 2},
        {{"a\x7f", 2}, HTTP1_CONTROL_CHARACTER, 2},
        {{"a\r\n b", 5}, HTTP1_LEADING_SPACE, 4},
        {{"a\r\n\tb", 5}, HTTP1_LEADING_SPACE, 4},
        {{"a\r\nb\r\n c", 8}, HTTP1_OBS_FOLD, 7},
        {{"a\r\nb\r\n\t\r\n\r\n", 11}, HTTP1_OBS_FOLD, 7},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http1_scan scan = {0};
        size_t len;
        size_t seen;
        ck_assert(http1_scan_head(&scan, cases[i].bytes.ptr, cases[i].bytes.len, &len) ==
                  HTTP1_SCAN_BAD);
        ck_assert_msg(scan.reason == cases[i].reason, "case %zu: %s", i,
                      http1_reason_text(scan.reason));
        ck_assert(scan_bytewise(cases[i].bytes, &scan, &len, &seen) == HTTP1_SCAN_BAD);
        ck_assert(scan.reason == cases[i].reason);
        ck_assert_uint_eq(seen, cases[i].seen);
    }
}
END_TEST

START_TEST(waits_while_the_head_may_go_on)
{
    static const char *heads[] = {"", "GET", "GET / HTTP/1.1\r", "GET / HTTP/1.1\r\n",
                                  "GET / HTTP/1.1\r\nHost: a\r\n\r"};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct http1_scan scan = {0};
        struct str head = str_of(heads[i]);
        size_t len;
        ck_assert(http1_scan_head(&scan, head.ptr, head.len, &len) == HTTP1_SCAN_MORE);
        ck_assert_uint_le(scan.offset, head.len);
    }
}
END_TEST

/* RFC 9112 section 2.2: at least one empty line before the request line is to be ignored */
START_TEST(skips_one_empty_line_before_a_request)
{
    ck_assert_uint_eq(http1_skip_blank("\r\nGET", 5), 2);
    ck_assert_uint_eq(http1_skip_blank("\r\n\r\nGET", 7), 2);
    ck_assert_uint_eq(http1_skip_blank("\r\n", 2), 2);
    ck_assert_uint_eq(http1_skip_blank("\r", 1), 0);
    ck_assert_uint_eq(http1_skip_blank("\n", 1), 0);
    ck_assert_uint_eq(http1_skip_blank("GET", 3), 0);
    ck_assert_uint_eq(http1_skip_blank("", 0), 0);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("http1_scan");
    TCase *tcase = tcase_create("http1_scan");
    tcase_add_test(tcase, finds_the_end_of_a_head_and_no_earlier);
    tcase_add_test(tcase, refuses_at_once_what_no_further_byte_can_mend);
    tcase_add_test(tcase, waits_while_the_head_may_go_on);
    tcase_add_test(tcase, skips_one_empty_line_before_a_request);
    suite_add_tcase(suite, tcase);
    return suite;
}

/* SPDX-License-Identifier: MIT */
#include <signal.h>

#include "http/http1_write.h"
#include "unit/unit.h"

static struct buf_pool pool;
static struct arena arena;

static void setup(void)
{
    buf_pool_init(&pool, 4);
    arena_init(&arena, &pool);
}

static void teardown(void)
{
    arena_clear(&arena);
    buf_pool_clear(&pool);
}

START_TEST(writes_a_request_head)
{
    struct http_fields fields = {0};
    http_fields_add(&fields, &arena, STR("Host"), STR("a.example"));
    http_fields_add(&fields, &arena, STR("X-Empty"), str_make(NULL, 0));
    http_fields_add(&fields, &arena, STR("X"), STR("a\t\xff"));
    struct str head = http1_write_request_head(&arena, STR("BREW"), STR("/a?b"), &fields);
    ck_assert(str_equal(
        head, STR("BREW /a?b HTTP/1.1\r\nHost: a.example\r\nX-Empty: \r\nX: a\t\xff\r\n\r\n")));
}
END_TEST

START_TEST(writes_a_response_head)
{
    struct http_fields fields = {0};
    ck_assert(str_equal(http1_write_response_head(&arena, 404, STR("Gone fishing"), &fields),
                        STR("HTTP/1.1 404 Gone fishing\r\n\r\n")));
    http_fields_add(&fields, &arena, STR("A"), STR("b"));
    ck_assert(str_equal(http1_write_response_head(&arena, 413, STR(""), &fields),
                        STR("HTTP/1.1 413 Content Too Large\r\nA: b\r\n\r\n")));
    ck_assert(str_equal(http1_write_response_head(&arena, 599, str_make(NULL, 0), &fields),
                        STR("HTTP/1.1 599 Unknown\r\nA: b\r\n\r\n")));
}
END_TEST

/* RFC 9110 section 5.5: whoever passes such bytes on splits the message */
static const struct {
    struct str method, target, name, value;
} SPLITTERS[] = {
    {{"GE T", 4}, {"/", 1}, {"A", 1}, {"b", 1}},    {{"", 0}, {"/", 1}, {"A", 1}, {"b", 1}},
    {{"GET", 3}, {"/ b", 3}, {"A", 1}, {"b", 1}},   {{"GET", 3}, {"", 0}, {"A", 1}, {"b", 1}},
    {{"GET", 3}, {"/\r\n", 3}, {"A", 1}, {"b", 1}}, {{"GET", 3}, {"/", 1}, {"", 0}, {"b", 1}},
    {{"GET", 3}, {"/", 1}, {"A:", 2}, {"b", 1}},    {{"GET", 3}, {"/", 1}, {"A\n", 2}, {"b", 1}},
    {{"GET", 3}, {"/", 1}, {"A ", 2}, {"b", 1}},    {{"GET", 3}, {"/", 1}, {"A", 1}, {"b\r", 2}},
    {{"GET", 3}, {"/", 1}, {"A", 1}, {"b\nc", 3}},  {{"GET", 3}, {"/", 1}, {"A", 1}, {"b\tc\0", 4}},
};

START_TEST(aborts_rather_than_write_what_splits_a_message)
{
    struct http_fields fields = {0};
    http_fields_add(&fields, &arena, SPLITTERS[_i].name, SPLITTERS[_i].value);
    (void)http1_write_request_head(&arena, SPLITTERS[_i].method, SPLITTERS[_i].target, &fields);
}
END_TEST

START_TEST(aborts_on_a_phrase_that_splits_a_message)
{
    struct http_fields fields = {0};
    (void)http1_write_response_head(&arena, 200, STR("OK\r\nX: y"), &fields);
}
END_TEST

/* RFC 9112 section 7.1 */
START_TEST(writes_chunk_sizes)
{
    static const struct {
        uint64_t size;
        const char *line;
    } cases[] = {
        {1, "1\r\n"},
        {15, "f\r\n"},
        {16, "10\r\n"},
        {255, "ff\r\n"},
        {256, "100\r\n"},
        {16384, "4000\r\n"},
        {0xabcdef, "abcdef\r\n"},
        {UINT64_MAX, "ffffffffffffffff\r\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[HTTP1_CHUNK_OVERHEAD];
        size_t len = http1_write_chunk_size(cases[i].size, line);
        ck_assert(str_equal(str_make(line, len), str_of(cases[i].line)));
    }
    size_t most = 18 + HTTP1_CHUNK_END.len + HTTP1_LAST_CHUNK.len;
    ck_assert_uint_le(most, HTTP1_CHUNK_OVERHEAD);
}
END_TEST

START_TEST(aborts_on_a_chunk_of_no_bytes)
{
    char line[HTTP1_CHUNK_OVERHEAD];
    (void)http1_write_chunk_size(0, line);
}
END_TEST

/* RFC 9110 section 15 */
START_TEST(knows_the_standard_phrases)
{
    ck_assert_str_eq(http_status_text(100), "Continue");
    ck_assert_str_eq(http_status_text(200), "OK");
    ck_assert_str_eq(http_status_text(421), "Misdirected Request");
    ck_assert_str_eq(http_status_text(431), "Request Header Fields Too Large");
    ck_assert_str_eq(http_status_text(511), "Network Authentication Required");
    ck_assert_str_eq(http_status_text(299), "Unknown");
    ck_assert_str_eq(http_status_text(0), "Unknown");
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("http1_write");
    TCase *tcase = tcase_create("http1_write");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, writes_a_request_head);
    tcase_add_test(tcase, writes_a_response_head);
    tcase_add_loop_test_raise_signal(tcase, aborts_rather_than_write_what_splits_a_message, SIGABRT,
                                     0, sizeof SPLITTERS / sizeof SPLITTERS[0]);
    tcase_add_test_raise_signal(tcase, aborts_on_a_phrase_that_splits_a_message, SIGABRT);
    tcase_add_test(tcase, writes_chunk_sizes);
    tcase_add_test_raise_signal(tcase, aborts_on_a_chunk_of_no_bytes, SIGABRT);
    tcase_add_test(tcase, knows_the_standard_phrases);
    suite_add_tcase(suite, tcase);
    return suite;
}

/* SPDX-License-Identifier: MIT */
#include "base/text.h"
#include "http/http1_body.h"
#include "unit/unit.h"

static const struct http_body_framing CHUNKED = {.kind = HTTP_BODY_CHUNKED};

/* Decodes in pieces of at most step bytes until the end, an error or the end of the input. */
static enum http1_body_result decode(struct http1_body *body, struct str bytes, size_t step,
                                     struct text *ret_payload, size_t *ret_consumed)
{
    enum http1_body_result result = HTTP1_BODY_MORE;
    size_t consumed = 0;
    text_reset(ret_payload);
    do {
        size_t rest = bytes.len - consumed;
        struct str input = str_make(bytes.ptr + consumed, rest < step ? rest : step);
        size_t before = input.len;
        struct str piece;
        while ((result = http1_body_next(body, &input, &piece)) == HTTP1_BODY_DATA) {
            ck_assert_uint_gt(piece.len, 0);
            text_add(ret_payload, piece);
        }
        consumed += before - input.len;
    } while (result == HTTP1_BODY_MORE && consumed < bytes.len);
    ck_assert_uint_eq(body->total, ret_payload->len);
    *ret_consumed = consumed;
    return result;
}

struct chunk_case {
    struct str bytes;
    enum http1_reason reason;
    const char *payload; /* what is yielded, also before an error */
    size_t rest;         /* bytes left for the next message */
};

#define BYTES(literal)                 \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }

/* RFC 9112 section 7.1 */
static const struct chunk_case CHUNK_CASES[] = {
    {BYTES("0\r\n\r\n"), HTTP1_VALID, "", 0},
    {BYTES("5\r\nhello\r\n0\r\n\r\n"), HTTP1_VALID, "hello", 0},
    {BYTES("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET /"), HTTP1_VALID, "hello world", 5},
    {BYTES("A\r\n0123456789\r\n0\r\n\r\n"), HTTP1_VALID, "0123456789", 0},
    {BYTES("a\r\n0123456789\r\n0\r\n\r\n"), HTTP1_VALID, "0123456789", 0},
    {BYTES("5\r\n\r\n0\r\n\r\n0\r\n\r\n"), HTTP1_VALID, "\r\n0\r\n", 0},
    {BYTES("0005\r\nhello\r\n000\r\n\r\n"), HTTP1_VALID, "hello", 0},
    {BYTES("0000000000000005\r\nhello\r\n0\r\n\r\n"), HTTP1_VALID, "hello", 0},
    {BYTES("00000000000000005\r\nhello\r\n0\r\n\r\n"), HTTP1_CHUNK_SIZE, "", 0},
    {BYTES("1000000000000000\r\n"), HTTP1_CHUNK_SIZE, "", 0},
    {BYTES("ffffffffffffffff\r\n"), HTTP1_CHUNK_SIZE, "", 0},
    {BYTES("10000000000000005\r\nhello\r\n0\r\n\r\n"), HTTP1_CHUNK_SIZE, "", 0},
    {BYTES("0x5\r\nhello\r\n0\r\n\r\n"), HTTP1_CHUNK_SIZE, "", 0},
    {BYTES("+5\r\nhello\r\n0\r\n\r\n"), HTTP1_CHUNK_SIZE, "", 0},
    {BYTES("-5\r\nhello\r\n0\r\n\r\n"), HTTP1_CHUNK_SIZE, "", 0},
    {BYTES(" 5\r\nhello\r\n0\r\n\r\n"), HTTP1_CHUNK_SIZE, "", 0},
    {BYTES("5 \r\nhello\r\n0\r\n\r\n"), HTTP1_CHUNK_SIZE, "", 0},
    {BYTES("5\t\r\nhello\r\n0\r\n\r\n"), HTTP1_CHUNK_SIZE, "", 0},
    {BYTES("5 ;a\r\nhello\r\n0\r\n\r\n"), HTTP1_CHUNK_SIZE, "", 0},
    {BYTES("5g\r\nhello\r\n0\r\n\r\n"), HTTP1_CHUNK_SIZE, "", 0},
    {BYTES("5_0\r\nhello\r\n0\r\n\r\n"), HTTP1_CHUNK_SIZE, "", 0},
    {BYTES("\r\nhello\r\n0\r\n\r\n"), HTTP1_CHUNK_SIZE, "", 0},
    {BYTES(";a\r\n\r\n"), HTTP1_CHUNK_SIZE, "", 0},
    {BYTES("5\0\r\nhello\r\n0\r\n\r\n"), HTTP1_NUL, "", 0},
    {BYTES("5\nhello\r\n0\r\n\r\n"), HTTP1_BARE_LF, "", 0},
    {BYTES("5\rhello\r\n0\r\n\r\n"), HTTP1_BARE_CR, "", 0},
    {BYTES("5\r\r\nhello\r\n0\r\n\r\n"), HTTP1_BARE_CR, "", 0},
    {BYTES("5\r\nhello0\r\n\r\n"), HTTP1_CHUNK_DATA_END, "hello", 0},
    {BYTES("5\r\nhello!\r\n0\r\n\r\n"), HTTP1_CHUNK_DATA_END, "hello", 0},
    {BYTES("5\r\nhello\n0\r\n\r\n"), HTTP1_CHUNK_DATA_END, "hello", 0},
    {BYTES("5\r\nhello\r0\r\n\r\n"), HTTP1_CHUNK_DATA_END, "hello", 0},
    {BYTES("5\r\nhello\r\n\r\n0\r\n\r\n"), HTTP1_CHUNK_SIZE, "hello", 0},

    /* RFC 9112 section 7.1.1 */
    {BYTES("5;a\r\nhello\r\n0;b=c\r\n\r\n"), HTTP1_VALID, "hello", 0},
    {BYTES("5;a=b;c=\"d;\\\"\r\te\xff\";f\r\nhello\r\n0\r\n\r\n"), HTTP1_CHUNK_EXTENSION, "", 0},
    {BYTES("5;a=b;c=\"d;\\\"\te\xff\";f\r\nhello\r\n0\r\n\r\n"), HTTP1_VALID, "hello", 0},
    {BYTES("5; a\t= b ; c = \"\" \r\nhello\r\n0\r\n\r\n"), HTTP1_VALID, "hello", 0},
    {BYTES("5;\r\nhello\r\n0\r\n\r\n"), HTTP1_CHUNK_EXTENSION, "", 0},
    {BYTES("5;;a\r\nhello\r\n0\r\n\r\n"), HTTP1_CHUNK_EXTENSION, "", 0},
    {BYTES("5;=b\r\nhello\r\n0\r\n\r\n"), HTTP1_CHUNK_EXTENSION, "", 0},
    {BYTES("5;a=\r\nhello\r\n0\r\n\r\n"), HTTP1_CHUNK_EXTENSION, "", 0},
    {BYTES("5;a==b\r\nhello\r\n0\r\n\r\n"), HTTP1_CHUNK_EXTENSION, "", 0},
    {BYTES("5;a b\r\nhello\r\n0\r\n\r\n"), HTTP1_CHUNK_EXTENSION, "", 0},
    {BYTES("5;a=b c\r\nhello\r\n0\r\n\r\n"), HTTP1_CHUNK_EXTENSION, "", 0},
    {BYTES("5;a=\"b\"c\r\nhello\r\n0\r\n\r\n"), HTTP1_CHUNK_EXTENSION, "", 0},
    {BYTES("5;a=\"b\r\nhello\r\n0\r\n\r\n"), HTTP1_CHUNK_EXTENSION, "", 0},
    {BYTES("5;a=\"\\\r\n\"\r\nhello\r\n0\r\n\r\n"), HTTP1_CHUNK_EXTENSION, "", 0},
    {BYTES("5;a\x01\r\nhello\r\n0\r\n\r\n"), HTTP1_CHUNK_EXTENSION, "", 0},
    {BYTES("5;a\0\r\nhello\r\n0\r\n\r\n"), HTTP1_NUL, "", 0},
    {BYTES("5;a\nhello\r\n0\r\n\r\n"), HTTP1_BARE_LF, "", 0},
    {BYTES("5;a=\"\n\"\r\nhello\r\n0\r\n\r\n"), HTTP1_BARE_LF, "", 0},
    {BYTES("5;a\rb\r\nhello\r\n0\r\n\r\n"), HTTP1_BARE_CR, "", 0},

    /* RFC 9112 section 7.1.2 */
    {BYTES("0\r\nX: y\r\nZ:\r\n\r\nGET"), HTTP1_VALID, "", 3},
    {BYTES("0\r\nX:\ty\xff \r\n\r\n"), HTTP1_VALID, "", 0},
    {BYTES("0\r\nX: y\r\n z\r\n\r\n"), HTTP1_TRAILER, "", 0},
    {BYTES("0\r\n X: y\r\n\r\n"), HTTP1_TRAILER, "", 0},
    {BYTES("0\r\nX : y\r\n\r\n"), HTTP1_TRAILER, "", 0},
    {BYTES("0\r\nX\r\n\r\n"), HTTP1_TRAILER, "", 0},
    {BYTES("0\r\n: y\r\n\r\n"), HTTP1_TRAILER, "", 0},
    {BYTES("0\r\nX(: y\r\n\r\n"), HTTP1_TRAILER, "", 0},
    {BYTES("0\r\nX: \x7f\r\n\r\n"), HTTP1_TRAILER, "", 0},
    {BYTES("0\r\nX: \0\r\n\r\n"), HTTP1_NUL, "", 0},
    {BYTES("0\r\nX: y\n\r\n"), HTTP1_BARE_LF, "", 0},
    {BYTES("0\r\n\n"), HTTP1_BARE_LF, "", 0},
    {BYTES("0\r\nX: y\rZ: a\r\n\r\n"), HTTP1_BARE_CR, "", 0},
    {BYTES("0\r\n\rX"), HTTP1_BARE_CR, "", 0},
};

START_TEST(decodes_chunks_however_they_arrive)
{
    struct text payload = {0};
    for (size_t i = 0; i < sizeof CHUNK_CASES / sizeof CHUNK_CASES[0]; i++) {
        const struct chunk_case *c = &CHUNK_CASES[i];
        for (size_t step = 1; step <= c->bytes.len; step++) {
            struct http1_body body;
            size_t consumed;
            http1_body_init(&body, CHUNKED, 0);
            enum http1_body_result result = decode(&body, c->bytes, step, &payload, &consumed);
            ck_assert_msg(body.reason == c->reason, "'%s' by %zu: %s", c->bytes.ptr, step,
                          http1_reason_text(body.reason));
            ck_assert(result == (c->reason == HTTP1_VALID ? HTTP1_BODY_END : HTTP1_BODY_BAD));
            ck_assert(str_equal(text_str(&payload), str_of(c->payload)));
            ck_assert(http1_body_finish(&body) == (result == HTTP1_BODY_END));
            if (result == HTTP1_BODY_END)
                ck_assert_uint_eq(c->bytes.len - consumed, c->rest);
        }
    }
    text_clear(&payload);
}
END_TEST

START_TEST(a_cut_chunked_body_is_not_finished)
{
    struct str whole = STR("5;a=\"b\"\r\nhello\r\n0\r\nX: y\r\n\r\n");
    struct text payload = {0};
    for (size_t len = 0; len < whole.len; len++) {
        struct http1_body body;
        size_t consumed;
        http1_body_init(&body, CHUNKED, 0);
        ck_assert(decode(&body, str_make(whole.ptr, len), len, &payload, &consumed) ==
                  HTTP1_BODY_MORE);
        ck_assert_uint_eq(consumed, len);
        ck_assert(!http1_body_finish(&body));
    }
    text_clear(&payload);
}
END_TEST

START_TEST(stays_at_its_end_and_at_its_error)
{
    struct http1_body body;
    struct str input = STR("0\r\n\r\nnext");
    struct str piece;
    http1_body_init(&body, CHUNKED, 0);
    ck_assert(http1_body_next(&body, &input, &piece) == HTTP1_BODY_END);
    ck_assert(http1_body_next(&body, &input, &piece) == HTTP1_BODY_END);
    ck_assert(str_equal(input, STR("next")));

    input = STR("x0\r\n\r\n");
    http1_body_init(&body, CHUNKED, 0);
    ck_assert(http1_body_next(&body, &input, &piece) == HTTP1_BODY_BAD);
    ck_assert(http1_body_next(&body, &input, &piece) == HTTP1_BODY_BAD);
    ck_assert(body.reason == HTTP1_CHUNK_SIZE && !http1_body_finish(&body));
}
END_TEST

/* RFC 9112 section 6.3 rules 1, 6 and 8 */
START_TEST(takes_a_body_by_length_or_until_the_close)
{
    struct text payload = {0};
    struct http1_body body;
    size_t consumed;
    struct str bytes = STR("abcdef");
    for (size_t step = 1; step <= bytes.len; step++) {
        for (uint64_t length = 0; length <= bytes.len; length++) {
            http1_body_init(&body, (struct http_body_framing){HTTP_BODY_LENGTH, length}, 0);
            ck_assert(decode(&body, bytes, step, &payload, &consumed) == HTTP1_BODY_END);
            ck_assert(str_equal(text_str(&payload), str_make(bytes.ptr, length)));
            ck_assert_uint_eq(consumed, length);
        }
        http1_body_init(&body, (struct http_body_framing){HTTP_BODY_UNTIL_CLOSE, 0}, 0);
        ck_assert(decode(&body, bytes, step, &payload, &consumed) == HTTP1_BODY_MORE);
        ck_assert(str_equal(text_str(&payload), bytes));
        ck_assert(http1_body_finish(&body));
    }
    http1_body_init(&body, (struct http_body_framing){HTTP_BODY_LENGTH, 7}, 0);
    ck_assert(decode(&body, bytes, 6, &payload, &consumed) == HTTP1_BODY_MORE);
    ck_assert(!http1_body_finish(&body));
    http1_body_init(&body, (struct http_body_framing){HTTP_BODY_NONE, 0}, 0);
    ck_assert(decode(&body, bytes, 6, &payload, &consumed) == HTTP1_BODY_END);
    ck_assert_uint_eq(consumed, 0);
    ck_assert(http1_body_finish(&body));
    text_clear(&payload);
}
END_TEST

/* RFC 9110 section 15.5.14 */
START_TEST(keeps_the_limit_to_the_byte)
{
    static const struct {
        enum http_body_kind kind;
        struct str bytes;
        uint64_t limit;
        bool is_valid;
    } cases[] = {
        {HTTP_BODY_LENGTH, BYTES("abcdef"), 6, true},
        {HTTP_BODY_LENGTH, BYTES("abcdef"), 5, false},
        {HTTP_BODY_UNTIL_CLOSE, BYTES("abcdef"), 6, true},
        {HTTP_BODY_UNTIL_CLOSE, BYTES("abcdef"), 5, false},
        {HTTP_BODY_CHUNKED, BYTES("3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"), 6, true},
        {HTTP_BODY_CHUNKED, BYTES("3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"), 5, false},
        {HTTP_BODY_CHUNKED, BYTES("6\r\nabcdef\r\n0\r\n\r\n"), 6, true},
        {HTTP_BODY_CHUNKED, BYTES("6\r\nabcdef\r\n0\r\n\r\n"), 5, false},
        {HTTP_BODY_CHUNKED, BYTES("fffffffffffffff\r\n"), 5, false},
    };
    struct text payload = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t step = 1; step <= cases[i].bytes.len; step++) {
            struct http1_body body;
            size_t consumed;
            http1_body_init(&body, (struct http_body_framing){cases[i].kind, 6}, cases[i].limit);
            enum http1_body_result result =
                decode(&body, cases[i].bytes, step, &payload, &consumed);
            ck_assert_msg((result != HTTP1_BODY_BAD) == cases[i].is_valid, "case %zu", i);
            ck_assert(body.reason == (cases[i].is_valid ? HTTP1_VALID : HTTP1_BODY_TOO_LARGE));
            ck_assert_uint_le(payload.len, cases[i].limit);
        }
    }
    struct http1_body body;
    struct str input = STR("");
    struct str piece;
    http1_body_init(&body, (struct http_body_framing){HTTP_BODY_LENGTH, 6}, 5);
    ck_assert(http1_body_next(&body, &input, &piece) == HTTP1_BODY_BAD);
    text_clear(&payload);
}
END_TEST

static enum http1_reason reason_with_filler(const char *before, size_t filler, const char *after)
{
    struct text bytes = {0};
    struct text payload = {0};
    struct http1_body body;
    size_t consumed;
    text_add_cstr(&bytes, before);
    for (size_t i = 0; i < filler; i++)
        text_add_char(&bytes, 'a');
    text_add_cstr(&bytes, after);
    http1_body_init(&body, CHUNKED, 0);
    (void)decode(&body, text_str(&bytes), bytes.len, &payload, &consumed);
    text_clear(&bytes);
    text_clear(&payload);
    return body.reason;
}

/* RFC 9112 section 7.1.1: a recipient should limit the length of chunk extensions */
START_TEST(bounds_what_it_drops)
{
    const size_t line = 1024 - 3; /* "5;" and CR */
    ck_assert(reason_with_filler("5;", line, "\r\nhello\r\n0\r\n\r\n") == HTTP1_VALID);
    ck_assert(reason_with_filler("5;", line + 1, "\r\nhello\r\n0\r\n\r\n") ==
              HTTP1_CHUNK_EXTENSION);
    const size_t trailer = 8192 - 6; /* "X:", CRLF, CRLF */
    ck_assert(reason_with_filler("0\r\nX:", trailer, "\r\n\r\n") == HTTP1_VALID);
    ck_assert(reason_with_filler("0\r\nX:", trailer + 1, "\r\n\r\n") == HTTP1_TRAILER);
    /* each size line has the whole room */
    ck_assert(reason_with_filler("1;b\r\na\r\n5;", line, "\r\nhello\r\n0\r\n\r\n") == HTTP1_VALID);
}
END_TEST

START_TEST(keeps_trailers_however_they_arrive)
{
    static const struct str BODY = {"3\r\nabc\r\n0\r\nX-A:  one \r\nx-b:\r\n\r\nrest", 35};
    for (size_t step = 1; step <= BODY.len; step++) {
        struct buf_pool pool;
        struct arena arena;
        struct text payload = {0};
        struct http1_body body;
        size_t consumed;
        buf_pool_init(&pool, 0);
        arena_init(&arena, &pool);
        http1_body_init(&body, CHUNKED, 0);
        http1_body_keep_trailers(&body, &arena, 2);
        ck_assert(decode(&body, BODY, step, &payload, &consumed) == HTTP1_BODY_END);
        ck_assert_uint_eq(consumed, BODY.len - 4);
        ck_assert_uint_eq(body.trailers.count, 2);
        ck_assert(str_equal(body.trailers.items[0].name, STR("X-A")));
        ck_assert(str_equal(body.trailers.items[0].value, STR("one")));
        ck_assert(str_equal(body.trailers.items[1].name, STR("x-b")));
        ck_assert_uint_eq(body.trailers.items[1].value.len, 0);
        http1_body_init(&body, CHUNKED, 0);
        http1_body_keep_trailers(&body, &arena, 1);
        ck_assert(decode(&body, BODY, step, &payload, &consumed) == HTTP1_BODY_BAD);
        ck_assert(body.reason == HTTP1_TOO_MANY_FIELDS);
        text_clear(&payload);
        arena_clear(&arena);
        buf_pool_clear(&pool);
    }
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("http1_body");
    TCase *tcase = tcase_create("http1_body");
    tcase_add_test(tcase, decodes_chunks_however_they_arrive);
    tcase_add_test(tcase, a_cut_chunked_body_is_not_finished);
    tcase_add_test(tcase, stays_at_its_end_and_at_its_error);
    tcase_add_test(tcase, takes_a_body_by_length_or_until_the_close);
    tcase_add_test(tcase, keeps_the_limit_to_the_byte);
    tcase_add_test(tcase, bounds_what_it_drops);
    tcase_add_test(tcase, keeps_trailers_however_they_arrive);
    suite_add_tcase(suite, tcase);
    return suite;
}

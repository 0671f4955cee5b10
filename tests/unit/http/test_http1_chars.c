/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "http/http1_chars.h"
#include "unit/unit.h"

static bool is_alnum(int c)
{
    return ascii_is_alpha((char)c) || ascii_is_digit((char)c);
}

static bool is_one_of(int c, const char *set)
{
    return c != 0 && c < 0x80 && strchr(set, c) != NULL;
}

/* RFC 9110 sections 5.5, 5.6.2, 5.6.4; RFC 3986 section 2 */
START_TEST(the_table_is_what_the_grammar_says)
{
    for (int c = 0; c < 256; c++) {
        bool is_obs_text = c >= 0x80;
        bool is_visible = c >= 0x21 && c <= 0x7e;
        bool is_blank = c == ' ' || c == '\t';
        bool is_token = is_alnum(c) || is_one_of(c, "!#$%&'*+-.^_`|~");
        bool is_quoted = is_blank || is_obs_text || (is_visible && c != '"' && c != '\\');
        bool is_host = is_alnum(c) || is_one_of(c, "-._~!$&'()*+,;=");
        ck_assert_msg(http1_char_is((char)c, HTTP1_CHAR_TOKEN) == is_token, "token %02x", c);
        ck_assert_msg(http1_char_is((char)c, HTTP1_CHAR_TARGET) == is_visible, "target %02x", c);
        ck_assert_msg(http1_char_is((char)c, HTTP1_CHAR_VALUE) ==
                          (is_visible || is_blank || is_obs_text),
                      "value %02x", c);
        ck_assert_msg(http1_char_is((char)c, HTTP1_CHAR_QUOTED) == is_quoted, "quoted %02x", c);
        ck_assert_msg(http1_char_is((char)c, HTTP1_CHAR_HOST) == is_host, "host %02x", c);
    }
}
END_TEST

START_TEST(finds_the_first_control_byte_wherever_it_stands)
{
    for (size_t len = 0; len <= 40; len++) {
        char *bytes = malloc(len + 1);
        memset(bytes, 'a', len + 1);
        ck_assert_uint_eq(http1_find_control(str_make(bytes, len)), len);
        for (size_t at = 0; at < len; at++) {
            for (int c = 1; c < 256; c++) {
                bytes[at] = (char)c;
                size_t wanted = c < 0x20 || c == 0x7f ? at : len;
                ck_assert_uint_eq(http1_find_control(str_make(bytes, len)), wanted);
            }
            bytes[at] = '\0';
            ck_assert_uint_eq(http1_find_control(str_make(bytes, len)), at);
            bytes[at] = '\x80'; /* neighbours of a hit must not hide it or become one */
        }
        free(bytes);
    }
}
END_TEST

START_TEST(counts_what_could_end_a_line)
{
    static const char ENDS[] = {'\r', '\n', '\0'};
    enum { SIZE = 3 * 16 * 255 + 5 };
    char *bytes = malloc(SIZE);
    for (size_t len = 0; len <= 40; len++) {
        for (int c = 0; c < 256; c++) {
            bool is_end = c == '\r' || c == '\n' || c == '\0';
            memset(bytes, c, len);
            ck_assert_uint_eq(http1_count_ends(str_make(bytes, len)), is_end ? len : 0);
        }
        for (size_t at = 0; at < len; at++) {
            memset(bytes, 'a', len);
            bytes[at] = ENDS[at % sizeof ENDS];
            ck_assert_uint_eq(http1_count_ends(str_make(bytes, len)), 1);
        }
    }
    memset(bytes, '\n', SIZE); /* no sum wraps around */
    ck_assert_uint_eq(http1_count_ends(str_make(bytes, SIZE)), SIZE);
    free(bytes);
}
END_TEST

START_TEST(spans_and_wholes_of_a_class)
{
    ck_assert_uint_eq(http1_span(STR("abc def"), HTTP1_CHAR_TOKEN), 3);
    ck_assert_uint_eq(http1_span(STR(""), HTTP1_CHAR_TOKEN), 0);
    ck_assert(http1_is_all(STR("abc"), HTTP1_CHAR_TOKEN));
    ck_assert(!http1_is_all(STR("a c"), HTTP1_CHAR_TOKEN));
    ck_assert(!http1_is_all(STR(""), HTTP1_CHAR_TOKEN));
}
END_TEST

/* RFC 3875 section 4.1.18 turns '-' into '_': what looks alike there is an alias */
START_TEST(knows_the_aliases_of_framing_fields)
{
    static const struct {
        struct str name;
        bool is_alias;
    } cases[] = {
        {{"Content-Length", 14}, false},    {{"content-length", 14}, false},
        {{"Transfer-Encoding", 17}, false}, {{"TRANSFER-ENCODING", 17}, false},
        {{"Content_Length", 14}, true},     {{"content.length", 14}, true},
        {{"ContentLength", 13}, true},      {{"Content--Length", 15}, true},
        {{"Content-Length-", 15}, true},    {{"-Content-Length", 15}, true},
        {{"Content-Length0", 15}, true},    {{"Transfer_Encoding", 17}, true},
        {{"transferencoding", 16}, true},   {{"Transfer~Encoding", 17}, true},
        {{"Content-Lengths", 15}, false},   {{"X-Content-Length", 16}, false},
        {{"Content-Encoding", 16}, false},  {{"Content-Type", 12}, false},
        {{"Accept-Encoding", 15}, false},   {{"Content-Lengt", 13}, false},
        {{"If-Modified-Since", 17}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg(http1_is_framing_alias(cases[i].name) == cases[i].is_alias, "%s",
                      cases[i].name.ptr);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("http1_chars");
    TCase *tcase = tcase_create("http1_chars");
    tcase_add_test(tcase, the_table_is_what_the_grammar_says);
    tcase_add_test(tcase, finds_the_first_control_byte_wherever_it_stands);
    tcase_add_test(tcase, counts_what_could_end_a_line);
    tcase_add_test(tcase, spans_and_wholes_of_a_class);
    tcase_add_test(tcase, knows_the_aliases_of_framing_fields);
    suite_add_tcase(suite, tcase);
    return suite;
}

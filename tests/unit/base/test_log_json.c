/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <jansson.h>

#include "base/log_json.h"
#include "unit/unit.h"

static const struct {
    const char *pairs;
    const char *wanted;
} LINES[] = {
    {"", ""},
    {"worker=1 user=nobody", ",\"worker\":1,\"user\":\"nobody\""},
    {"site=\"a b\" status=403.7", ",\"site\":\"a b\",\"status\":\"403.7\""},
    {"a=0 b=007 c=-1 d=", ",\"a\":0,\"b\":\"007\",\"c\":\"-1\",\"d\":\"\""},
    {"n=123456789012345 m=1234567890123456", ",\"n\":123456789012345,\"m\":\"1234567890123456\""},
    {"q=\"1\"", ",\"q\":\"1\""},
    {"q=\"a\\\"b\\\\c\\x0a\"", ",\"q\":\"a\\\"b\\\\c\\u000a\""},
    {"q=\"\\xc3\\xa4\" r=\"\\xff\"", ",\"q\":\"\xC3\xA4\",\"r\":\"\xEF\xBF\xBD\""},
    {"q=\"long\"... r=1", ",\"q\":\"long...\",\"r\":1"},
    {"conf.yaml:3:1: error: x=1", ",\"message\":\"conf.yaml:3:1: error: x=1\""},
    {"a=1 then text", ",\"a\":1,\"message\":\"then text\""},
    {"a=1 q=\"no end", ",\"a\":1,\"message\":\"q=\\\"no end\""},
    {"a=1 q=\"x\"y b=2", ",\"a\":1,\"message\":\"q=\\\"x\\\"y b=2\""},
    {"a=1 a=2", ",\"a\":1,\"message\":\"a=2\""},
    {"level=high", ",\"message\":\"level=high\""},
    {"Key=1", ",\"message\":\"Key=1\""},
    {"q=\"\\", ",\"message\":\"q=\\\"\\\\\""},
};

START_TEST(pairs_become_members)
{
    struct text out = {0};
    log_json_add(&out, str_of(LINES[_i].pairs));
    ck_assert_str_eq(out.ptr == NULL ? "" : out.ptr, LINES[_i].wanted);
    text_clear(&out);
}
END_TEST

START_TEST(whatever_comes_is_one_valid_object)
{
    static const char ALPHABET[] = "a=\" \\x0\n\xC3{}:,.";
    uint32_t seed = 12345;
    for (int round = 0; round < 20000; round++) {
        char bytes[24];
        size_t len = (size_t)(seed >> 8) % sizeof bytes;
        for (size_t i = 0; i < len; i++) {
            seed = seed * 1664525 + 1013904223;
            bytes[i] = ALPHABET[(seed >> 16) % (sizeof ALPHABET - 1)];
        }
        seed = seed * 1664525 + 1013904223;
        struct text out = {0};
        text_add_cstr(&out, "{\"event\":\"x\"");
        log_json_add(&out, str_make(bytes, len));
        text_add_char(&out, '}');
        json_t *root = json_loadb(out.ptr, out.len, JSON_REJECT_DUPLICATES, NULL);
        ck_assert_msg(root != NULL && memchr(out.ptr, '\n', out.len) == NULL, "%s", out.ptr);
        json_decref(root);
        text_clear(&out);
    }
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("log_json");
    TCase *tcase = tcase_create("log_json");
    tcase_add_loop_test(tcase, pairs_become_members, 0, sizeof LINES / sizeof LINES[0]);
    tcase_add_test(tcase, whatever_comes_is_one_valid_object);
    suite_add_tcase(suite, tcase);
    return suite;
}

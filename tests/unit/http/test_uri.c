/* SPDX-License-Identifier: MIT */
#include "http/uri.h"
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

struct path_case {
    const char *target;
    const char *path; /* NULL: invalid */
    const char *query;
};

static void check_paths(const struct path_case *cases, size_t count, bool keep_encoded_slash)
{
    for (size_t i = 0; i < count; i++) {
        struct uri uri;
        enum uri_result result =
            uri_parse_target(str_of(cases[i].target), HTTP_GET, keep_encoded_slash, &arena, &uri);
        if (cases[i].path == NULL) {
            ck_assert_msg(result == URI_INVALID, "'%s' was taken", cases[i].target);
            continue;
        }
        ck_assert_msg(result == URI_VALID, "'%s' was refused", cases[i].target);
        ck_assert(uri.form == URI_ORIGIN);
        ck_assert_msg(str_equal(uri.path, str_of(cases[i].path)), "'%s' became '%.*s'",
                      cases[i].target, STR_ARG(uri.path));
        ck_assert(str_equal(uri.query, str_of(cases[i].query)));

        struct uri again;
        ck_assert(uri_parse_target(uri.path, HTTP_GET, keep_encoded_slash, &arena, &again) ==
                  URI_VALID);
        ck_assert(str_equal(again.path, uri.path));
    }
}

#define CHECK_PATHS(cases, keep) check_paths((cases), sizeof(cases) / sizeof((cases)[0]), (keep))

/* RFC 3986 sections 5.2.4 and 6.2.2 */
START_TEST(brings_paths_into_one_form)
{
    static const struct path_case cases[] = {
        {"/", "/", ""},
        {"/a/b", "/a/b", ""},
        {"/a/", "/a/", ""},
        {"//a//b/", "//a//b/", ""},
        {"/a?b=c?d", "/a", "?b=c?d"},
        {"/?", "/", "?"},
        {"/.", "/", ""},
        {"/./", "/", ""},
        {"/./a", "/a", ""},
        {"/a/.", "/a/", ""},
        {"/a/./b", "/a/b", ""},
        {"/a/..", "/", ""},
        {"/a/../", "/", ""},
        {"/a/../b", "/b", ""},
        {"/a/b/../../c", "/c", ""},
        {"/a/b/c/./../../g", "/a/g", ""},
        {"/a//../b", "/a/b", ""},
        {"//..", "/", ""},
        {"/a/%2e%2E/b", "/b", ""},
        {"/a/.%2e/b", "/b", ""},
        {"/a/%2e/b", "/a/b", ""},
        {"/...", "/...", ""},
        {"/.a/b./..c", "/.a/b./..c", ""},
        {"/%61%5A%30%2d%2e%5f%7e", "/aZ0-._~", ""},
        {"/%21%3B%3d%3a%40%20", "/%21%3B%3d%3a%40%20", ""},
        {"/%25%32%65", "/%252e", ""},
        {"/%2525", "/%2525", ""},
        {"/%0d%0a", "/%0d%0a", ""},
        {"/a;b=c/d", "/a;b=c/d", ""},
        {"/a\"<>^`{|}b", "/a\"<>^`{|}b", ""},
        {"/a?/../%00\\%zz|", "/a", "?/../%00\\%zz|"},
        {"/%c3%a9\xc3\xa9", "/%c3%a9\xc3\xa9", ""},
        {"/%e2%82%ac/%F0%9F%98%80", "/%e2%82%ac/%F0%9F%98%80", ""},
        {"/%c3\xa9", "/%c3\xa9", ""},
        {"/%f4%8f%bf%bf%ee%80%80%ed%9f%bf", "/%f4%8f%bf%bf%ee%80%80%ed%9f%bf", ""},
    };
    CHECK_PATHS(cases, false);
    CHECK_PATHS(cases, true);
}
END_TEST

/* RFC 3986 sections 2.1, 3.3; RFC 3629 section 4 */
START_TEST(refuses_paths_that_read_in_two_ways)
{
    static const struct path_case cases[] = {
        {"/..", NULL, NULL},           {"/../a", NULL, NULL},
        {"/a/../..", NULL, NULL},      {"/a/../../b", NULL, NULL},
        {"/./../a", NULL, NULL},       {"/%2e%2e/a", NULL, NULL},
        {"/a%00", NULL, NULL},         {"/a%00.jpg?b", NULL, NULL},
        {"/a\\b", NULL, NULL},         {"/a%5cb", NULL, NULL},
        {"/..%5C..", NULL, NULL},      {"/a%", NULL, NULL},
        {"/a%2", NULL, NULL},          {"/a%zz", NULL, NULL},
        {"/a%2g", NULL, NULL},         {"/a%%20", NULL, NULL},
        {"/a%u002e", NULL, NULL},      {"/a#b", NULL, NULL},
        {"/a?b#c", NULL, NULL},        {"/#", NULL, NULL},
        {"/a b", NULL, NULL},          {"/a\tb", NULL, NULL},
        {"/a\x7f", NULL, NULL},        {"/a?b c", NULL, NULL},
        {"/a?\xc3\xa9", NULL, NULL},   {"/..;/a", NULL, NULL},
        {"/a/..;x=1/b", NULL, NULL},   {"/a/.;/b", NULL, NULL},
        {"/a/%2e%2e;/b", NULL, NULL},  {"/%80", NULL, NULL},
        {"/%c0%af", NULL, NULL},       {"/%c1%9c", NULL, NULL},
        {"/%e0%80%af", NULL, NULL},    {"/%e0%9f%bf", NULL, NULL},
        {"/%f0%80%80%af", NULL, NULL}, {"/%f0%8f%bf%bf", NULL, NULL},
        {"/%ed%a0%80", NULL, NULL},    {"/%f4%90%80%80", NULL, NULL},
        {"/%f5%80%80%80", NULL, NULL}, {"/%ff", NULL, NULL},
        {"/%c3", NULL, NULL},          {"/%c3a", NULL, NULL},
        {"/%c3/%a9", NULL, NULL},      {"/%e2%82", NULL, NULL},
        {"/\xe9", NULL, NULL},         {"/\xc0\xae\xc0\xae/", NULL, NULL},
    };
    CHECK_PATHS(cases, false);
    CHECK_PATHS(cases, true);
}
END_TEST

START_TEST(takes_an_encoded_slash_only_when_told_and_never_beside_dots)
{
    static const struct path_case refused[] = {
        {"/a%2fb", NULL, NULL},
        {"/a%2Fb", NULL, NULL},
        {"/%2f", NULL, NULL},
    };
    static const struct path_case kept[] = {
        {"/a%2fb%2Fc", "/a%2fb%2Fc", ""}, {"/%2f", "/%2f", ""},
        {"/a%2f..b", "/a%2f..b", ""},     {"/a/..%2fb", NULL, NULL},
        {"/a/b%2f..", NULL, NULL},        {"/a/%2e%2e%2Fb", NULL, NULL},
        {"/a/b%2f.%2fc", NULL, NULL},     {"/a/b%2f..;x%2fc", NULL, NULL},
        {"/a/.%2f", NULL, NULL},
    };
    CHECK_PATHS(refused, false);
    CHECK_PATHS(kept, true);
}
END_TEST

/* RFC 9112 section 3.2 */
static const struct {
    enum http_method method;
    const char *target;
    enum uri_result result;
    enum uri_form form;
    const char *authority;
    const char *path;
    const char *query;
    bool is_https;
} FORM_CASES[] = {
    {HTTP_GET, "http://A.example:80/b?c", URI_VALID, URI_ABSOLUTE, "A.example:80", "/b", "?c",
     false},
    {HTTP_GET, "HTTPS://a/%2e/b", URI_VALID, URI_ABSOLUTE, "a", "/b", "", true},
    {HTTP_GET, "http://a", URI_VALID, URI_ABSOLUTE, "a", "/", "", false},
    {HTTP_GET, "http://a?b", URI_VALID, URI_ABSOLUTE, "a", "/", "?b", false},
    {HTTP_GET, "http://[::1]:8/", URI_VALID, URI_ABSOLUTE, "[::1]:8", "/", "", false},
    {HTTP_OPTIONS, "*", URI_VALID, URI_ASTERISK, "", "*", "", false},
    {HTTP_OPTIONS, "/a", URI_VALID, URI_ORIGIN, "", "/a", "", false},
    {HTTP_OPTIONS, "http://a", URI_VALID, URI_ABSOLUTE, "a", "*", "", false},
    {HTTP_OPTIONS, "http://a/", URI_VALID, URI_ABSOLUTE, "a", "/", "", false},
    {HTTP_OPTIONS, "http://a?", URI_VALID, URI_ABSOLUTE, "a", "/", "?", false},
    {HTTP_CONNECT, "a.example:443", URI_VALID, URI_AUTHORITY, "a.example:443", "", "", false},
    {HTTP_CONNECT, "[::1]:443", URI_VALID, URI_AUTHORITY, "[::1]:443", "", "", false},
    {HTTP_CONNECT, "a.example", URI_INVALID, 0, NULL, NULL, NULL, false},
    {HTTP_CONNECT, "a.example:", URI_INVALID, 0, NULL, NULL, NULL, false},
    {HTTP_CONNECT, "[::1]", URI_INVALID, 0, NULL, NULL, NULL, false},
    {HTTP_CONNECT, "192.0.2.1", URI_INVALID, 0, NULL, NULL, NULL, false},
    {HTTP_CONNECT, "/", URI_METHOD_MISMATCH, 0, NULL, NULL, NULL, false},
    {HTTP_CONNECT, "http://a/", URI_METHOD_MISMATCH, 0, NULL, NULL, NULL, false},
    {HTTP_CONNECT, "*", URI_METHOD_MISMATCH, 0, NULL, NULL, NULL, false},
    {HTTP_GET, "*", URI_METHOD_MISMATCH, 0, NULL, NULL, NULL, false},
    {HTTP_METHOD_OTHER, "*", URI_METHOD_MISMATCH, 0, NULL, NULL, NULL, false},
    {HTTP_GET, "a.example:80", URI_METHOD_MISMATCH, 0, NULL, NULL, NULL, false},
    {HTTP_OPTIONS, "**", URI_METHOD_MISMATCH, 0, NULL, NULL, NULL, false},
    {HTTP_GET, "a/b", URI_INVALID, 0, NULL, NULL, NULL, false},
    {HTTP_GET, "?a", URI_INVALID, 0, NULL, NULL, NULL, false},
    {HTTP_GET, "", URI_INVALID, 0, NULL, NULL, NULL, false},
    {HTTP_GET, "ftp://a/", URI_INVALID, 0, NULL, NULL, NULL, false},
    {HTTP_GET, "http:/a", URI_INVALID, 0, NULL, NULL, NULL, false},
    {HTTP_GET, "http:///a", URI_INVALID, 0, NULL, NULL, NULL, false},
    {HTTP_GET, "http://", URI_INVALID, 0, NULL, NULL, NULL, false},
    {HTTP_GET, "http://:80/", URI_INVALID, 0, NULL, NULL, NULL, false},
    {HTTP_GET, "http://u@a/", URI_INVALID, 0, NULL, NULL, NULL, false},
    {HTTP_GET, "http://u:p@a/", URI_INVALID, 0, NULL, NULL, NULL, false},
    {HTTP_GET, "http://a\\@b/", URI_INVALID, 0, NULL, NULL, NULL, false},
    {HTTP_GET, "http://a#b", URI_INVALID, 0, NULL, NULL, NULL, false},
    {HTTP_GET, "http://a/../b", URI_INVALID, 0, NULL, NULL, NULL, false},
};

START_TEST(takes_the_form_that_goes_with_the_method)
{
    for (size_t i = 0; i < sizeof FORM_CASES / sizeof FORM_CASES[0]; i++) {
        struct uri uri;
        enum uri_result result = uri_parse_target(str_of(FORM_CASES[i].target),
                                                  FORM_CASES[i].method, false, &arena, &uri);
        ck_assert_msg(result == FORM_CASES[i].result, "'%s': %d", FORM_CASES[i].target,
                      (int)result);
        if (result != URI_VALID)
            continue;
        ck_assert_msg(uri.form == FORM_CASES[i].form, "'%s'", FORM_CASES[i].target);
        ck_assert(str_equal(uri.authority, str_of(FORM_CASES[i].authority)));
        ck_assert_msg(str_equal(uri.path, str_of(FORM_CASES[i].path)), "'%s'",
                      FORM_CASES[i].target);
        ck_assert(str_equal(uri.query, str_of(FORM_CASES[i].query)));
        ck_assert(uri.is_https == FORM_CASES[i].is_https);
    }
}
END_TEST

/* RFC 3986 sections 3.2.2 and 3.2.3, RFC 9110 section 4.2 */
static const struct {
    const char *text;
    const char *host; /* NULL: invalid */
    unsigned port;
} AUTHORITY_CASES[] = {
    {"a", "a", 0},
    {"A.Example:8443", "a.example", 8443},
    {"a.example.:1", "a.example", 1},
    {"a..b", "a..b", 0},
    {"a_b-c~d:65535", "a_b-c~d", 65535},
    {"a!$&'()*+,;=b", "a!$&'()*+,;=b", 0},
    {"a:", "a", 0},
    {"a:00080", "a", 80},
    {"192.0.2.1:80", "192.0.2.1", 80},
    {"[::1]", "::1", 0},
    {"[2001:DB8::A]:443", "2001:db8::a", 443},
    {"[::FFFF:192.0.2.1]:", "::ffff:192.0.2.1", 0},
    {"", NULL, 0},
    {".", NULL, 0},
    {".:80", NULL, 0},
    {"..", NULL, 0},
    {"a.example..", NULL, 0},
    {":80", NULL, 0},
    {"a:65536", NULL, 0},
    {"a:000080", NULL, 0},
    {"a:-1", NULL, 0},
    {"a:+1", NULL, 0},
    {"a:8 0", NULL, 0},
    {"a:80:80", NULL, 0},
    {"a b", NULL, 0},
    {" a", NULL, 0},
    {"a/", NULL, 0},
    {"a?b", NULL, 0},
    {"a#b", NULL, 0},
    {"a\\b", NULL, 0},
    {"u@a", NULL, 0},
    {"a%41", NULL, 0},
    {"\xc3\xa9", NULL, 0},
    {"a\x7f", NULL, 0},
    {"::1", NULL, 0},
    {"[]", NULL, 0},
    {"[", NULL, 0},
    {"[::1", NULL, 0},
    {"[::1]a", NULL, 0},
    {"[::1]]", NULL, 0},
    {"[::1]80", NULL, 0},
    {"[::g]", NULL, 0},
    {"[192.0.2.1]", NULL, 0},
    {"[fe80::1%25eth0]", NULL, 0},
    {"[v1.a]", NULL, 0},
    {"[a.example]", NULL, 0},
    {"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0001]", NULL, 0},
};

START_TEST(splits_authorities)
{
    for (size_t i = 0; i < sizeof AUTHORITY_CASES / sizeof AUTHORITY_CASES[0]; i++) {
        struct str host;
        unsigned port;
        bool is_valid = uri_parse_authority(str_of(AUTHORITY_CASES[i].text), &arena, &host, &port);
        ck_assert_msg(is_valid == (AUTHORITY_CASES[i].host != NULL), "'%s'",
                      AUTHORITY_CASES[i].text);
        ck_assert(uri_is_authority(str_of(AUTHORITY_CASES[i].text)) == is_valid);
        if (!is_valid)
            continue;
        ck_assert_msg(str_equal(host, str_of(AUTHORITY_CASES[i].host)), "'%s'",
                      AUTHORITY_CASES[i].text);
        ck_assert_uint_eq(port, AUTHORITY_CASES[i].port);
    }
    ck_assert(!uri_is_authority(str_make("a\0b", 3)));
    ck_assert(!uri_is_authority(str_make("[::1\0]", 6)));
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("uri");
    TCase *tcase = tcase_create("uri");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, brings_paths_into_one_form);
    tcase_add_test(tcase, refuses_paths_that_read_in_two_ways);
    tcase_add_test(tcase, takes_an_encoded_slash_only_when_told_and_never_beside_dots);
    tcase_add_test(tcase, takes_the_form_that_goes_with_the_method);
    tcase_add_test(tcase, splits_authorities);
    suite_add_tcase(suite, tcase);
    return suite;
}

/* SPDX-License-Identifier: MIT */
#include "forward/rewrite.h"
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

struct prefixes {
    char strip[16], add[16];
};

static struct config_rewrite config_of(struct prefixes *prefixes)
{
    return (struct config_rewrite){
        .strip_prefix.text = prefixes->strip[0] == '\0' ? NULL : prefixes->strip,
        .add_prefix.text = prefixes->add[0] == '\0' ? NULL : prefixes->add};
}

START_TEST(takes_whole_segments_off_and_puts_others_before)
{
    static const struct {
        struct prefixes prefixes;
        bool is_case_sensitive;
        const char *path, *expected; /* NULL: refused */
        bool is_stripped;
    } CASES[] = {
        {{"", ""}, false, "/a", "/a", false},
        {{"/api", ""}, false, "/api/x", "/x", true},
        {{"/api", ""}, false, "/api", "/", true},
        {{"/api", ""}, false, "/api/", "/", true},
        {{"/api", ""}, false, "/apis/x", "/apis/x", false},
        {{"/api", ""}, false, "/API/x", "/x", true},
        {{"/api", ""}, true, "/API/x", "/API/x", false},
        {{"/api", ""}, false, "/x/api/y", "/x/api/y", false},
        {{"/api", ""}, false, "/api/api/y", "/api/y", true},
        {{"/api", ""}, false, "/api;v=1/x", "/api;v=1/x", false},
        {{"", "/v2"}, false, "/x", "/v2/x", false},
        {{"", "/v2"}, false, "/", "/v2/", false},
        {{"/api", "/v2"}, false, "/api/x", "/v2/x", true},
        {{"/api", "/v2"}, false, "/api", "/v2/", true},
        {{"/api", "/v2"}, false, "/other", "/v2/other", false},
        {{"/api", "/v2"}, false, "*", "*", false}, /* RFC 9112 section 3.2.4 */
        /* RFC 3986 section 4.2: what is left must not look like a host. */
        {{"/api", ""}, false, "/api//evil.test/", NULL, false},
        {{"/api", ""}, false, "/api/%2fevil.test", NULL, false},
        {{"/api", ""}, false, "/api/%2Fevil.test", NULL, false},
        {{"/api", "/v2"}, false, "/api//x", NULL, false},
        {{"/api", ""}, false, "/api/x//y", "/x//y", true},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct prefixes prefixes = CASES[i].prefixes;
        struct config_rewrite config = config_of(&prefixes);
        struct rewritten made = {0};
        bool is_good =
            rewrite_path(&config, CASES[i].is_case_sensitive, str_of(CASES[i].path), &arena, &made);
        ck_assert_msg(is_good == (CASES[i].expected != NULL), "case %zu", i);
        if (!is_good)
            continue;
        ck_assert_msg(str_equal(made.path, str_of(CASES[i].expected)), "case %zu: %.*s", i,
                      STR_ARG(made.path));
        ck_assert_msg(made.is_stripped == CASES[i].is_stripped, "case %zu", i);
    }
}
END_TEST

/* RFC 9110 section 10.2.2 */
START_TEST(maps_redirects_of_the_backend_back)
{
    static const struct {
        struct prefixes prefixes;
        bool is_stripped;
        const char *location, *expected;
    } CASES[] = {
        {{"", ""}, false, "/login", "/login"},
        {{"/api", ""}, true, "/login", "/api/login"},
        {{"/api", ""}, true, "/", "/api/"},
        {{"/api", ""}, true, "/?next=/x#y", "/api/?next=/x#y"},
        {{"/api", ""}, true, "/api/login", "/api/login"}, /* the backend knows */
        {{"/api", ""}, true, "/apis", "/api/apis"},
        {{"/api", ""}, false, "/login", "/login"}, /* nothing was stripped */
        {{"/api", ""}, true, "login", "login"},    /* relative */
        {{"/api", ""}, true, "?x", "?x"},
        {{"/api", ""}, true, "", ""},
        {{"/api", ""}, true, "//other.test/x", "//other.test/x"},
        {{"/api", ""}, true, "https://other.test/x", "https://other.test/x"},
        {{"/api", ""}, true, "mailto:a@b", "mailto:a@b"},
        {{"/api", ""}, true, "https://www.test:8443/x", "https://www.test:8443/api/x"},
        {{"/api", ""}, true, "http://WWW.test:8443", "http://WWW.test:8443/api/"},
        {{"/api", ""}, true, "https://www.test:8443?q", "https://www.test:8443/api/?q"},
        {{"/api", ""}, true, "https://www.test:8443.evil/x", "https://www.test:8443.evil/x"},
        {{"/api", ""}, true, "https://www.test:8443@evil/x", "https://www.test:8443@evil/x"},
        {{"/api", ""}, true, "http://10.0.0.1:80/x", "/api/x"},
        {{"", "/v2"}, false, "/v2/x", "/x"},
        {{"", "/v2"}, false, "/v2", "/"},
        {{"", "/v2"}, false, "/v2?q", "/?q"},
        {{"", "/v2"}, false, "/other", "/other"},
        {{"/api", "/v2"}, true, "/v2/x", "/api/x"},
        {{"/api", "/v2"}, true, "/v2", "/api"},
        {{"/api", "/v2"}, true, "/x", "/x"},
        /* Without prefixes the host alone is mapped. */
        {{"", ""}, false, "http://10.0.0.1:80/x?y#z", "/x?y#z"},
        {{"", ""}, false, "http://10.0.0.1:80", "/"},
        {{"", ""}, false, "http://10.0.0.1:80?q", "/?q"},
        {{"", ""}, false, "http://www.test:8443", "http://www.test:8443"},
        {{"", ""}, false, "http://10.0.0.1:80//evil.test", "http://10.0.0.1:80//evil.test"},
        {{"", ""}, false, "http://10.0.0.1:80/\\evil.test", "http://10.0.0.1:80/\\evil.test"},
        {{"", ""}, false, "http://10.0.0.1:80/\t/evil.test", "http://10.0.0.1:80/\t/evil.test"},
        /* A host must not come out of a path. */
        {{"", "/v2"}, false, "/v2//evil.test", "/v2//evil.test"},
        {{"", "/v2"}, false, "http://10.0.0.1:80//evil.test", "http://10.0.0.1:80//evil.test"},
    };
    struct rewrite_hosts hosts = {.client = STR("www.test:8443"), .upstream = STR("10.0.0.1:80")};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct prefixes prefixes = CASES[i].prefixes;
        struct config_rewrite config = config_of(&prefixes);
        struct str made = rewrite_location(&config, CASES[i].is_stripped, &hosts,
                                           str_of(CASES[i].location), &arena);
        ck_assert_msg(str_equal(made, str_of(CASES[i].expected)), "case %zu: %.*s", i,
                      STR_ARG(made));
    }
}
END_TEST

START_TEST(no_host_is_nobodys_host)
{
    struct prefixes prefixes = {"/api", ""};
    struct config_rewrite config = config_of(&prefixes);
    struct rewrite_hosts hosts = {{NULL, 0}, {NULL, 0}};
    struct str made = rewrite_location(&config, true, &hosts, STR("https://other.test/x"), &arena);
    ck_assert(str_equal(made, STR("https://other.test/x")));
    made = rewrite_location(&config, true, &hosts, STR("https:///x"), &arena);
    ck_assert(str_equal(made, STR("https:///x")));
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("rewrite");
    TCase *tcase = tcase_create("rewrite");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, takes_whole_segments_off_and_puts_others_before);
    tcase_add_test(tcase, maps_redirects_of_the_backend_back);
    tcase_add_test(tcase, no_host_is_nobodys_host);
    suite_add_tcase(suite, tcase);
    return suite;
}

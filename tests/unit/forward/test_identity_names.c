/* SPDX-License-Identifier: MIT */
#include "forward/identity_headers.h"
#include "unit/unit.h"

static char own_names[][16] = {"X-My-User", "9-Lives", "_Tail"};
static struct config_header headers[] = {
    {.name = {.text = own_names[0]}},
    {.name = {.text = own_names[1]}},
    {.name = {.text = own_names[2]}},
};
static struct config_site site = {
    .access.forward = {.headers = headers, .header_count = sizeof headers / sizeof *headers}};
static struct config config = {.sites = &site, .site_count = 1};

START_TEST(drops_every_spelling_of_a_known_name)
{
    static const char *const NAMES[] = {
        "X-Forwarded-For",
        "x_forwarded_for",
        "X.FORWARDED.FOR",
        "Remote-User",
        "REMOTE_USER",
        "True-Client-IP",
        "front-end-https",
        "X-My-User",
        "x_my_user",
        "9-lives",
        "9_LIVES",
        "-tail",
        "_tail",
        "!Tail",
        "Client-Cert",
        "Client-Cert-Any",
        "client_cert.x",
        "X-ARR-ClientCert",
        "x_arr_",
        "SSL-Client-S-DN",
        "X-SSL-Whatever",
        "X-Client-Verify1",
        "X-Amzn-Mtls-Leaf",
        "forwarded",
        "Auth.User",
    };
    struct identity_names *names = identity_names_new(&config);
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        ck_assert_msg(identity_names_contain(names, str_of(NAMES[i])), "%s", NAMES[i]);
    identity_names_free(names);
}
END_TEST

START_TEST(keeps_what_only_looks_like_one)
{
    static const char *const NAMES[] = {
        "",
        "X",
        "Accept",
        "User-Agent",
        "XForwardedFor",
        "X-Forwarded-Fox",
        "Client",
        "X-My-Use",
        "8-Lives",
        "Tail",
        "X-My-Users",
        "Remote-Use",
        "X-SS",
        "Cookie",
        "X-Client",
        "Content-Encoding",
        "-Forwarded-For-",
        "X-Arr",
    };
    struct identity_names *names = identity_names_new(&config);
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        ck_assert_msg(!identity_names_contain(names, str_of(NAMES[i])), "%s", NAMES[i]);
    identity_names_free(names);
}
END_TEST

START_TEST(a_very_long_name_is_dropped_by_its_family_alone)
{
    char name[1000];
    struct identity_names *names = identity_names_new(&config);
    memset(name, 'a', sizeof name);
    for (size_t len = 200; len <= sizeof name; len++)
        ck_assert(!identity_names_contain(names, str_make(name, len)));
    memcpy(name, "X_SSL_", 6);
    for (size_t len = 200; len <= sizeof name; len++)
        ck_assert(identity_names_contain(names, str_make(name, len)));
    identity_names_free(names);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("identity_names");
    TCase *tcase = tcase_create("identity_names");
    tcase_add_test(tcase, drops_every_spelling_of_a_known_name);
    tcase_add_test(tcase, keeps_what_only_looks_like_one);
    tcase_add_test(tcase, a_very_long_name_is_dropped_by_its_family_alone);
    suite_add_tcase(suite, tcase);
    return suite;
}

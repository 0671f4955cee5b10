/* Error pages, redirects, prefixes and header edits: what is taken and what is not.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "config/config_load.h"
#include "unit/unit.h"

#define SITE "sites:\n  - bindings: ['http://127.0.0.1:0']\n    upstream: echo\n    "

static struct config *load(const char *tail, struct error_list *errors)
{
    char path[] = "/tmp/config-pages-XXXXXX";
    int fd = mkstemp(path);
    struct text text = {0};
    text_addf(&text, SITE "%s\n", tail);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text.ptr, text.len), (ssize_t)text.len);
    (void)close(fd);
    struct config *config = config_load(path, errors);
    (void)unlink(path);
    text_clear(&text);
    return config;
}

START_TEST(takes_what_is_meant)
{
    static const char *const CASES[] = {
        "redirect: https",
        "redirect: https:8443",
        "redirect: null",
        "redirect: https://www.example.test/",
        "redirect: https://www.example.test",
        "redirect: http://[2001:db8::1]:81/a?b=c#d",
        "redirect: /new/place?x=%20",
        "redirect: 'https://www.example.test{target}'",
        "redirect: 'https://www.example.test:8443/base{target}'",
        "redirect: '/new{target}'",
        "redirect_status: 301\n    redirect: /x",
        "rewrite: {strip_prefix: /api, add_prefix: /v2/x}",
        "rewrite: {strip_prefix: null}",
        "rewrite: {redirects: keep}",
        "rewrite: {redirects: map, strip_prefix: /api}",
        "errors: {mode: detailed, pages: {'403': a.html, '403.16': b.html, 500.0: c}}",
        "request_headers: {set: {X-A: '{user} {request_id}'}, add: {Cookie: a=1}, remove: "
        "[Accept]}",
        "response_headers: {set: {CSP: \"{'self'} {\"}, remove: [Server]}",
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct error_list errors = {0};
        struct config *config = load(CASES[i], &errors);
        ck_assert_msg(config != NULL && errors.count == 0, "%s: %s", CASES[i],
                      errors.count > 0 ? errors.entries[0].text : "");
        config_free(config);
        errors_clear(&errors);
    }
}
END_TEST

START_TEST(refuses_what_would_be_ambiguous_or_unsafe)
{
    static const char *const CASES[] = {
        "redirect: http",
        "redirect: https:0",
        "redirect: https:65536",
        "redirect: https:x",
        "redirect: https://",
        "redirect: https:///x",
        "redirect: https://:80/",
        "redirect: https://user@www.example.test/",
        "redirect: ftp://www.example.test/",
        "redirect: //www.example.test/",
        "redirect: www.example.test",
        "redirect: javascript:alert(1)",
        "redirect: 'https://www.example.test/ x'",
        "redirect: 'https://www.example.test/\\x'",
        "redirect: '{target}'",
        "redirect: '/{target}'", /* "//host" */
        "redirect: 'https://{target}'",
        "redirect: 'https://www.example.test/{target}'",
        "redirect: 'https://www.example.test?u={target}'",
        "redirect: 'https://www.example.test{target}/x'",
        "redirect: \"https://www.example.test/\\r\\nX: y\"",
        "redirect_status: 300",
        "redirect_status: 304",
        "rewrite: {redirects: off}",
        "rewrite: {strip_prefix: api}",
        "rewrite: {strip_prefix: /}",
        "rewrite: {strip_prefix: /a/../b}",
        "rewrite: {strip_prefix: /%41}",
        "rewrite: {strip_prefix: /a//b}",
        "rewrite: {add_prefix: //evil.test}",
        "rewrite: {add_prefix: '/a?b'}",
        "rewrite: {add_prefix: '/a b'}",
        "errors: {mode: off}",
        "errors: {pages: {'302': a}}",
        "errors: {pages: {abc: a}}",
        "errors: {pages: {'403': ''}}",
        "request_headers: {set: {Host: a}}",
        "request_headers: {set: {content_length: '1'}}",
        "request_headers: {add: {Transfer-Encoding: chunked}}",
        "request_headers: {remove: [Connection]}",
        "request_headers: {remove: [X-Forwarded-For]}",
        "request_headers: {set: {Proxy: a}}",
        "request_headers: {set: {'X A': a}}",
        "request_headers: {set: {'X-A:': a}}",
        "request_headers: {set: {X-A: '{nobody}'}}",
        "request_headers: {set: {X-A: \"a\\r\\nX-B: c\"}}",
        "request_headers: {set: {X-A: \"a\\0\"}}",
        "request_headers: {set: {X-A: ' a'}}",
        "response_headers: {set: {Content-Length: '1'}}",
        "response_headers: {add: {Connection: close}}",
        "response_headers: {remove: [transfer.encoding]}",
        "response_headers: {set: {X-A: \"a\\nb\"}}",
        "response_headers: {set: {X-A: \"\\xFC\"}}",
        "response_headers: {remove: ['']}",
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct error_list errors = {0};
        struct config *config = load(CASES[i], &errors);
        ck_assert_msg(config == NULL && errors.errors > 0, "accepted: %s", CASES[i]);
        ck_assert_uint_eq(errors.entries[0].line, 4);
        errors_clear(&errors);
    }
}
END_TEST

START_TEST(locations_inherit_key_by_key)
{
    struct error_list errors = {0};
    struct config *config =
        load("redirect: https:443\n"
             "    errors: {mode: custom, pages: {'403.7': p/a.html}}\n"
             "    rewrite: {strip_prefix: /api/, add_prefix: /v2}\n"
             "    request_headers: {set: {X-A: a}, remove: [X-B]}\n"
             "    locations:\n"
             "      - {path: /same}\n"
             "      - {path: /other, redirect: null, errors: {mode: detailed},\n"
             "         rewrite: {add_prefix: null}, request_headers: {set: {}}}",
             &errors);
    ck_assert_msg(config != NULL, "%s", errors.count > 0 ? errors.entries[0].text : "");
    const struct config_site *site = &config->sites[0];
    const struct config_access *other = &site->locations[0].access;
    const struct config_access *same = &site->locations[1].access;
    ck_assert_str_eq(same->redirect.to.text, "https:443");
    ck_assert_int_eq(same->errors.mode, ERRORS_CUSTOM);
    ck_assert_uint_eq(same->errors.page_count, 1);
    ck_assert_uint_eq(same->errors.pages[0].code, 403);
    ck_assert_int_eq(same->errors.pages[0].substatus, 7);
    ck_assert_str_eq(same->errors.pages[0].file.text, "/tmp/p/a.html");
    ck_assert_str_eq(same->rewrite.strip_prefix.text, "/api");
    ck_assert_ptr_null(other->redirect.to.text);
    ck_assert_int_eq(other->errors.mode, ERRORS_DETAILED);
    ck_assert_uint_eq(other->errors.page_count, 1);
    ck_assert_str_eq(other->rewrite.strip_prefix.text, "/api");
    ck_assert_ptr_null(other->rewrite.add_prefix.text);
    ck_assert_uint_eq(other->request_headers.set_count, 0);
    ck_assert_uint_eq(other->request_headers.remove.count, 1);
    config_free(config);
    errors_clear(&errors);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("config_pages");
    TCase *tcase = tcase_create("config_pages");
    tcase_add_test(tcase, takes_what_is_meant);
    tcase_add_test(tcase, refuses_what_would_be_ambiguous_or_unsafe);
    tcase_add_test(tcase, locations_inherit_key_by_key);
    suite_add_tcase(suite, tcase);
    return suite;
}

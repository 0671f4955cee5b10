/* SPDX-License-Identifier: MIT */
#include "base/text.h"
#include "core/snapshot.h"
#include "forward/header_edit.h"
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

static char names[][32] = {"X-Env", "X-User", "x_debug", "Strict-Transport-Security"};
static char values[][32] = {"prod", "{user}", "id={request_id}", "max-age=1"};

static struct config_header header(size_t name, size_t value)
{
    return (struct config_header){.name.text = names[name], .template.text = values[value]};
}

static struct http_fields fields_of(void)
{
    struct http_fields fields = {0};
    http_fields_add(&fields, &arena, STR("Host"), STR("a"));
    http_fields_add(&fields, &arena, STR("x_env"), STR("from the client"));
    http_fields_add(&fields, &arena, STR("X.Debug"), STR("1"));
    http_fields_add(&fields, &arena, STR("X-Debug"), STR("2"));
    return fields;
}

static void assert_fields(const struct http_fields *fields, const char *expected)
{
    struct text text = {0};
    text_add_cstr(&text, "");
    for (size_t i = 0; i < fields->count; i++)
        text_addf(&text, "%.*s=%.*s;", STR_ARG(fields->items[i].name),
                  STR_ARG(fields->items[i].value));
    ck_assert_str_eq(text.ptr, expected);
    text_clear(&text);
}

START_TEST(towards_the_backend_every_spelling_is_the_name)
{
    struct config_header set[] = {header(0, 0), header(1, 1)};
    struct config_header add[] = {header(0, 2)};
    struct config_value gone = {.text = names[2]};
    struct config_header_edit edit = {.set = set,
                                      .set_count = 2,
                                      .add = add,
                                      .add_count = 1,
                                      .remove = {.items = &gone, .count = 1}};
    struct identity_facts facts = {.user = NULL, .request_id = "77"};
    struct http_fields fields = fields_of();
    header_edit_request(&edit, &facts, &arena, &fields);
    /* {user} is empty: no header, and none from the client either. */
    assert_fields(&fields, "Host=a;X-Env=prod;X-Env=id=77;");
    facts.user = "alice";
    fields = fields_of();
    header_edit_request(&edit, &facts, &arena, &fields);
    assert_fields(&fields, "Host=a;X-Env=prod;X-User=alice;X-Env=id=77;");
}
END_TEST

START_TEST(own_pages_keep_what_they_have)
{
    struct config_header set[] = {header(0, 0), header(1, 1)};
    struct config_value gone = {.text = names[2]};
    struct config_header_edit edit = {
        .set = set, .set_count = 2, .remove = {.items = &gone, .count = 1}};
    struct http_fields fields = fields_of();
    header_edit_response(&edit, true, true, &arena, &fields);
    /* A response has no templates. */
    assert_fields(&fields, "Host=a;x_env=from the client;X.Debug=1;X-Debug=2;X-User={user};");
    fields = fields_of();
    header_edit_response(&edit, false, true, &arena, &fields);
    assert_fields(&fields, "Host=a;X-Env=prod;X-User={user};");
}
END_TEST

/* RFC 6797 section 7.2 */
START_TEST(strict_transport_security_is_for_https)
{
    struct config_header set[] = {header(3, 3)};
    struct config_header_edit edit = {.set = set, .set_count = 1};
    struct http_fields fields = {0};
    header_edit_response(&edit, false, false, &arena, &fields);
    assert_fields(&fields, "");
    header_edit_response(&edit, false, true, &arena, &fields);
    assert_fields(&fields, "Strict-Transport-Security=max-age=1;");
}
END_TEST

static size_t errors_for(char *name, bool basic)
{
    struct config_value remove = {.text = name};
    struct config_site site = {.access = {
                                   .request_headers.remove = {.items = &remove, .count = 1},
                                   .forward.authorization_basic = basic,
                               }};
    struct config config = {.sites = &site, .site_count = 1};
    struct snapshot snapshot = {.config = &config, .identity_names = identity_names_new(&config)};
    struct error_list errors = {0};
    header_edit_check(&snapshot, &errors);
    size_t count = errors.errors;
    errors_clear(&errors);
    identity_names_free(snapshot.identity_names);
    return count;
}

START_TEST(names_that_say_who_the_client_is_are_refused)
{
    char client_cert[] = "client_cert";
    char original[] = "X-Original-URL";
    char authorization[] = "Authorization";
    char fine[] = "X-Fine";
    ck_assert_uint_eq(errors_for(client_cert, false), 1);
    ck_assert_uint_eq(errors_for(original, false), 1);
    ck_assert_uint_eq(errors_for(authorization, true), 1);
    ck_assert_uint_eq(errors_for(authorization, false), 0);
    ck_assert_uint_eq(errors_for(fine, true), 0);
}
END_TEST

START_TEST(a_header_is_set_once_under_whatever_spelling)
{
    char one[] = "X-Env";
    char two[] = "x_env";
    char value[] = "a";
    struct config_header set[] = {{.name.text = one, .template.text = value},
                                  {.name.text = two, .template.text = value}};
    struct config_site site = {.access.response_headers = {.set = set, .set_count = 2}};
    struct config config = {.sites = &site, .site_count = 1};
    struct snapshot snapshot = {.config = &config, .identity_names = identity_names_new(&config)};
    struct error_list errors = {0};
    header_edit_check(&snapshot, &errors);
    ck_assert_uint_eq(errors.errors, 1);
    errors_clear(&errors);
    identity_names_free(snapshot.identity_names);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("header_edit");
    TCase *tcase = tcase_create("header_edit");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, towards_the_backend_every_spelling_is_the_name);
    tcase_add_test(tcase, own_pages_keep_what_they_have);
    tcase_add_test(tcase, strict_transport_security_is_for_https);
    tcase_add_test(tcase, names_that_say_who_the_client_is_are_refused);
    tcase_add_test(tcase, a_header_is_set_once_under_whatever_spelling);
    suite_add_tcase(suite, tcase);
    return suite;
}

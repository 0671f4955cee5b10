/* SPDX-License-Identifier: MIT */
#include "http/message.h"
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

/* RFC 9110 section 9.2.2 */
START_TEST(tells_which_methods_may_be_sent_again)
{
    static const bool wanted[HTTP_METHOD_OTHER + 1] = {
        [HTTP_GET] = true,    [HTTP_HEAD] = true,    [HTTP_PUT] = true,
        [HTTP_DELETE] = true, [HTTP_OPTIONS] = true,
    };
    for (int method = HTTP_GET; method <= HTTP_METHOD_OTHER; method++)
        ck_assert(http_method_is_idempotent((enum http_method)method) == wanted[method]);
}
END_TEST

START_TEST(keeps_fields_in_order_however_many)
{
    struct http_fields fields = {0};
    for (int i = 0; i < 300; i++)
        http_fields_add(&fields, &arena, arena_printf(&arena, "Name-%d", i),
                        arena_printf(&arena, "%d", i));
    ck_assert_uint_eq(fields.count, 300);
    for (int i = 0; i < 300; i++) {
        ck_assert(str_equal(fields.items[i].name, arena_printf(&arena, "Name-%d", i)));
        ck_assert(str_equal(fields.items[i].value, arena_printf(&arena, "%d", i)));
    }
}
END_TEST

START_TEST(finds_the_first_of_a_name_whatever_the_case)
{
    struct http_fields fields = {0};
    ck_assert_ptr_null(http_fields_find(&fields, STR("a")));
    http_fields_add(&fields, &arena, STR("Accept"), STR("1"));
    http_fields_add(&fields, &arena, STR("X"), STR("2"));
    http_fields_add(&fields, &arena, STR("x"), STR("3"));
    ck_assert_ptr_eq(http_fields_find(&fields, STR("x")), &fields.items[1]);
    ck_assert_ptr_eq(http_fields_find(&fields, STR("aCCEPT")), &fields.items[0]);
    ck_assert_ptr_null(http_fields_find(&fields, STR("accep")));
    ck_assert_ptr_null(http_fields_find(&fields, STR("")));
}
END_TEST

START_TEST(removes_every_field_of_a_name_and_keeps_the_order)
{
    struct http_fields fields = {0};
    const char *names[] = {"a", "B", "c", "b", "d", "b"};
    for (size_t i = 0; i < 6; i++)
        http_fields_add(&fields, &arena, str_of(names[i]), STR(""));
    ck_assert_uint_eq(http_fields_remove(&fields, STR("b")), 3);
    ck_assert_uint_eq(fields.count, 3);
    ck_assert(str_equal(fields.items[0].name, STR("a")));
    ck_assert(str_equal(fields.items[1].name, STR("c")));
    ck_assert(str_equal(fields.items[2].name, STR("d")));
    ck_assert_uint_eq(http_fields_remove(&fields, STR("b")), 0);
}
END_TEST

/* RFC 9110 section 5.6.1: several fields of a name are one list; empty members count for nothing */
START_TEST(looks_through_all_lists_of_a_name)
{
    struct http_fields fields = {0};
    http_fields_add(&fields, &arena, STR("Connection"), STR("te, ,\tUpgrade"));
    http_fields_add(&fields, &arena, STR("Other"), STR("x"));
    http_fields_add(&fields, &arena, STR("connection"), STR("close"));
    ck_assert(http_fields_list_contains(&fields, STR("Connection"), STR("upgrade")));
    ck_assert(http_fields_list_contains(&fields, STR("Connection"), STR("CLOSE")));
    ck_assert(!http_fields_list_contains(&fields, STR("Connection"), STR("x")));
    ck_assert(!http_fields_list_contains(&fields, STR("Connection"), STR("clos")));
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("message");
    TCase *tcase = tcase_create("message");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, tells_which_methods_may_be_sent_again);
    tcase_add_test(tcase, keeps_fields_in_order_however_many);
    tcase_add_test(tcase, finds_the_first_of_a_name_whatever_the_case);
    tcase_add_test(tcase, removes_every_field_of_a_name_and_keeps_the_order);
    tcase_add_test(tcase, looks_through_all_lists_of_a_name);
    suite_add_tcase(suite, tcase);
    return suite;
}

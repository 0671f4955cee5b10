/* SPDX-License-Identifier: MIT */
#include "base/text.h"
#include "http/path_reading.h"
#include "unit/unit.h"

static struct buf_pool pool;
static struct arena arena;

static void begin(void)
{
    buf_pool_init(&pool, 0);
    arena_init(&arena, &pool);
}

static void end(void)
{
    arena_clear(&arena);
    buf_pool_clear(&pool);
}

static const struct path_spelling *find(const struct path_spellings *found, struct str path)
{
    for (size_t i = 0; i < found->count; i++) {
        if (str_equal(found->all[i].path, path))
            return &found->all[i];
    }
    return NULL;
}

/* What a server may make of /admin/x, and by which rows of the table. */
START_TEST(finds_what_servers_make_of_a_path)
{
    static const char *const cases[] = {
        "/%61dmin/x",        "/%2561dmin/x",      "/%u0061dmin/x",       "/admin%2fx",
        "/admin;v=1/x;y",    "/;/admin/x",        "/admin\\x",           "/admin%5cx",
        "/./admin/y/../x",   "/%2e/admin/x",      "/b/.%2e/admin/x",     "/b/..;/admin/x",
        "/../admin/x",       "//admin///x",       "/admin./x. .",        "/admin%20/x%20",
        "/b/..%20/admin/x",  "/admin::$DATA/x",   "/admin:$I30:$x/x",    "/admin%09/%0ax",
        "/admin%c2%a0/x",    "/ad%0amin/x",       "/admin/x%3fy",        "/admin/x%2523",
        "/admin/x%2500.js",  "/%ef%bd%81dmin/x",  "/adm%c4%b1n/x",       "/ad%e2%80%8bmin/x",
        "/admin%ef%bc%8fx",  "/admin%e2%88%96x",  "/admin/x%2f",         "/admin/%252e/x",
        "/admin;%2e/x",      "/%25253b/admin/x",  "/admin%3bv/x",        "/admin%253bv/x",
        "/admin.%3a%3a$d/x", "/(S(abc))/admin/x", "/admin/(A(x)F(y))/x", "/admin+/x",
        "/%25c1%25a1dmin/x", "/admin%25c0%25afx", "/%f0%9d%90%9admin/x", "/%c4%81dmin/x",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct path_spellings found;
        begin();
        ck_assert_msg(!path_has_one_reading(str_of(cases[i])), "%s", cases[i]);
        path_spellings_find(str_of(cases[i]), &arena, &found);
        const struct path_spelling *admin = find(&found, STR("/admin/x"));
        if (admin == NULL)
            admin = find(&found, STR("/admin/x/"));
        ck_assert_msg(found.is_complete && admin != NULL && !admin->is_loose, "%s", cases[i]);
        ck_assert_ptr_nonnull(admin->phrase);
        ck_assert(str_equal(found.all[0].path, str_of(cases[i])));
        end();
    }
}
END_TEST

START_TEST(leaves_what_nobody_reads_otherwise)
{
    static const char *const cases[] = {"/",        "/a/b/",     "/a.b/c.d", "/.well-known/x",
                                        "/a..b/.c", "/a=b,c@d!", "/A-b_c",   "/a*b&c"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct path_spellings found;
        begin();
        ck_assert_msg(path_has_one_reading(str_of(cases[i])), "%s", cases[i]);
        path_spellings_find(str_of(cases[i]), &arena, &found);
        ck_assert_uint_eq(found.count, 1);
        ck_assert(found.is_complete && found.all[0].phrase == NULL);
        end();
    }
}
END_TEST

START_TEST(a_host_in_front_is_only_loosely_read)
{
    struct path_spellings found;
    begin();
    path_spellings_find(STR("//x/admin"), &arena, &found);
    const struct path_spelling *without_host = find(&found, STR("/admin"));
    const struct path_spelling *merged = find(&found, STR("/x/admin"));
    ck_assert(without_host != NULL && without_host->is_loose);
    ck_assert(merged != NULL && !merged->is_loose);
    /* What is reached without it as well is not loose. */
    path_spellings_find(STR("//;/a"), &arena, &found);
    const struct path_spelling *both = find(&found, STR("/a"));
    ck_assert(both != NULL && !both->is_loose);
    end();
}
END_TEST

START_TEST(each_row_has_its_words_and_changes_only_what_it_says)
{
    size_t count = 0;
    const struct path_reading *table = path_reading_table(&count);
    ck_assert_uint_gt(count, 0);
    for (size_t i = 0; i < count; i++) {
        char out[32];
        struct str plain = STR("/plain/path");
        ck_assert(table[i].name[0] != '\0' && table[i].phrase[0] != '\0');
        ck_assert(str_equal(str_make(out, table[i].read(plain, out)), plain));
    }
}
END_TEST

/* Every path has a bound: of spellings, and of bytes looked at. */
START_TEST(gives_up_on_paths_with_too_many_readings)
{
    struct path_spellings found;
    struct text nested = {0};
    begin();
    text_add_cstr(&nested, "/%");
    for (int i = 0; i < 4000; i++)
        text_add_cstr(&nested, "25");
    path_spellings_find(text_str(&nested), &arena, &found);
    ck_assert(!found.is_complete && found.count < 64);
    text_clear(&nested);
    path_spellings_find(STR("/%2525252541;//.%20/b:c;d\\e%0a/%3f%23/%253b%253a%252e/x."), &arena,
                        &found);
    ck_assert(!found.is_complete && found.count <= PATH_READINGS_MAX);
    end();
}
END_TEST

START_TEST(merges_slashes_and_copies_only_then)
{
    begin();
    struct str plain = STR("/a/b/");
    ck_assert_ptr_eq(path_merge_slashes(plain, &arena).ptr, plain.ptr);
    ck_assert(str_equal(path_merge_slashes(STR("//a///b//"), &arena), STR("/a/b/")));
    ck_assert(str_equal(path_merge_slashes(STR("//"), &arena), STR("/")));
    ck_assert(str_equal(path_merge_slashes(STR("*"), &arena), STR("*")));
    end();
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("path_reading");
    TCase *tcase = tcase_create("path_reading");
    tcase_add_test(tcase, finds_what_servers_make_of_a_path);
    tcase_add_test(tcase, leaves_what_nobody_reads_otherwise);
    tcase_add_test(tcase, a_host_in_front_is_only_loosely_read);
    tcase_add_test(tcase, each_row_has_its_words_and_changes_only_what_it_says);
    tcase_add_test(tcase, gives_up_on_paths_with_too_many_readings);
    tcase_add_test(tcase, merges_slashes_and_copies_only_then);
    suite_add_tcase(suite, tcase);
    return suite;
}

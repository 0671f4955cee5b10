/* The picture of a chain: who is in it, what is marked, and that names stay text.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/buf.h"
#include "explain/chain_drawing.h"
#include "explain/windows_fix.h"
#include "unit/auth/make_cert.h"
#include "unit/unit.h"

static struct buf_pool pool;
static struct arena arena;
static struct chain_boxes boxes;
static struct text html;

static void setup(void)
{
    buf_pool_init(&pool, 4);
    arena_init(&arena, &pool);
}

static void teardown(void)
{
    arena_clear(&arena);
    buf_pool_clear(&pool);
    text_clear(&html);
}

static void draw(const struct verdict *verdict, struct cert *const *presented, size_t count)
{
    text_reset(&html);
    chain_boxes_make(verdict, presented, count, NOW, &arena, &boxes);
    chain_drawing_add(&boxes, &html);
}

static bool has(const char *part)
{
    return strstr(html.ptr, part) != NULL;
}

START_TEST(a_good_chain_ends_in_its_anchor)
{
    struct fixture fixture;
    struct verdict verdict;
    struct made root = make_root("CN=Root", 1);
    struct made ca = make_ca("CN=CA", &root, 2);
    struct made leaf = make_leaf("O=Org/CN=Leaf", &ca, 3);
    struct made other = make_root("CN=Other", 4);
    fixture_init(&fixture);
    fixture_store(&fixture, &fixture.site.trust.root, &root, NULL);
    (void)fixture_load(&fixture);
    judge_at(&fixture, &verdict, NOW, &leaf, &ca, &other, NULL);
    ck_assert_int_eq(verdict.outcome, OUTCOME_OK);
    struct cert *presented[] = {leaf.cert, ca.cert, other.cert};
    draw(&verdict, presented, 3);
    ck_assert_uint_eq(boxes.count, 4);
    ck_assert(boxes.items[2].is_anchor && !boxes.items[2].is_aside);
    ck_assert_str_eq(boxes.items[2].store, "root");
    ck_assert(boxes.items[3].is_aside);
    ck_assert(str_equal(boxes.items[0].name, STR("Leaf")));
    ck_assert(str_equal(boxes.items[1].usage, STR("certificate authority, for any purpose")));
    ck_assert(has("trust.root, trusted here") && has("Also presented"));
    ck_assert(!has("class=\"wrong\"") && !has("cert gone") && has("valid for 365 days"));
    verdict_clear(&verdict);
    fixture_clear(&fixture);
}
END_TEST

START_TEST(what_is_wrong_is_marked_where_it_is)
{
    struct fixture fixture;
    struct verdict verdict;
    struct made root = make_root("CN=Root", 1);
    struct made leaf = make_cert(&(struct cert_spec){.subject = "CN=Leaf",
                                                     .issuer = &root,
                                                     .key = 3,
                                                     .not_before = NOW - 9 * DAY,
                                                     .not_after = NOW - 2 * DAY,
                                                     .extensions = {EXT_CLIENT}});
    fixture_init(&fixture);
    fixture_store(&fixture, &fixture.site.trust.root, &root, NULL);
    (void)fixture_load(&fixture);
    judge_at(&fixture, &verdict, NOW, &leaf, NULL);
    ck_assert_int_eq(verdict.outcome, OUTCOME_EXPIRED);
    draw(&verdict, &leaf.cert, 1);
    ck_assert_uint_eq(boxes.count, 2);
    ck_assert(boxes.items[0].is_fault && boxes.items[0].errors != 0 && boxes.items[1].errors == 0);
    ck_assert(has("cert bad") && has("<code>expired</code>") && has("expired 2 days ago"));
    ck_assert(has("style=\"width:100%\""));
    verdict_clear(&verdict);
    fixture_clear(&fixture);
}
END_TEST

START_TEST(an_issuer_that_nobody_has_is_dashed)
{
    struct fixture fixture;
    struct verdict verdict;
    struct made root = make_root("CN=Root", 1);
    struct made elsewhere = make_root("O=<b>/CN=Gone & lost", 5);
    struct made leaf = make_leaf("CN=<p><script>", &elsewhere, 3);
    fixture_init(&fixture);
    fixture_store(&fixture, &fixture.site.trust.root, &root, NULL);
    (void)fixture_load(&fixture);
    judge_at(&fixture, &verdict, NOW, &leaf, NULL);
    ck_assert_int_ne(verdict.outcome, OUTCOME_OK);
    draw(&verdict, &leaf.cert, 1);
    ck_assert_uint_eq(boxes.count, 2);
    ck_assert_ptr_null(boxes.items[1].cert);
    ck_assert(has("cert gone") && has("Gone &amp; lost") && has("stroke-dasharray"));
    ck_assert(has("&lt;p&gt;&lt;script&gt;") && !has("<script") && !has("<b>"));
    ck_assert(has("<code>partial_chain</code>"));
    verdict_clear(&verdict);
    fixture_clear(&fixture);
}
END_TEST

START_TEST(without_a_certificate_there_is_one_dashed_box)
{
    draw(NULL, NULL, 0);
    ck_assert_uint_eq(boxes.count, 1);
    ck_assert(has("None was presented") && !has("issued by"));
}
END_TEST

START_TEST(without_a_verdict_what_was_presented_is_shown)
{
    struct made root = make_root("CN=Root", 1);
    struct made leaf = make_leaf("CN=Leaf", &root, 3);
    struct cert *many[2 * CHAIN_BOXES_MAX];
    for (size_t i = 0; i < 2 * CHAIN_BOXES_MAX; i++)
        many[i] = i == 0 ? leaf.cert : root.cert;
    draw(NULL, many, 2);
    ck_assert_uint_eq(boxes.count, 2);
    ck_assert(!has("class=\"wrong\"") && has("sent by the client"));
    draw(NULL, many, 2 * CHAIN_BOXES_MAX);
    ck_assert_uint_eq(boxes.count, CHAIN_BOXES_MAX);
}
END_TEST

START_TEST(fixes_are_commands_of_windows)
{
    static const struct {
        struct fix fix;
        const char *commands;
    } CASES[] = {
        {{.action = FIX_ADD_CERTIFICATE, .store = "root"}, "certutil -addstore Root issuer.cer\n"},
        {{.action = FIX_ADD_CERTIFICATE, .store = "trusted_issuers"},
         "certutil -addstore ClientAuthIssuer issuer.cer\n"},
        {{.action = FIX_REMOVE_CERTIFICATE, .store = "disallowed"},
         "certutil -delstore Disallowed THUMBPRINT\n"},
        {{.action = FIX_ADD_CRL}, "certutil -addstore CA issuer.crl\n"},
        {{.action = FIX_SET, .key = "trust.check_usage", .value = "false"},
         "netsh http update sslcert ipport=0.0.0.0:443 usagecheck=disable\n"},
        {{.action = FIX_SET, .key = "accounts[x].state", .value = "enabled"},
         "net user USER /active:yes\n"},
        {{.action = FIX_SET, .key = "accounts[x].password_file", .value = "null"}, NULL},
        {{.action = FIX_SET, .key = "ambiguous_path", .value = "keep"}, NULL},
        {{.action = FIX_PRESENT}, NULL},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct text out = {0};
        windows_fix_add(&CASES[i].fix, &out);
        if (CASES[i].commands == NULL)
            ck_assert_uint_eq(out.len, 0);
        else
            ck_assert_str_eq(out.ptr, CASES[i].commands);
        text_clear(&out);
    }
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("chain_drawing");
    TCase *tcase = tcase_create("drawing");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_good_chain_ends_in_its_anchor);
    tcase_add_test(tcase, what_is_wrong_is_marked_where_it_is);
    tcase_add_test(tcase, an_issuer_that_nobody_has_is_dashed);
    tcase_add_test(tcase, without_a_certificate_there_is_one_dashed_box);
    tcase_add_test(tcase, without_a_verdict_what_was_presented_is_shown);
    tcase_add_test(tcase, fixes_are_commands_of_windows);
    suite_add_tcase(suite, tcase);
    return suite;
}

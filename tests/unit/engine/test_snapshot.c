/* SPDX-License-Identifier: MIT */
#include "engine/snapshot_load.h"
#include "unit/unit.h"

START_TEST(a_policy_is_the_same_only_when_text_and_every_site_are)
{
    char orders[] = "orders";
    struct config_site plain[] = {{.name = orders}};
    struct config_site mapped[] = {{.name = orders, .mapping = {.is_set = true}}};
    struct config text = {.source_hash = 1};
    struct config other_text = {.source_hash = 2};
    struct snapshot_site one[] = {{.config = &plain[0], .policy = {1}}};
    struct snapshot_site changed[] = {{.config = &plain[0], .policy = {[31] = 1}}};
    struct snapshot_site with_files[] = {{.config = &mapped[0], .policy = {1}}};
    struct snapshot before = {.config = &text, .sites = one, .site_count = 1};
    struct snapshot edited = {.config = &other_text, .sites = one, .site_count = 1};
    struct snapshot retrusted = {.config = &text, .sites = changed, .site_count = 1};
    struct snapshot files = {.config = &text, .sites = with_files, .site_count = 1};
    struct snapshot none = {.config = &text};
    ck_assert(snapshot_same_policy(&before, &before));
    ck_assert(!snapshot_same_policy(&before, &edited));
    ck_assert(!snapshot_same_policy(&before, &retrusted));
    ck_assert(!snapshot_same_policy(&before, &none));
    /* A mapping's files may have changed behind the same text. */
    ck_assert(!snapshot_same_policy(&files, &files));
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("snapshot");
    TCase *tcase = tcase_create("snapshot");
    tcase_add_test(tcase, a_policy_is_the_same_only_when_text_and_every_site_are);
    suite_add_tcase(suite, tcase);
    return suite;
}

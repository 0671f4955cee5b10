/* A list that was in use stays until another one succeeds it: iis-semantics 4.4.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "auth/cert_facts.h"
#include "auth/crl_index.h"
#include "auth/crl_keep.h"
#include "auth/trust.h"
#include "auth/trust_crls.h"
#include "base/clock.h"
#include "base/mem.h"
#include "unit/auth/make_cert.h"
#include "unit/unit.h"

#define LISTS_MAX 3
#define SERIAL    4711L

static struct made root;
static struct made ca;    /* in the stores */
static struct made rekey; /* the same CA with another key, in the stores */
static struct made other; /* in the stores */
static struct made hidden, hidden_rekey;
static struct made leaf, hidden_leaf;
static const long listed[] = {SERIAL};

static struct made made_leaf(const struct made *issuer)
{
    return make_cert(&(struct cert_spec){.subject = "CN=Leaf",
                                         .issuer = issuer,
                                         .key = 9,
                                         .serial = SERIAL,
                                         .extensions = {EXT_NOT_CA, EXT_CLIENT}});
}

static void setup(void)
{
    clock_freeze(NOW * 1000);
    root = make_root("CN=Root", 1);
    ca = make_ca("CN=CA", &root, 2);
    rekey = make_ca("CN=CA", &root, 3);
    other = make_ca("CN=Other", &root, 4);
    hidden = make_ca("CN=Hidden", &root, 5);
    hidden_rekey = make_ca("CN=Hidden", &root, 6);
    leaf = made_leaf(&ca);
    hidden_leaf = made_leaf(&hidden);
}

static void teardown(void)
{
    struct made *const all[] = {&root,   &ca,           &rekey, &other,
                                &hidden, &hidden_rekey, &leaf,  &hidden_leaf};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cert_unref(all[i]->cert);
    clock_freeze(-1);
}

struct bench {
    struct fixture fixture;
    char *folder;
};

static void bench_init(struct bench *bench)
{
    fixture_init(&bench->fixture);
    fixture_store(&bench->fixture, &bench->fixture.site.trust.root, &root, NULL);
    fixture_store(&bench->fixture, &bench->fixture.site.trust.intermediate, &ca, &rekey, &other,
                  NULL);
    bench->folder = xasprintf("%s/lists", bench->fixture.folder);
    ck_assert_int_eq(mkdir(bench->folder, 0700), 0);
    fixture_path(&bench->fixture.site.trust.revocation.crls, bench->folder);
    bench->fixture.site.trust.revocation.check = true;
}

/* The folder holds these and nothing else. */
static void put(const struct bench *bench, const struct crl_spec *specs)
{
    for (int i = 0; i < LISTS_MAX; i++) {
        char *path = xasprintf("%s/%d.crl", bench->folder, i);
        (void)remove(path);
        if (specs[i].issuer != NULL) {
            size_t len = 0;
            unsigned char *der = make_crl(&specs[i], &len);
            FILE *file = fopen(path, "we");
            ck_assert_uint_eq(fwrite(der, 1, len, file), len);
            ck_assert_int_eq(fclose(file), 0);
            free(der);
        }
        free(path);
    }
}

static void bench_clear(struct bench *bench)
{
    static const struct crl_spec nothing[LISTS_MAX];
    put(bench, nothing);
    (void)rmdir(bench->folder);
    free(bench->folder);
    fixture_clear(&bench->fixture);
}

static void read_again(struct bench *bench)
{
    struct trust *trust = bench->fixture.trust;
    const char *problem = NULL;
    int fd = trust_crls_read(trust, &bench->fixture.site.trust.revocation, &bench->fixture.errors);
    ck_assert_int_ge(fd, 0);
    struct crl_index *crls = trust_crls_map(fd, &problem);
    ck_assert_msg(crls != NULL, "%s", problem);
    (void)close(fd);
    (void)trust_crls_set(trust, crls);
}

/* What a reload does: everything new, and then what must not be forgotten. */
static void reload(struct bench *bench)
{
    struct trust *before = bench->fixture.trust;
    bench->fixture.trust = NULL;
    (void)fixture_load(&bench->fixture);
    ck_assert(trust_crls_inherit(bench->fixture.trust, &bench->fixture.site.trust.revocation,
                                 before, &bench->fixture.errors));
    trust_free(before);
}

static const char *kept_reason(const struct bench *bench, size_t *ret_count)
{
    const char *why = "";
    size_t position = 0;
    struct text issuer = {0};
    struct trust_kept_crl kept;
    *ret_count = 0;
    while (trust_crls_next_kept(trust_crls_in_use(bench->fixture.trust), NULL, &position, &issuer,
                                &kept)) {
        ck_assert_ptr_nonnull(strstr(kept.path, bench->folder));
        why = kept.why;
        ++*ret_count;
    }
    text_clear(&issuer);
    return why;
}

#define REVOKING(...)                              \
    {                                              \
        .serials = listed, .count = 1, __VA_ARGS__ \
    }

#define FIRST REVOKING(.issuer = &ca, .number = 1)

struct row {
    const char *name;
    struct crl_spec before[LISTS_MAX];
    struct crl_spec after[LISTS_MAX];
    const char *kept; /* why; NULL: nothing is */
    enum outcome outcome;
    const struct made *leaf; /* NULL: the usual one */
};

static const struct row rows[] = {
    {"a newer one", {FIRST}, {{.issuer = &ca, .number = 2}}, NULL, OUTCOME_OK, NULL},
    {"a later one without numbers",
     {REVOKING(.issuer = &ca)},
     {{.issuer = &ca, .this_update = NOW - 60}},
     NULL,
     OUTCOME_OK,
     NULL},
    {"a newer one that has expired",
     {FIRST},
     {{.issuer = &ca, .number = 2, .this_update = NOW - 2 * DAY, .next_update = NOW - DAY}},
     NULL,
     OUTCOME_REVOCATION_OFFLINE,
     NULL},
    {"none", {FIRST}, {{0}}, "no file", OUTCOME_REVOKED, NULL},
    {"the same", {FIRST}, {FIRST}, NULL, OUTCOME_REVOKED, NULL},
    {"one of another issuer",
     {FIRST},
     {{.issuer = &other, .number = 2}},
     "no file",
     OUTCOME_REVOKED,
     NULL},
    {"an older number",
     {REVOKING(.issuer = &ca, .number = 7)},
     {{.issuer = &ca, .number = 6}},
     "not newer",
     OUTCOME_REVOKED,
     NULL},
    {"an older number with a later time",
     {REVOKING(.issuer = &ca, .number = 7)},
     {{.issuer = &ca, .number = 6, .this_update = NOW - 60}},
     "not newer",
     OUTCOME_REVOKED,
     NULL},
    {"an older number that revokes",
     {{.issuer = &ca, .number = 7}},
     {REVOKING(.issuer = &ca, .number = 6)},
     "not newer",
     OUTCOME_REVOKED,
     NULL},
    {"an earlier time that revokes",
     {{.issuer = &ca}},
     {REVOKING(.issuer = &ca, .this_update = NOW - 2 * DAY)},
     "not newer",
     OUTCOME_REVOKED,
     NULL},
    {"an earlier time",
     {REVOKING(.issuer = &ca)},
     {{.issuer = &ca, .this_update = NOW - 2 * DAY}},
     "not newer",
     OUTCOME_REVOKED,
     NULL},
    {"the same number and time, and not the same content",
     {FIRST},
     {{.issuer = &ca, .number = 1}},
     "not newer",
     OUTCOME_REVOKED,
     NULL},
    {"one whose time has not come",
     {FIRST},
     {{.issuer = &ca, .number = 2, .this_update = NOW + 60}},
     "not valid yet",
     OUTCOME_REVOKED,
     NULL},
    {"one that does not verify",
     {FIRST},
     {{.issuer = &ca, .number = 2, .is_damaged = true}},
     "not signed",
     OUTCOME_REVOKED,
     NULL},
    {"one of the issuer's other key",
     {FIRST},
     {{.issuer = &rekey, .number = 2}},
     "not signed",
     OUTCOME_REVOKED,
     NULL},
    {"one that cannot be processed",
     {FIRST},
     {{.issuer = &ca, .number = 2, .extensions = {EXT_UNKNOWN}}},
     "cannot be used",
     OUTCOME_REVOKED,
     NULL},
    {"one of another scope",
     {FIRST},
     {{.issuer = &ca,
       .number = 2,
       .extensions = {"issuingDistributionPoint=critical,onlyCA:TRUE"}}},
     "no file",
     OUTCOME_REVOKED,
     NULL},
    {"a delta in the place of its base",
     {FIRST},
     {{.issuer = &ca, .number = 2, .base = 1}},
     "no file",
     OUTCOME_REVOKED,
     NULL},
    {"the base alone in the place of both",
     {{.issuer = &ca, .number = 1}, REVOKING(.issuer = &ca, .number = 2, .base = 1)},
     {{.issuer = &ca, .number = 1}},
     "not newer",
     OUTCOME_REVOKED,
     NULL},
    {"a newer delta",
     {{.issuer = &ca, .number = 1}, REVOKING(.issuer = &ca, .number = 2, .base = 1)},
     {{.issuer = &ca, .number = 1}, {.issuer = &ca, .number = 3, .base = 1}},
     NULL,
     OUTCOME_OK,
     NULL},
    {"a delta on a base that is not there",
     {{.issuer = &ca, .number = 1}, REVOKING(.issuer = &ca, .number = 2, .base = 1)},
     {{.issuer = &ca, .number = 1}, {.issuer = &ca, .number = 4, .base = 3}},
     "not newer",
     OUTCOME_REVOKED,
     NULL},
    {"a complete one with the number of the delta",
     {{.issuer = &ca, .number = 1}, REVOKING(.issuer = &ca, .number = 2, .base = 1)},
     {{.issuer = &ca, .number = 2}},
     NULL,
     OUTCOME_OK,
     NULL},
    {"a complete one from before the delta",
     {{.issuer = &ca, .number = 1}, REVOKING(.issuer = &ca, .number = 3, .base = 1)},
     {{.issuer = &ca, .number = 2}},
     "not newer",
     OUTCOME_REVOKED,
     NULL},
    {"one of two",
     {{.issuer = &other, .number = 1}, FIRST},
     {{.issuer = &other, .number = 1}},
     "no file",
     OUTCOME_REVOKED,
     NULL},
    {"nothing of a CA that only clients present",
     {REVOKING(.issuer = &hidden, .number = 1)},
     {{0}},
     "no file",
     OUTCOME_REVOKED,
     &hidden_leaf},
    {"a newer one of such a CA",
     {REVOKING(.issuer = &hidden, .number = 1)},
     {{.issuer = &hidden, .number = 2}},
     NULL,
     OUTCOME_OK,
     &hidden_leaf},
    {"a forged one of such a CA",
     {REVOKING(.issuer = &hidden, .number = 1)},
     {{.issuer = &hidden, .number = 2, .is_damaged = true}},
     NULL,
     OUTCOME_REVOCATION_OFFLINE,
     &hidden_leaf},
    {"one that names another key of such a CA",
     {REVOKING(.issuer = &hidden, .number = 1, .extensions = {"2.5.29.35=DER:3004800201AA"})},
     {{.issuer = &hidden_rekey, .number = 2, .extensions = {"2.5.29.35=DER:3004800201BB"}}},
     "not signed",
     OUTCOME_REVOKED,
     &hidden_leaf},
};

static enum outcome judge(struct bench *bench, const struct row *row)
{
    if (row->leaf == NULL)
        return OUTCOME_FOR(&bench->fixture, &leaf);
    return OUTCOME_FOR(&bench->fixture, row->leaf, &hidden);
}

static void expect(struct bench *bench, const struct row *row, const char *when)
{
    size_t count;
    const char *why = kept_reason(bench, &count);
    enum outcome outcome = judge(bench, row);
    ck_assert_msg(outcome == row->outcome, "%s, %s: %d", row->name, when, (int)outcome);
    ck_assert_msg(count == (row->kept != NULL), "%s, %s: %zu kept", row->name, when, count);
    ck_assert_msg(row->kept == NULL || strstr(why, row->kept) != NULL, "%s, %s: %s", row->name,
                  when, why);
}

START_TEST(a_list_stays_until_another_takes_its_place)
{
    const struct row *row = &rows[_i];
    struct bench bench;
    bench_init(&bench);
    put(&bench, row->before);
    (void)fixture_load(&bench.fixture);
    bool is_revoked = row->before[0].count + row->before[1].count > 0;
    ck_assert_int_eq(judge(&bench, row), is_revoked ? OUTCOME_REVOKED : OUTCOME_OK);
    put(&bench, row->after);
    read_again(&bench);
    expect(&bench, row, "read again");
    read_again(&bench);
    expect(&bench, row, "and again");
    reload(&bench);
    expect(&bench, row, "reloaded");
    reload(&bench);
    expect(&bench, row, "and again");
    bench_clear(&bench);
}
END_TEST

/* A reload alone, without a reading before it. */
START_TEST(a_reload_forgets_nothing_that_is_still_named)
{
    const struct row *row = &rows[_i];
    struct bench bench;
    bench_init(&bench);
    put(&bench, row->before);
    (void)fixture_load(&bench.fixture);
    put(&bench, row->after);
    reload(&bench);
    expect(&bench, row, "reloaded");
    bench_clear(&bench);
}
END_TEST

static const struct crl_spec revoking[LISTS_MAX] = {REVOKING(.issuer = &ca, .number = 1)};
static const struct crl_spec nothing[LISTS_MAX];

static void name_instead(struct bench *bench, char *path)
{
    struct config_list *crls = &bench->fixture.site.trust.revocation.crls;
    free(crls->items[0].text);
    crls->items[0].text = path;
}

START_TEST(another_folder_on_purpose_lets_go)
{
    struct bench bench;
    bench_init(&bench);
    put(&bench, revoking);
    (void)fixture_load(&bench.fixture);
    put(&bench, nothing);
    reload(&bench);
    ck_assert_int_eq(OUTCOME_FOR(&bench.fixture, &leaf), OUTCOME_REVOKED);
    char *elsewhere = xasprintf("%s/elsewhere", bench.fixture.folder);
    ck_assert_int_eq(mkdir(elsewhere, 0700), 0);
    name_instead(&bench, xstrdup(elsewhere));
    reload(&bench);
    ck_assert_int_eq(OUTCOME_FOR(&bench.fixture, &leaf), OUTCOME_OK);
    /* And it does not come back. */
    name_instead(&bench, xstrdup(bench.folder));
    reload(&bench);
    ck_assert_int_eq(OUTCOME_FOR(&bench.fixture, &leaf), OUTCOME_OK);
    (void)rmdir(elsewhere);
    free(elsewhere);
    bench_clear(&bench);
}
END_TEST

/* A file and its folder, written in other ways, are the same place. */
START_TEST(other_words_for_the_same_place_do_not_let_go)
{
    static const char *const words[] = {"/lists/",      "//lists",          "/./lists/.",
                                        "/lists/0.crl", "/lists/../lists/", "/link"};
    struct bench bench;
    bench_init(&bench);
    put(&bench, revoking);
    (void)fixture_load(&bench.fixture);
    char *link = xasprintf("%s/link", bench.fixture.folder);
    ck_assert_int_eq(symlink("lists", link), 0);
    put(&bench, nothing);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char *path = xasprintf("%s%s", bench.fixture.folder, words[i]);
        /* A listed file has to be there; a folder in its place holds nothing. */
        if (str_ends_with_icase(str_of(path), STR(".crl")))
            ck_assert_int_eq(mkdir(path, 0700), 0);
        name_instead(&bench, path);
        reload(&bench);
        ck_assert_msg(OUTCOME_FOR(&bench.fixture, &leaf) == OUTCOME_REVOKED, "%s", words[i]);
    }
    (void)remove(link);
    free(link);
    bench_clear(&bench);
}
END_TEST

START_TEST(nothing_is_forgotten_while_the_check_is_off)
{
    struct bench bench;
    bench_init(&bench);
    put(&bench, revoking);
    (void)fixture_load(&bench.fixture);
    put(&bench, nothing);
    bench.fixture.site.trust.revocation.check = false;
    reload(&bench);
    ck_assert_int_eq(OUTCOME_FOR(&bench.fixture, &leaf), OUTCOME_OK);
    bench.fixture.site.trust.revocation.check = true;
    reload(&bench);
    ck_assert_int_eq(OUTCOME_FOR(&bench.fixture, &leaf), OUTCOME_REVOKED);
    bench_clear(&bench);
}
END_TEST

/* Expired it says of nobody that he is good any more, and of whom it lists that he is not. */
START_TEST(what_is_kept_expires_and_is_offline_then)
{
    struct made good = make_leaf("CN=Good", &ca, 11);
    struct bench bench;
    bench_init(&bench);
    put(&bench, revoking);
    (void)fixture_load(&bench.fixture);
    put(&bench, nothing);
    read_again(&bench);
    ck_assert_int_eq(OUTCOME_FOR(&bench.fixture, &good), OUTCOME_OK);
    struct verdict verdict;
    judge_at(&bench.fixture, &verdict, NOW + 30 * DAY, &good, NULL);
    ck_assert_int_eq(verdict.outcome, OUTCOME_REVOCATION_OFFLINE);
    verdict_clear(&verdict);
    judge_at(&bench.fixture, &verdict, NOW + 30 * DAY, &leaf, NULL);
    ck_assert_int_eq(verdict.outcome, OUTCOME_REVOKED);
    verdict_clear(&verdict);
    cert_unref(good.cert);
    bench_clear(&bench);
}
END_TEST

/* A CA that was set up anew begins to count from 1: what it says now counts at once, what it said
 * before until that expires. */
START_TEST(a_ca_that_counts_anew_is_not_locked_out)
{
    struct made good = make_leaf("CN=Good", &ca, 11);
    const struct crl_spec before[LISTS_MAX] = {REVOKING(.issuer = &ca, .number = 1000)};
    const struct crl_spec after[LISTS_MAX] = {
        {.issuer = &ca, .number = 1, .this_update = NOW - 60, .next_update = NOW + 60 * DAY}};
    struct bench bench;
    bench_init(&bench);
    put(&bench, before);
    (void)fixture_load(&bench.fixture);
    put(&bench, after);
    read_again(&bench);
    ck_assert_int_eq(OUTCOME_FOR(&bench.fixture, &good), OUTCOME_OK);
    ck_assert_int_eq(OUTCOME_FOR(&bench.fixture, &leaf), OUTCOME_REVOKED);
    struct verdict verdict;
    judge_at(&bench.fixture, &verdict, NOW + 30 * DAY, &good, NULL);
    ck_assert_int_eq(verdict.outcome, OUTCOME_OK);
    verdict_clear(&verdict);
    cert_unref(good.cert);
    bench_clear(&bench);
}
END_TEST

/* Lists of issuers that nobody knows cannot pile up without end. */
START_TEST(what_nothing_verifies_is_bounded)
{
    struct bench bench;
    bench_init(&bench);
    (void)fixture_load(&bench.fixture);
    int fd = -1;
    for (long i = 0; i <= CRL_KEEP_UNVERIFIED_MAX + 1; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "CN=Nobody %ld", i);
        const struct crl_spec specs[LISTS_MAX] = {{.issuer = &ca, .name = name, .number = 1}};
        put(&bench, specs);
        if (i <= CRL_KEEP_UNVERIFIED_MAX) {
            read_again(&bench);
            continue;
        }
        fd = trust_crls_read(bench.fixture.trust, &bench.fixture.site.trust.revocation,
                             &bench.fixture.errors);
    }
    ck_assert_int_eq(fd, -1);
    ck_assert_uint_eq(bench.fixture.errors.errors, 1);
    ck_assert_ptr_nonnull(strstr(bench.fixture.errors.entries[bench.fixture.errors.count - 1].text,
                                 "nothing tells what succeeds them"));
    bench_clear(&bench);
}
END_TEST

START_TEST(a_folder_without_a_list_is_worth_a_warning)
{
    struct bench bench;
    bench_init(&bench);
    (void)fixture_load(&bench.fixture);
    ck_assert_uint_eq(bench.fixture.errors.count, 1);
    ck_assert_ptr_nonnull(strstr(bench.fixture.errors.entries[0].text, "holds no CRL"));
    errors_clear(&bench.fixture.errors);
    put(&bench, revoking);
    (void)fixture_load(&bench.fixture);
    ck_assert_uint_eq(bench.fixture.errors.count, 0);
    put(&bench, nothing);
    bench.fixture.site.trust.revocation.check = false;
    (void)fixture_load(&bench.fixture);
    ck_assert_uint_eq(bench.fixture.errors.count, 0);
    bench_clear(&bench);
}
END_TEST

/* Also of the super-user's files, whom permissions do not stop. */
START_TEST(what_must_not_be_read_any_more_is_kept)
{
    struct bench bench;
    bench_init(&bench);
    put(&bench, revoking);
    (void)fixture_load(&bench.fixture);
    char *path = xasprintf("%s/0.crl", bench.folder);
    const char *const closed[] = {path, bench.folder};
    ck_assert_int_eq(chmod(bench.fixture.folder, 0755), 0);
    ck_assert_int_eq(chmod(bench.folder, 0755), 0);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(chmod(closed[i], 0), 0);
        if (geteuid() == 0)
            ck_assert_int_eq(seteuid(65534), 0);
        read_again(&bench);
        ck_assert_int_eq(seteuid(getuid()), 0);
        ck_assert_int_eq(chmod(closed[i], 0755), 0);
        ck_assert_uint_eq(bench.fixture.errors.errors, 1);
        ck_assert_ptr_nonnull(strstr(bench.fixture.errors.entries[0].text, "Permission denied"));
        errors_clear(&bench.fixture.errors);
        ck_assert_int_eq(OUTCOME_FOR(&bench.fixture, &leaf), OUTCOME_REVOKED);
    }
    free(path);
    bench_clear(&bench);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("crl_keep");
    TCase *tcase = tcase_create("crl_keep");
    tcase_add_unchecked_fixture(tcase, setup, teardown);
    int count = (int)(sizeof rows / sizeof *rows);
    tcase_add_loop_test(tcase, a_list_stays_until_another_takes_its_place, 0, count);
    tcase_add_loop_test(tcase, a_reload_forgets_nothing_that_is_still_named, 0, count);
    tcase_add_test(tcase, another_folder_on_purpose_lets_go);
    tcase_add_test(tcase, other_words_for_the_same_place_do_not_let_go);
    tcase_add_test(tcase, nothing_is_forgotten_while_the_check_is_off);
    tcase_add_test(tcase, what_is_kept_expires_and_is_offline_then);
    tcase_add_test(tcase, a_ca_that_counts_anew_is_not_locked_out);
    tcase_add_test(tcase, what_nothing_verifies_is_bounded);
    tcase_add_test(tcase, a_folder_without_a_list_is_worth_a_warning);
    tcase_add_test(tcase, what_must_not_be_read_any_more_is_kept);
    suite_add_tcase(suite, tcase);
    return suite;
}

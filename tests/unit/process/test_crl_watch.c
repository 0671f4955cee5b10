/* The files of CRLs change under a running master: iis-semantics 4.4.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>

#include "auth/trust_crls.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "process/crl_watch.h"
#include "unit/auth/make_cert.h"
#include "unit/unit.h"

#define GUARD_SECONDS 30
#define LONG_MS       UINT64_C(3600000)

/* Two sites, so that a number that is always 0 does not pass; the second one is watched. */
struct bench {
    struct fixture fixture;
    struct made root;
    struct config_site idle;
    struct snapshot_site sites[2];
    struct snapshot snapshot;
    struct event_base *base;
    struct crl_watch *watch;
    unsigned changes;
    FILE *log;
};

static const long serials[] = {7, 9};

static void write_crl_of(struct bench *bench, const struct made *issuer, const char *name,
                         long number, size_t count)
{
    size_t len = 0;
    unsigned char *der = make_crl(
        &(struct crl_spec){.issuer = issuer, .serials = serials, .count = count, .number = number},
        &len);
    (void)fixture_file(&bench->fixture, name, der, len);
    free(der);
}

static void write_crl(struct bench *bench, const char *name, long number, size_t count)
{
    write_crl_of(bench, &bench->root, name, number, count);
}

static void load(struct bench *bench)
{
    (void)fixture_load(&bench->fixture);
    bench->sites[0] = (struct snapshot_site){.config = &bench->idle};
    bench->sites[1] =
        (struct snapshot_site){.config = &bench->fixture.site, .trust = bench->fixture.trust};
    bench->snapshot = (struct snapshot){.sites = bench->sites, .site_count = 2};
}

static void on_changed(void *arg, size_t site, int fd)
{
    struct bench *bench = arg;
    const char *problem = NULL;
    struct trust_crls_info info;
    struct crl_index *crls = trust_crls_map(fd, &problem);
    ck_assert_uint_eq(site, 1);
    ck_assert_ptr_nonnull(crls);
    trust_crls_info(crls, &info);
    /* The master's own trust has them already: whoever is forked now inherits them. */
    ck_assert_mem_eq(info.digest, trust_revocation_digest(bench->fixture.trust), TRUST_EPOCH_SIZE);
    trust_crls_free(crls);
    bench->changes++;
    (void)event_base_loopbreak(bench->base);
}

static void on_guard(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    ck_abort_msg("no change was noticed");
}

static void start(struct bench *bench, uint64_t poll_ms)
{
    bench->watch = crl_watch_new(&(struct crl_watch_options){.base = bench->base,
                                                             .snapshot = &bench->snapshot,
                                                             .poll_ms = poll_ms,
                                                             .settle_ms = 1,
                                                             .changed = on_changed,
                                                             .arg = bench});
}

static void expect_change(struct bench *bench)
{
    unsigned before = bench->changes;
    struct event *guard = evtimer_new(bench->base, on_guard, NULL);
    (void)evtimer_add(guard, &(struct timeval){.tv_sec = GUARD_SECONDS});
    (void)event_base_dispatch(bench->base);
    event_free(guard);
    ck_assert_uint_eq(bench->changes, before + 1);
}

/* One line that holds both. */
static bool is_logged(const struct bench *bench, const char *text, const char *more)
{
    char line[1024];
    bool is_found = false;
    rewind(bench->log);
    while (!is_found && fgets(line, sizeof line, bench->log) != NULL)
        is_found = strstr(line, text) != NULL && strstr(line, more) != NULL;
    return is_found;
}

static void expect_log(const struct bench *bench, const char *text, const char *more)
{
    struct event *guard = evtimer_new(bench->base, on_guard, NULL);
    (void)evtimer_add(guard, &(struct timeval){.tv_sec = GUARD_SECONDS});
    while (!is_logged(bench, text, more))
        (void)event_base_loop(bench->base, EVLOOP_ONCE);
    event_free(guard);
}

static void expect_entries(const struct bench *bench, size_t crls, size_t entries)
{
    struct trust_crls_info info;
    trust_crls_current(bench->fixture.trust, &info);
    ck_assert_uint_eq(info.crls, crls);
    ck_assert_uint_eq(info.entries, entries);
}

static void remove_file(const char *folder, const char *name)
{
    char *path = xasprintf("%s/%s", folder, name);
    ck_assert_int_eq(remove(path), 0);
    free(path);
}

static struct bench *bench_new(void)
{
    struct bench *bench = xcalloc(1, sizeof *bench);
    fixture_init(&bench->fixture);
    bench->log = tmpfile();
    log_configure(fileno(bench->log), LOG_LEVEL_DEBUG, false, false);
    bench->root = make_root("CN=Root", 1);
    fixture_store(&bench->fixture, &bench->fixture.site.trust.root, &bench->root, NULL);
    bench->fixture.site.trust.revocation.check = true;
    bench->base = event_base_new();
    return bench;
}

static void bench_free(struct bench *bench)
{
    crl_watch_free(bench->watch);
    event_base_free(bench->base);
    log_configure(STDERR_FILENO, LOG_LEVEL_NOTICE, false, false);
    (void)fclose(bench->log);
    fixture_clear(&bench->fixture);
    free(bench);
}

START_TEST(sees_a_file_that_is_written_into_a_folder)
{
    struct bench *bench = bench_new();
    char *folder = xasprintf("%s/lists", bench->fixture.folder);
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    fixture_path(&bench->fixture.site.trust.revocation.crls, folder);
    write_crl(bench, "a.crl", 9, 0);
    write_crl(bench, "lists/a.crl", 1, 0);
    load(bench);
    start(bench, LONG_MS);
    write_crl(bench, "lists/a.crl", 2, 1);
    expect_change(bench);
    expect_entries(bench, 1, 1);
    write_crl(bench, "lists/b.crl", 3, 1);
    expect_change(bench);
    expect_entries(bench, 2, 2);
    /* A link is complete as soon as it is made. */
    char *target = xasprintf("%s/a.crl", bench->fixture.folder);
    char *link = xasprintf("%s/c.crl", folder);
    ck_assert_int_eq(symlink(target, link), 0);
    expect_change(bench);
    expect_entries(bench, 3, 2);
    /* The newest is left, which takes the place of the others. */
    remove_file(folder, "a.crl");
    remove_file(folder, "b.crl");
    expect_change(bench);
    expect_entries(bench, 1, 0);
    /* Without any left it stays; a newer one makes it go. */
    remove_file(folder, "c.crl");
    char *kept = xasprintf("%s/c.crl", folder);
    expect_log(bench, " warn crl.kept site=\"test\" issuer=\"CN=Root\"", kept);
    expect_entries(bench, 1, 0);
    write_crl(bench, "lists/d.crl", 10, 1);
    expect_change(bench);
    expect_entries(bench, 1, 1);
    remove_file(folder, "d.crl");
    free(kept);
    free(target);
    free(link);
    (void)rmdir(folder);
    free(folder);
    bench_free(bench);
}
END_TEST

/* A change between the loading of the snapshot and the watch. */
START_TEST(sees_what_happened_before_it_looked)
{
    struct bench *bench = bench_new();
    write_crl(bench, "a.crl", 1, 0);
    char *path = xasprintf("%s/a.crl", bench->fixture.folder);
    fixture_path(&bench->fixture.site.trust.revocation.crls, path);
    load(bench);
    write_crl(bench, "a.crl", 2, 1);
    start(bench, LONG_MS);
    expect_change(bench);
    expect_entries(bench, 1, 1);
    free(path);
    bench_free(bench);
}
END_TEST

/* The file that a link leads to changes where inotify does not look. */
START_TEST(sees_by_polling_what_inotify_does_not_show)
{
    struct bench *bench = bench_new();
    char *other = xasprintf("%s/other", bench->fixture.folder);
    ck_assert_int_eq(mkdir(other, 0700), 0);
    write_crl(bench, "other/a.crl", 1, 0);
    char *link = xasprintf("%s/link.crl", bench->fixture.folder);
    ck_assert_int_eq(symlink("other/a.crl", link), 0);
    fixture_path(&bench->fixture.site.trust.revocation.crls, link);
    load(bench);
    start(bench, 5);
    write_crl(bench, "other/a.crl", 2, 1);
    expect_change(bench);
    expect_entries(bench, 1, 1);
    char *file = xasprintf("%s/a.crl", other);
    (void)remove(file);
    (void)rmdir(other);
    free(file);
    free(other);
    free(link);
    bench_free(bench);
}
END_TEST

/* One bad file: what it held stays until it can be read again. The others count at once, since
 * somebody who is revoked now must not wait for it. */
START_TEST(keeps_what_a_file_held_while_it_is_bad)
{
    struct bench *bench = bench_new();
    struct made other = make_root("CN=Other", 2);
    char *paths[] = {xasprintf("%s/a.crl", bench->fixture.folder),
                     xasprintf("%s/b.crl", bench->fixture.folder)};
    write_crl(bench, "a.crl", 1, 0);
    write_crl_of(bench, &other, "b.crl", 1, 1);
    fixture_path(&bench->fixture.site.trust.revocation.crls, paths[0]);
    fixture_path(&bench->fixture.site.trust.revocation.crls, paths[1]);
    load(bench);
    (void)fixture_file(&bench->fixture, "b.crl", "junk", 4);
    start(bench, 5);
    expect_log(bench, " error crl.failed site=", "b.crl");
    expect_log(bench, " warn crl.kept site=", "b.crl");
    ck_assert_uint_eq(bench->changes, 0);
    write_crl(bench, "a.crl", 2, 2);
    expect_change(bench);
    expect_entries(bench, 2, 3);
    write_crl_of(bench, &other, "b.crl", 4, 0);
    expect_change(bench);
    expect_entries(bench, 2, 2);
    cert_unref(other.cert);
    free(paths[0]);
    free(paths[1]);
    bench_free(bench);
}
END_TEST

/* verifyclientcertrevocation=disable: nothing is looked at. */
START_TEST(leaves_sites_alone_that_check_nothing)
{
    struct bench *bench = bench_new();
    write_crl(bench, "a.crl", 1, 1);
    char *path = xasprintf("%s/a.crl", bench->fixture.folder);
    fixture_path(&bench->fixture.site.trust.revocation.crls, path);
    bench->fixture.site.trust.revocation.check = false;
    load(bench);
    start(bench, 1);
    /* No event is left that the loop could wait for. */
    ck_assert_int_eq(event_base_dispatch(bench->base), 1);
    expect_entries(bench, 0, 0);
    free(path);
    bench_free(bench);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("crl_watch");
    TCase *tcase = tcase_create("crl_watch");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, sees_a_file_that_is_written_into_a_folder);
    tcase_add_test(tcase, sees_what_happened_before_it_looked);
    tcase_add_test(tcase, sees_by_polling_what_inotify_does_not_show);
    tcase_add_test(tcase, keeps_what_a_file_held_while_it_is_bad);
    tcase_add_test(tcase, leaves_sites_alone_that_check_nothing);
    suite_add_tcase(suite, tcase);
    return suite;
}

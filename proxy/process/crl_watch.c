/* SPDX-License-Identifier: MIT */
#include "process/crl_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/trust_crls.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/snapshot_load.h"

/* No IN_MODIFY: a file that is being written is left alone until it is closed. */
#define FILE_SIGNS \
    (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ATTRIB)
#define FOLDER_SIGNS (IN_DELETE_SELF | IN_MOVE_SELF)

/* Reading takes at most one part in so many of the master's time. */
#define PAUSE_FACTOR 4

struct watched_site {
    size_t index; /* in the snapshot */
    const struct config_site *config;
    unsigned char stamp[TRUST_EPOCH_SIZE]; /* of the files when they were read last */
    int64_t fresh_until;                   /* seconds since 1970: read again then, changed or not */
    bool is_touched; /* a file of it was written: read again even if it looks the same */
    bool is_failed;  /* the last reading */
};

struct watched_path { /* one item of a site's list */
    struct watched_site *site;
    const char *path;
    char *folder;   /* owned; the folder that is watched */
    char *file;     /* owned; the one file in it that counts, or NULL: all that have an ending */
    int descriptor; /* of inotify; -1: none */
};

struct crl_watch {
    struct crl_watch_options options;
    struct watched_site *sites;
    size_t site_count;
    struct watched_path *paths;
    size_t path_count;
    int fd;             /* inotify; -1: only the poll */
    uint64_t settle_ms; /* grows with the time that the reading takes */
    struct event *signs;
    struct event *settle;
    struct event *poll;
};

static struct timeval to_timeval(uint64_t ms)
{
    return (struct timeval){.tv_sec = (time_t)(ms / 1000),
                            .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
}

/* ---- what is watched ---- */

static void set_place(struct watched_path *path)
{
    struct stat info;
    free(path->folder);
    free(path->file);
    path->folder = xstrdup(path->path);
    path->file = NULL;
    if (stat(path->path, &info) == 0 && S_ISDIR(info.st_mode))
        return;
    char *slash = strrchr(path->folder, '/');
    path->file = xstrdup(slash == NULL ? path->folder : slash + 1);
    if (slash == NULL) {
        free(path->folder);
        path->folder = xstrdup(".");
    } else {
        slash[slash == path->folder ? 1 : 0] = '\0';
    }
}

/* Repeated before every look: a folder that was put in another's place is another folder. The
 * kernel gives the same descriptor for the same folder. */
static void watch_folders(struct crl_watch *watch)
{
    if (watch->fd < 0)
        return;
    for (size_t i = 0; i < watch->path_count; i++) {
        struct watched_path *path = &watch->paths[i];
        set_place(path);
        path->descriptor =
            inotify_add_watch(watch->fd, path->folder, FILE_SIGNS | FOLDER_SIGNS | IN_ONLYDIR);
        if (path->descriptor < 0)
            log_debug("crl.watch", "folder=\"%s\" error=%s", path->folder, strerrorname_np(errno));
    }
}

/* ---- reading ---- */

static void log_failure(const struct watched_site *site, const char *reason)
{
    struct text line = {0};
    text_add_cstr(&line, "site=");
    text_add_quoted(&line, str_of(site->config->name));
    text_add_cstr(&line, " reason=");
    text_add_quoted(&line, str_of(reason));
    log_error("crl.failed", "%s", line.ptr);
    text_clear(&line);
}

static void log_success(const struct watched_site *site, const struct trust_crls_info *info,
                        bool is_new, bool was_failed)
{
    struct text line = {0};
    text_add_cstr(&line, "site=");
    text_add_quoted(&line, str_of(site->config->name));
    text_addf(&line, " crls=%zu entries=%zu digest=", info->crls, info->entries);
    text_add_hex(&line, info->digest, 8);
    text_addf(&line, " kept=%zu", info->kept);
    if (is_new || was_failed)
        log_notice("crl.reloaded", "%s", line.ptr);
    else
        log_info("crl.unchanged", "%s", line.ptr);
    text_clear(&line);
}

/* One line for each list that is in use although no file holds it any more. */
static void log_kept(const struct watched_site *site, const struct crl_index *crls,
                     const struct crl_index *before)
{
    size_t position = 0;
    struct text issuer = {0};
    struct trust_kept_crl kept;
    while (trust_crls_next_kept(crls, before, &position, &issuer, &kept)) {
        struct text line = {0};
        char until[CLOCK_TEXT_SIZE];
        text_add_cstr(&line, "site=");
        text_add_quoted(&line, str_of(site->config->name));
        text_add_cstr(&line, " issuer=");
        text_add_quoted(&line, text_str(&issuer));
        text_add_cstr(&line, " path=");
        text_add_quoted(&line, str_of(kept.path));
        if (kept.next_update != INT64_MAX)
            text_addf(&line, " until=%.*s", STR_ARG(clock_format_rfc3339(kept.next_update, until)));
        text_add_cstr(&line, " reason=");
        text_add_quoted(&line, str_of(kept.why));
        log_warn("crl.kept", "%s", line.ptr);
        text_clear(&line);
        text_clear(&issuer);
    }
}

/* iis-semantics.md 4.4: a CRL that is older than freshness_time is reason to look for a newer one,
 * not to refuse. */
static void set_freshness(struct watched_site *site, const struct trust_crls_info *info,
                          int64_t read_at)
{
    int64_t span = (int64_t)((site->config->trust.revocation.freshness_time_ms + 999) / 1000);
    site->fresh_until = INT64_MAX;
    if (span == 0 || info->oldest_this_update == INT64_MAX)
        return;
    int64_t from = info->oldest_this_update > read_at ? info->oldest_this_update : read_at;
    site->fresh_until = from + span;
}

/* Of files that cannot be read the lists before are kept, so there is something to use even then;
 * NULL when not even that. */
static struct crl_index *read_crls(struct watched_site *site, const struct trust *trust,
                                   int *ret_fd)
{
    struct error_list errors = {0};
    *ret_fd = trust_crls_read(trust, &site->config->trust.revocation, &errors);
    for (size_t i = 0; i < errors.count; i++)
        log_failure(site, errors.entries[i].text);
    site->is_failed = errors.errors > 0;
    errors_clear(&errors);
    if (*ret_fd < 0)
        return NULL;
    const char *problem = NULL;
    struct crl_index *crls = trust_crls_map(*ret_fd, &problem);
    if (crls != NULL)
        return crls;
    log_failure(site, problem);
    site->is_failed = true;
    (void)close(*ret_fd);
    return NULL;
}

static void read_again(const struct crl_watch *watch, struct watched_site *site)
{
    struct snapshot_site *served = &watch->options.snapshot->sites[site->index];
    struct trust_crls_info info;
    bool was_failed = site->is_failed;
    int fd;
    struct crl_index *crls = read_crls(site, served->trust, &fd);
    if (crls == NULL) {
        trust_crls_current(served->trust, &info);
        set_freshness(site, &info, clock_wall_s());
        return;
    }
    trust_crls_info(crls, &info);
    log_kept(site, crls, trust_crls_in_use(served->trust));
    /* Workers that are forked from now on inherit them. */
    bool is_new = snapshot_site_set_crls(served, crls);
    if (is_new)
        watch->options.changed(watch->options.arg, site->index, fd);
    (void)close(fd);
    if (is_new || !site->is_failed)
        log_success(site, &info, is_new, was_failed);
    set_freshness(site, &info, clock_wall_s());
}

static void look_at(const struct crl_watch *watch, struct watched_site *site)
{
    unsigned char stamp[TRUST_EPOCH_SIZE];
    trust_crls_stamp(&site->config->trust.revocation, stamp);
    bool is_due = site->is_touched || clock_wall_s() >= site->fresh_until ||
                  memcmp(stamp, site->stamp, sizeof stamp) != 0;
    if (!is_due)
        return;
    site->is_touched = false;
    memcpy(site->stamp, stamp, sizeof stamp);
    read_again(watch, site);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct crl_watch *watch = arg;
    uint64_t begin_ms = clock_monotonic_ms();
    watch_folders(watch);
    for (size_t i = 0; i < watch->site_count; i++)
        look_at(watch, &watch->sites[i]);
    /* Files that never rest must not keep the master from its other work. */
    uint64_t pause_ms = (clock_monotonic_ms() - begin_ms) * PAUSE_FACTOR;
    watch->settle_ms = pause_ms > watch->options.settle_ms ? pause_ms : watch->options.settle_ms;
}

/* ---- signs of a change ---- */

static void look_soon(struct crl_watch *watch)
{
    struct timeval delay = to_timeval(watch->settle_ms);
    if (evtimer_pending(watch->settle, NULL) == 0)
        (void)evtimer_add(watch->settle, &delay);
}

/* A new file is still empty and will be closed; a new link is all there is to see of it. */
static bool is_link(const struct watched_path *path, const char *name)
{
    struct stat info;
    char *whole = xasprintf("%s/%s", path->folder, name);
    bool is_one = lstat(whole, &info) == 0 && (S_ISLNK(info.st_mode) || info.st_nlink > 1);
    free(whole);
    return is_one;
}

static void take_sign(struct crl_watch *watch, const struct watched_path *path,
                      const struct inotify_event *event)
{
    const char *name = event->len > 0 ? event->name : "";
    bool is_ours = path->file == NULL ? trust_crls_takes_name(name) : strcmp(name, path->file) == 0;
    if (is_ours && (event->mask & IN_CREATE) != 0 && !is_link(path, name))
        return;
    path->site->is_touched |= is_ours;
    /* Files may be links that lead through a hidden one, which is exchanged for all at once. */
    if (is_ours || name[0] == '.' || (event->mask & FOLDER_SIGNS) != 0)
        look_soon(watch);
}

static void take_signs(struct crl_watch *watch, const struct inotify_event *event)
{
    if ((event->mask & IN_Q_OVERFLOW) != 0) {
        for (size_t i = 0; i < watch->site_count; i++)
            watch->sites[i].is_touched = true;
        look_soon(watch);
    }
    for (size_t i = 0; i < watch->path_count; i++) {
        if (watch->paths[i].descriptor == event->wd)
            take_sign(watch, &watch->paths[i], event);
    }
}

static void on_signs(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    union {
        struct inotify_event aligned;
        char bytes[16384];
    } buffer;
    ssize_t len;
    while ((len = read(fd, &buffer, sizeof buffer)) > 0) {
        for (ssize_t at = 0; at < len;) {
            struct inotify_event event; /* each starts aligned, which the compiler cannot know */
            memcpy(&event, buffer.bytes + at, sizeof event);
            take_signs(arg, (const void *)(buffer.bytes + at));
            at += (ssize_t)(sizeof event + event.len);
        }
    }
}

/* ---- beginning and end ---- */

static bool is_watched(const struct snapshot_site *site)
{
    return site->trust != NULL && site->config->trust.revocation.check &&
           site->config->trust.revocation.crls.count > 0;
}

static void add_paths(struct crl_watch *watch, struct watched_site *site)
{
    const struct config_list *crls = &site->config->trust.revocation.crls;
    watch->paths =
        xreallocarray(watch->paths, watch->path_count + crls->count, sizeof *watch->paths);
    for (size_t i = 0; i < crls->count; i++)
        watch->paths[watch->path_count++] =
            (struct watched_path){.site = site, .path = crls->items[i].text, .descriptor = -1};
}

static void add_sites(struct crl_watch *watch)
{
    const struct snapshot *snapshot = watch->options.snapshot;
    watch->sites = xcalloc(snapshot->site_count, sizeof *watch->sites);
    for (size_t i = 0; i < snapshot->site_count; i++) {
        if (!is_watched(&snapshot->sites[i]))
            continue;
        struct watched_site *site = &watch->sites[watch->site_count++];
        const struct trust *trust = snapshot->sites[i].trust;
        struct trust_crls_info info;
        site->index = i;
        site->config = snapshot->sites[i].config;
        memcpy(site->stamp, trust_crls_loaded_stamp(trust), sizeof site->stamp);
        trust_crls_current(trust, &info);
        log_kept(site, trust_crls_in_use(trust), NULL);
        set_freshness(site, &info, INT64_MIN);
        add_paths(watch, site);
    }
}

static uint64_t poll_interval(const struct crl_watch *watch)
{
    uint64_t interval = watch->options.poll_ms;
    for (size_t i = 0; i < watch->site_count; i++) {
        uint64_t freshness = watch->sites[i].config->trust.revocation.freshness_time_ms;
        if (freshness > 0 && freshness < interval)
            interval = freshness < 1000 ? 1000 : freshness;
    }
    return interval;
}

static void start_inotify(struct crl_watch *watch)
{
    watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch->fd < 0) {
        log_warn("crl.watch", "error=%s poll_ms=%lu", strerrorname_np(errno),
                 (unsigned long)poll_interval(watch));
        return;
    }
    watch->signs = event_new(watch->options.base, watch->fd, EV_READ | EV_PERSIST, on_signs, watch);
    if (watch->signs != NULL)
        (void)event_add(watch->signs, NULL);
}

struct crl_watch *crl_watch_new(const struct crl_watch_options *options)
{
    struct crl_watch *watch = xmalloc(sizeof *watch);
    *watch = (struct crl_watch){.options = *options, .settle_ms = options->settle_ms, .fd = -1};
    add_sites(watch);
    if (watch->site_count == 0)
        return watch;
    watch->settle = evtimer_new(options->base, on_look, watch);
    watch->poll = event_new(options->base, -1, EV_PERSIST, on_look, watch);
    if (watch->settle == NULL || watch->poll == NULL)
        abort();
    start_inotify(watch);
    watch_folders(watch);
    struct timeval interval = to_timeval(poll_interval(watch));
    (void)event_add(watch->poll, &interval);
    look_soon(watch);
    return watch;
}

static void free_event(struct event *event)
{
    if (event != NULL)
        event_free(event);
}

void crl_watch_free(struct crl_watch *watch)
{
    if (watch == NULL)
        return;
    free_event(watch->signs);
    free_event(watch->settle);
    free_event(watch->poll);
    if (watch->fd >= 0)
        (void)close(watch->fd);
    for (size_t i = 0; i < watch->path_count; i++) {
        free(watch->paths[i].folder);
        free(watch->paths[i].file);
    }
    free(watch->paths);
    free(watch->sites);
    free(watch);
}

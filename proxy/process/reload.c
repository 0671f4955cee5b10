/* SPDX-License-Identifier: MIT */
#include "process/reload.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "engine/engine.h"
#include "engine/snapshot_load.h"
#include "process/master_private.h"
#include "process/notify.h"
#include "process/upgrade.h"

#define START_TIMEOUT_MS UINT64_C(30000)

/* Also those that still drain: a certificate that is revoked now is refused there, too. */
static void on_crls(void *arg, size_t site, int fd)
{
    const struct release *release = arg;
    generation_set_crls(release->generation, site, fd);
}

void reload_start_generation(struct master *master, struct release *release)
{
    struct generation_options options = {
        .base = master->base,
        .shm = master->shm,
        .number = master->next_number++,
        .slots = master->slots,
        .start_timeout_ms = START_TIMEOUT_MS,
        .hang_ms = release->snapshot->config->timeouts.worker,
        .main = master->parts->worker_main,
        .arg = &release->context,
        .changed = master_wake,
        .changed_arg = master,
    };
    release->traces = trace_process_new(&(struct trace_process_options){
        .base = master->base,
        .config = release->snapshot->config,
        .logs = &release->logs,
        .privileges = &master->privileges,
    });
    release->context.trace_fd = trace_process_fd(release->traces);
    release->next = master->releases;
    master->releases = release;
    master->starting = release;
    release->generation = generation_new(&options);
    release->crl_watch = crl_watch_new(&(struct crl_watch_options){
        .base = master->base,
        .snapshot = release->snapshot,
        .poll_ms = CRL_WATCH_POLL_MS,
        .settle_ms = CRL_WATCH_SETTLE_MS,
        .changed = on_crls,
        .arg = release,
    });
}

static void log_errors(const struct error_list *errors)
{
    for (size_t i = 0; i < errors->count; i++) {
        char *text = error_format(&errors->entries[i]);
        if (errors->entries[i].kind == ERROR_KIND_ERROR)
            log_error("reload.error", "%s", text);
        else
            log_warn("config.warning", "%s", text);
        free(text);
    }
}

static void end_reload(const char *reason, const struct master *master, size_t errors)
{
    log_notice("reload.failed", "%s errors=%zu generation=%u", reason, errors,
               generation_number(master->active->generation));
    (void)notify_ready();
}

static struct release *load_release(struct master *master, struct error_list *errors)
{
    struct config *config = release_load(master->parts, master->config_file, errors);
    if (config == NULL)
        return NULL;
    release_check_restart(master->active->snapshot->config, config, master->slots, errors);
    if (errors->errors > 0) {
        master->parts->config_free(config);
        return NULL;
    }
    struct release *release =
        release_new(master->parts, config, &master->privileges, master->keys, errors);
    if (release == NULL)
        return NULL;
    const struct snapshot *before = master->active->snapshot;
    snapshot_check_losses(release->snapshot, before, errors);
    if (snapshot_inherit_crls(release->snapshot, before, errors) && errors->errors == 0)
        return release;
    release_free(release);
    return NULL;
}

void reload_begin(struct master *master)
{
    master->is_reload_wanted = false;
    master->is_hold_logged = false;
    (void)notify_reloading();
    struct error_list errors = {0};
    struct release *release = load_release(master, &errors);
    log_errors(&errors);
    size_t error_count = errors.errors;
    errors_clear(&errors);
    if (release == NULL) {
        end_reload("reason=configuration", master, error_count);
        return;
    }
    int error = release_bind(release, master->listeners, "reload.error");
    if (error < 0) {
        release_free(release);
        end_reload("reason=bind", master, 1);
        return;
    }
    master_check_nofile(master, release);
    reload_start_generation(master, release);
}

static void log_serving(const struct master *master)
{
    struct text bindings = {0};
    release_describe(master->active, &bindings);
    unsigned number = generation_number(master->active->generation);
    if (number == 1)
        log_notice("master.ready", "bindings=\"%.*s\" workers=%u", STR_ARG(text_str(&bindings)),
                   master->slots);
    else
        log_notice("master.reloaded", "generation=%u bindings=\"%.*s\" workers=%u", number,
                   STR_ARG(text_str(&bindings)), master->slots);
    text_clear(&bindings);
}

/* The new generation accepts before the old one stops: no moment without anybody. */
void reload_switch(struct master *master, struct release *release)
{
    struct release *before = master->active;
    const struct config_timeouts *timeouts = &release->snapshot->config->timeouts;
    master->active = release;
    master->starting = NULL;
    master->logging = release;
    logs_use(&release->logs);
    if (before == NULL || logs_differ(&before->logs, &release->logs))
        logs_write_header(&release->logs);
    generation_activate(release->generation);
    if (before != NULL) {
        /* Idle connections may wait for one more request only if it would be judged alike. */
        bool same = snapshot_same_policy(before->snapshot, release->snapshot);
        generation_drain(before->generation, same ? timeouts->reload_grace : ENGINE_DRAIN_STALE,
                         timeouts->reload_drain);
    }
    listeners_commit(master->listeners);
    log_serving(master);
    /* Of a successor the predecessor speaks: the service manager listens to nobody else yet. */
    if (!upgrade_announce(master))
        (void)notify_ready();
}

void reload_give_up(struct master *master)
{
    struct release *release = master->starting;
    log_error("generation.failed", "generation=%u %s", generation_number(release->generation),
              generation_failure(release->generation));
    generation_kill(release->generation);
    listeners_rollback(master->listeners);
    master->starting = NULL;
    if (master->active != NULL) {
        end_reload("reason=workers", master, 1);
        return;
    }
    master->exit_code = MASTER_FAILED;
    master->stop = STOP_KILL;
}

/* SPDX-License-Identifier: MIT */
#include "process/release.h"

#include <assert.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "config/config_place.h"
#include "engine/snapshot_load.h"
#include "process/bind_problem.h"

/* Slots are sockets and processes: a bound against a slip of the finger in a container with the
 * CPU list of its host. */
#define MAX_AUTO_WORKERS 256U

struct config *release_load(const struct master_parts *parts, const char *file,
                            struct error_list *errors)
{
    struct config *config = parts->config_load(file, errors);
    if (config != NULL)
        config->keylog_fd = parts->keylog_fd;
    if (config == NULL || errors->errors == 0)
        return config;
    parts->config_free(config);
    return NULL;
}

static bool is_same(const struct config_value *a, const struct config_value *b)
{
    if (a->text == NULL || b->text == NULL)
        return a->text == b->text;
    return strcmp(a->text, b->text) == 0;
}

static const char *text_or_default(const struct config_value *value)
{
    return value->text == NULL ? "the default" : value->text;
}

static void check_value(const char *key, const struct config_value *running,
                        const struct config_value *wanted, struct error_list *errors)
{
    if (!is_same(running, wanted))
        errors_add(errors, wanted->mark, "%s: a change from %s to %s needs a restart", key,
                   text_or_default(running), text_or_default(wanted));
}

void release_check_restart(const struct config *running, const struct config *wanted,
                           unsigned slots, struct error_list *errors)
{
    unsigned workers = release_workers(wanted);
    if (workers != slots)
        errors_add(errors, wanted->workers_mark,
                   "workers: a change from %u to %u needs a restart, because each worker has "
                   "sockets of its own",
                   slots, workers);
    if (wanted->sessions.store != running->sessions.store)
        errors_add(errors, (struct mark){wanted->file, 0, 0},
                   "sessions.store: a change from %llu to %llu needs a restart",
                   (unsigned long long)running->sessions.store,
                   (unsigned long long)wanted->sessions.store);
    check_value("user", &running->user, &wanted->user, errors);
    check_value("pid_file", &running->pid_file, &wanted->pid_file, errors);
}

struct release *release_new(const struct master_parts *parts, struct config *config,
                            const struct privileges *privileges, struct tls_ticket_keys *keys,
                            struct error_list *errors)
{
    struct snapshot *snapshot = parts->snapshot_new(config, keys, errors);
    if (snapshot == NULL)
        return NULL;
    struct logs logs;
    size_t first = errors->count;
    if (errors->errors > 0 ||
        !logs_open(snapshot->config, snapshot->access_fields, &logs, errors)) {
        config_place_errors(snapshot->config, errors, first);
        parts->snapshot_free(snapshot);
        return NULL;
    }
    struct release *release = xmalloc(sizeof *release);
    *release = (struct release){.parts = parts, .snapshot = snapshot, .logs = logs};
    release->context = (struct worker_context){.snapshot = snapshot,
                                               .listeners = &release->listeners,
                                               .logs = &release->logs,
                                               .privileges = privileges};
    return release;
}

static void log_bind(const struct snapshot *snapshot, size_t i, int error, const char *event)
{
    const struct snapshot_binding *binding = &snapshot->bindings[i];
    struct error_list place = {0};
    struct text fix = {0};
    bind_problem_add(&fix, &binding->addr, error);
    /* A list of one, for the path of its key. */
    errors_add(&place, binding->mark, "cannot be bound");
    config_place_errors(snapshot->config, &place, 0);
    char *text = error_format(&place.entries[0]);
    log_error(event, "binding=%s error=%s text=\"%s\" place=\"%s\" fix=\"%.*s\"", binding->url,
              strerrorname_np(-error), strerrordesc_np(-error), text, STR_ARG(text_str(&fix)));
    free(text);
    text_clear(&fix);
    errors_clear(&place);
}

int release_bind(struct release *release, struct listeners *listeners, const char *event)
{
    const struct snapshot *snapshot = release->snapshot;
    struct listener_wish *wishes = xcalloc(snapshot->binding_count, sizeof *wishes);
    for (size_t i = 0; i < snapshot->binding_count; i++)
        wishes[i] = (struct listener_wish){.addr = snapshot->bindings[i].addr,
                                           .is_https = snapshot->bindings[i].is_https};
    size_t failed;
    int error =
        listeners_prepare(listeners, wishes, snapshot->binding_count, &release->listeners, &failed);
    if (error < 0)
        log_bind(snapshot, failed, error, event);
    free(wishes);
    return error;
}

void release_free(struct release *release)
{
    if (release == NULL)
        return;
    crl_watch_free(release->crl_watch);
    trace_process_free(release->traces);
    generation_free(release->generation);
    logs_close(&release->logs);
    listener_set_clear(&release->listeners);
    release->parts->snapshot_free(release->snapshot);
    free(release);
}

unsigned release_workers(const struct config *config)
{
    if (config->workers != 0)
        return config->workers;
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    int count = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
    if (count < 1)
        return 1;
    return (unsigned)count > MAX_AUTO_WORKERS ? MAX_AUTO_WORKERS : (unsigned)count;
}

void release_describe(const struct release *release, struct text *out)
{
    for (size_t i = 0; i < release->listeners.count; i++) {
        char addr[ADDR_TEXT_SIZE];
        text_addf(out, "%s%s://%s", i > 0 ? "," : "",
                  release->snapshot->bindings[i].is_https ? "https" : "http",
                  addr_format(&release->listeners.addrs[i], addr));
    }
}

/* The master is a small machine: signals, dead children and messages of workers only set something
 * and wake step(), which alone decides. So nothing is freed in a callback of its own.
 *
 * SPDX-License-Identifier: MIT */
#include "process/master.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/config_place.h"
#include "observe/access_log_daily.h"
#include "process/master_private.h"
#include "process/notify.h"
#include "process/path_problem.h"
#include "process/pid_file.h"
#include "process/reload.h"
#include "process/upgrade.h"
#include "tls/tls_store.h"
#include "tls/tls_ticket.h"

#define MAX_DRAINING   4U
#define ROTATE_SECONDS 3600

static const int SIGNALS[MASTER_SIGNALS] = {SIGHUP,  SIGUSR1, SIGUSR2, SIGTERM,
                                            SIGQUIT, SIGINT,  SIGCHLD};

void master_wake(void *arg)
{
    struct master *master = arg;
    event_active(master->step, EV_TIMEOUT, 0);
}

void master_check_nofile(const struct master *master, const struct release *release)
{
    const struct snapshot *snapshot = release->snapshot;
    uint64_t have = privileges_raise_nofile();
    uint64_t need = privileges_needed_nofile(snapshot->config->limits.connections, master->slots,
                                             snapshot->binding_count);
    if (have < need)
        log_warn("master.nofile",
                 "have=%" PRIu64 " need=%" PRIu64
                 " reason=\"the hard limit of open files is short for limits.connections\"",
                 have, need);
}

/* ---- the machine ---- */

/* Frees what has no process left; returns how many generations still drain. */
static unsigned sweep(struct master *master)
{
    unsigned draining = 0;
    struct release **at = &master->releases;
    while (*at != NULL) {
        struct release *release = *at;
        bool is_draining = generation_state(release->generation) == GENERATION_DRAINING;
        if (!is_draining || generation_process_count(release->generation) > 0) {
            draining += is_draining;
            at = &release->next;
            continue;
        }
        *at = release->next;
        log_info("generation.ended", "generation=%u", generation_number(release->generation));
        /* Only at the end: what is still to be said goes to its log. */
        if (release == master->logging) {
            crl_watch_free(release->crl_watch);
            trace_process_free(release->traces);
            release->crl_watch = NULL;
            release->traces = NULL;
            generation_free(release->generation);
            release->generation = NULL;
        } else {
            release_free(release);
        }
    }
    return draining;
}

static bool is_anyone_leaving_accepting(const struct master *master)
{
    for (const struct release *release = master->releases; release != NULL;
         release = release->next) {
        if (generation_state(release->generation) == GENERATION_DRAINING &&
            generation_accepting_count(release->generation) > 0)
            return true;
    }
    return false;
}

static void step_reload(struct master *master, unsigned draining)
{
    if (master->starting != NULL || master->active == NULL || upgrade_is_pending(master))
        return;
    if (master->is_upgrade_wanted) {
        upgrade_begin(master);
        return;
    }
    if (!master->is_reload_wanted)
        return;
    if (draining < MAX_DRAINING) {
        reload_begin(master);
        return;
    }
    if (!master->is_hold_logged)
        log_notice("reload.held", "draining=%u reason=\"waits for an old generation to end\"",
                   draining);
    master->is_hold_logged = true;
}

/* While a slot has no worker its sockets get no new connections. */
static void steer(const struct master *master)
{
    if (master->active == NULL)
        return;
    bool *is_alive = xcalloc(master->slots, sizeof *is_alive);
    for (unsigned i = 0; i < master->slots; i++)
        is_alive[i] = generation_is_slot_accepting(master->active->generation, i);
    listeners_steer(master->listeners, is_alive);
    free(is_alive);
}

static void on_step(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct master *master = arg;
    if (master->starting != NULL && master->stop == STOP_NONE) {
        enum generation_state state = generation_state(master->starting->generation);
        if (state == GENERATION_READY)
            reload_switch(master, master->starting);
        else if (state == GENERATION_FAILED)
            reload_give_up(master);
    }
    unsigned draining = sweep(master);
    bool is_accepting = is_anyone_leaving_accepting(master);
    if (master->stop != STOP_NONE) {
        /* Refused is better than left waiting in a queue that nobody reads any more. */
        if (!is_accepting)
            listeners_close_all(master->listeners);
        if (master->releases == NULL)
            (void)event_base_loopbreak(master->base);
        return;
    }
    steer(master);
    /* Those of a reload that is under way are not retired yet. */
    if (!is_accepting && master->starting == NULL)
        listeners_close_retired(master->listeners);
    step_reload(master, draining);
}

/* ---- signals ---- */

static void on_stop(struct master *master, const char *name)
{
    if (!stop_level_raise(&master->stop, &master->stop_at_ms, clock_monotonic_ms())) {
        log_info("master.signal",
                 "signal=%s ignored=yes reason=\"less than a second after the last\"", name);
        return;
    }
    log_notice("master.stopping", "signal=%s how=%s", name,
               master->stop == STOP_DRAIN ? "drain" : "now");
    upgrade_cancel(master);
    if (master->stop == STOP_DRAIN)
        (void)notify_stopping();
    for (struct release *release = master->releases; release != NULL; release = release->next) {
        if (release == master->starting || master->stop == STOP_KILL)
            generation_kill(release->generation);
        else if (master->stop == STOP_NOW)
            generation_stop(release->generation);
        else
            generation_drain(release->generation, 0, release->snapshot->config->timeouts.stop);
    }
    master->starting = NULL;
}

static void reopen_logs(struct master *master)
{
    struct error_list errors = {0};
    for (struct release *release = master->releases; release != NULL; release = release->next) {
        logs_reopen(&release->logs, &errors);
        if (release == master->active)
            logs_use(&release->logs);
        generation_set_log(release->generation, CONTROL_LOG_ERROR, release->logs.error_fd);
        trace_process_set_log(release->traces, release->logs.error_fd);
        if (release->logs.access_fd >= 0)
            generation_set_log(release->generation, CONTROL_LOG_ACCESS, release->logs.access_fd);
    }
    for (size_t i = 0; i < errors.count; i++)
        log_error("log.reopen", "%s", errors.entries[i].text);
    log_notice("master.logs", "reopened=%s", errors.count == 0 ? "all" : "some");
    errors_clear(&errors);
}

/* As process 1 we inherit orphans that are none of ours: they are reaped all the same. */
static void reap(struct master *master)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        bool is_ours = upgrade_reaped(master, pid, status);
        for (struct release *release = master->releases; release != NULL && !is_ours;
             release = release->next)
            is_ours = generation_reaped(release->generation, pid, status) ||
                      trace_process_reaped(release->traces, pid);
        if (!is_ours)
            log_debug("master.reaped", "pid=%d", (int)pid);
    }
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    (void)what;
    struct master *master = arg;
    if (number == SIGCHLD)
        reap(master);
    else if (number == SIGUSR1)
        reopen_logs(master);
    else if (number == SIGHUP)
        master->is_reload_wanted = true;
    else if (number == SIGUSR2)
        master->is_upgrade_wanted = true;
    else
        on_stop(master, sigabbrev_np((int)number));
    master_wake(master);
}

static void on_rotate(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    const struct master *master = arg;
    tls_ticket_keys_rotate(master->keys);
}

/* UTC; at least hourly, since a clock may be set. */
static void await_midnight(const struct master *master)
{
    uint64_t ms = access_log_ms_to_midnight(clock_wall_ms());
    if (ms > ROTATE_SECONDS * UINT64_C(1000))
        ms = ROTATE_SECONDS * UINT64_C(1000);
    struct timeval in = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    (void)event_add(master->midnight, &in);
}

static void on_midnight(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    const struct master *master = arg;
    struct error_list errors = {0};
    for (struct release *release = master->releases; release != NULL; release = release->next) {
        if (logs_rotate(&release->logs, &errors))
            generation_set_log(release->generation, CONTROL_LOG_ACCESS, release->logs.access_fd);
    }
    for (size_t i = 0; i < errors.count; i++)
        log_error("log.daily", "%s", errors.entries[i].text);
    errors_clear(&errors);
    await_midnight(master);
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    (void)notify_send("WATCHDOG=1");
}

/* ---- beginning and end ---- */

static bool add_events(struct master *master)
{
    master->base = event_base_new();
    if (master->base == NULL)
        return false;
    for (size_t i = 0; i < MASTER_SIGNALS; i++) {
        master->signals[i] = evsignal_new(master->base, SIGNALS[i], on_signal, master);
        if (master->signals[i] == NULL || event_add(master->signals[i], NULL) < 0)
            return false;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    master->step = event_new(master->base, -1, 0, on_step, master);
    master->rotate = event_new(master->base, -1, EV_PERSIST, on_rotate, master);
    struct timeval hour = {.tv_sec = ROTATE_SECONDS};
    master->midnight = event_new(master->base, -1, 0, on_midnight, master);
    if (master->step == NULL || master->rotate == NULL || event_add(master->rotate, &hour) < 0 ||
        master->midnight == NULL)
        return false;
    await_midnight(master);
    uint64_t watchdog_ms = notify_watchdog_ms();
    if (watchdog_ms == 0)
        return true;
    struct timeval period = {.tv_sec = (time_t)(watchdog_ms / 1000),
                             .tv_usec = (suseconds_t)(watchdog_ms % 1000 * 1000)};
    master->watchdog = event_new(master->base, -1, EV_PERSIST, on_watchdog, master);
    return master->watchdog != NULL && event_add(master->watchdog, &period) == 0;
}

static void clear_event(struct event *event)
{
    if (event != NULL)
        event_free(event);
}

static void clear(struct master *master)
{
    if (master->pid_file != NULL)
        pid_file_remove(master->pid_file);
    free(master->pid_file);
    log_configure(STDERR_FILENO, LOG_LEVEL_NOTICE, false, false);
    upgrade_clear(master);
    inherited_clear(&master->inherited);
    listeners_free(master->listeners);
    release_free(master->logging);
    privileges_clear(&master->privileges);
    for (size_t i = 0; i < MASTER_SIGNALS; i++)
        clear_event(master->signals[i]);
    clear_event(master->step);
    clear_event(master->rotate);
    clear_event(master->midnight);
    clear_event(master->watchdog);
    if (master->base != NULL)
        event_base_free(master->base);
    if (master->keys != NULL)
        tls_ticket_keys_cleanse(master->keys);
    shm_free(master->shm);
}

static void print_errors(const struct error_list *errors)
{
    for (size_t i = 0; i < errors->count; i++) {
        char *text = error_format(&errors->entries[i]);
        (void)fprintf(stderr, "%s\n", text);
        free(text);
    }
}

static struct release *load_first(struct master *master, struct error_list *errors)
{
    struct config *config = release_load(master->parts, master->config_file, errors);
    if (config == NULL)
        return NULL;
    master->slots = release_workers(config);
    if (master->inherited.slots != 0 && master->inherited.slots != master->slots)
        errors_add(errors, config->workers_mark,
                   "workers: an upgrade from %u to %u needs a restart, because each worker has "
                   "sockets of its own",
                   master->inherited.slots, master->slots);
    uint64_t sessions = config->sessions.store;
    master->shm = shm_new(tls_ticket_keys_size(), tls_store_size(sessions), master->slots);
    if (master->shm == NULL)
        errors_add(errors, (struct mark){0}, "no shared memory: %s", strerrordesc_np(errno));
    if (master->shm == NULL || errors->errors > 0 ||
        !privileges_lookup(&config->user, geteuid() == 0, &master->privileges, errors)) {
        master->parts->config_free(config);
        return NULL;
    }
    if (master->privileges.is_fallback)
        log_notice("master.user", "user=%s reason=\"there is no user mtls-proxy\"",
                   master->privileges.name);
    master->keys = tls_ticket_keys_init(shm_keys(master->shm));
    tls_ticket_keys_set_store(master->keys, tls_store_init(shm_store(master->shm), sessions));
    return release_new(master->parts, config, &master->privileges, master->keys, errors);
}

/* Everything up to the first fork. */
static void log_pid_file(const struct config *config, int error)
{
    const struct config_value *file = &config->pid_file;
    struct error_list errors = {0};
    struct text text = {0};
    path_problem_add(&text, file->text, error);
    errors_add(&errors, file->mark, "cannot write the file: %s", text.ptr);
    config_place_errors(config, &errors, 0);
    print_errors(&errors);
    log_error("master.pid_file", "error=%s file=\"%s\"", strerrorname_np(-error), file->text);
    errors_clear(&errors);
    text_clear(&text);
}

static enum master_exit prepare(struct master *master, struct release *release)
{
    const struct config *config = release->snapshot->config;
    master->logging = release;
    logs_use(&release->logs);
    master_check_nofile(master, release);
    master->listeners = listeners_new(master->slots, master->parts->listener_open);
    listeners_inherit(master->listeners, &master->inherited);
    int error = release_bind(release, master->listeners, "master.bind");
    inherited_warn_unclaimed(&master->inherited);
    if (error < 0)
        return MASTER_CANNOT_BIND;
    if (!add_events(master)) {
        log_error("master.start", "reason=\"the event loop cannot be set up\"");
        return MASTER_FAILED;
    }
    /* Last: whoever reads the number may send a signal at once. */
    if (config->pid_file.text != NULL) {
        error = pid_file_write(config->pid_file.text);
        if (error < 0) {
            log_pid_file(config, error);
            return MASTER_FAILED;
        }
        master->pid_file = xstrdup(config->pid_file.text);
    }
    return MASTER_OK;
}

/* Descriptors 0 to 2 must be taken: else a socket becomes "stderr" and is sent the log. */
static void take_standard_descriptors(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        (void)close(fd);
}

/* A HUP, USR1 or USR2 during the start would kill us; it is handled once everything stands. */
static void hold_signals(void)
{
    sigset_t held;
    (void)sigemptyset(&held);
    (void)sigaddset(&held, SIGHUP);
    (void)sigaddset(&held, SIGUSR1);
    (void)sigaddset(&held, SIGUSR2);
    (void)pthread_sigmask(SIG_BLOCK, &held, NULL);
}

/* One that comes when nothing is left to stop must not look like the cause of our end. */
static void ignore_signals(void)
{
    sigset_t all;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, NULL);
}

/* All of them, whatever mask we inherited. */
static void let_signals_in(void)
{
    sigset_t none;
    (void)sigemptyset(&none);
    (void)pthread_sigmask(SIG_SETMASK, &none, NULL);
}

int master_run_with(const char *config_file, const struct master_parts *parts)
{
    struct master master = {.parts = parts, .config_file = config_file, .next_number = 1};
    struct error_list errors = {0};
    take_standard_descriptors();
    hold_signals();
    inherited_read(&master.inherited);
    struct release *release = load_first(&master, &errors);
    print_errors(&errors);
    errors_clear(&errors);
    if (release == NULL) {
        clear(&master);
        return MASTER_FAILED;
    }
    master.exit_code = prepare(&master, release);
    if (master.exit_code == MASTER_OK) {
        let_signals_in();
        reload_start_generation(&master, release);
        (void)event_base_dispatch(master.base);
        ignore_signals();
        assert(master.releases == NULL);
        log_notice("master.stopped", "exit=%d", (int)master.exit_code);
    }
    clear(&master);
    return (int)master.exit_code;
}

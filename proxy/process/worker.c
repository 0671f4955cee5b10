/* SPDX-License-Identifier: MIT */
#include "process/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/spool.h"
#include "engine/engine.h"
#include "process/control.h"

/* The engine keeps the deadline; this is for the case that it does not. */
#define DEADLINE_MARGIN_MS UINT64_C(1000)

struct worker {
    const struct process_seat *seat;
    const struct worker_context *context;
    struct event_base *base;
    struct engine *engine;
    struct event *control;   /* NULL once the master is gone */
    struct event *terminate; /* SIGTERM */
    struct event *deadline;
    uint64_t deadline_at_ms; /* while draining */
    int *listen_fds;         /* this slot's */
    int error_fd;
    int access_fd;     /* -1: none */
    int spool_fd;      /* -1: none */
    bool is_accepting; /* it was told to, once */
    bool is_draining;
    bool is_broken;
};

static void send_to_master(const struct worker *worker, enum control_kind kind)
{
    struct control_message message = {
        .kind = kind, .process = worker->seat->kind, .slot = worker->seat->slot, .fd = -1};
    int error = control_send(worker->seat->control_fd, &message);
    /* A master that is gone shows as end of file, too. */
    if (error < 0)
        log_debug("worker.control", "slot=%u error=%s", worker->seat->slot,
                  strerrorname_np(-error));
}

static void on_drained(void *arg)
{
    struct worker *worker = arg;
    send_to_master(worker, CONTROL_DRAINED);
    (void)event_base_loopbreak(worker->base);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct worker *worker = arg;
    (void)event_base_loopbreak(worker->base);
}

/* Repeated when a drain is followed by a stop: the shorter deadline holds, and the engine is asked
 * only once. */
static void drain(struct worker *worker, uint64_t grace_ms, uint64_t deadline_ms)
{
    uint64_t now_ms = clock_monotonic_ms();
    uint64_t margin_ms = worker->is_draining ? 0 : DEADLINE_MARGIN_MS;
    uint64_t wait_ms = deadline_ms > UINT64_MAX - margin_ms - now_ms ? UINT64_MAX - now_ms
                                                                     : deadline_ms + margin_ms;
    if (!worker->is_draining || now_ms + wait_ms < worker->deadline_at_ms) {
        struct timeval wait = {.tv_sec = (time_t)(wait_ms / 1000),
                               .tv_usec = (suseconds_t)(wait_ms % 1000 * 1000)};
        worker->deadline_at_ms = now_ms + wait_ms;
        (void)evtimer_add(worker->deadline, &wait);
    }
    if (worker->is_draining)
        return;
    worker->is_draining = true;
    send_to_master(worker, CONTROL_DRAINING);
    engine_drain(worker->engine, grace_ms, deadline_ms, on_drained, worker);
}

static void on_terminate(evutil_socket_t signal, short what, void *arg)
{
    (void)signal;
    (void)what;
    struct worker *worker = arg;
    drain(worker, 0, worker->context->snapshot->config->timeouts.stop);
}

static void on_master_gone(struct worker *worker)
{
    const struct listener_set *listeners = worker->context->listeners;
    bool was_serving = worker->is_accepting && !worker->is_draining;
    event_free(worker->control);
    worker->control = NULL;
    log_warn("worker.orphaned", "slot=%u pid=%d", worker->seat->slot, (int)getpid());
    drain(worker, 0, worker->context->snapshot->config->timeouts.stop);
    /* Nobody will ever accept from these again: refuse clients and free the address for the next
     * master. Those of one that drains, or that never began, are others': of newer workers, of a
     * successor, of a predecessor. */
    for (size_t i = 0; i < listeners->count && was_serving; i++) {
        if (!listeners->is_lent[i])
            (void)shutdown(worker->listen_fds[i], SHUT_RDWR);
    }
}

static void take_log(struct worker *worker, const struct control_message *message)
{
    if (message->log == CONTROL_LOG_ACCESS) {
        engine_set_access_log(worker->engine, message->fd);
        if (worker->access_fd >= 0)
            (void)close(worker->access_fd);
        worker->access_fd = message->fd;
        return;
    }
    const struct logs *logs = worker->context->logs;
    log_configure(message->fd, (enum log_level)logs->config->log.error_level, logs->is_journal,
                  logs->config->log.error_json);
    (void)close(worker->error_fd);
    worker->error_fd = message->fd;
}

/* A worker that cannot have the new CRLs must not go on with the old ones; whoever replaces it
 * inherits the new ones from the master. */
static void take_crls(struct worker *worker, const struct control_message *message)
{
    const char *problem = NULL;
    if (!engine_set_crls(worker->engine, message->site, message->fd, &problem)) {
        log_error("worker.crls", "slot=%u reason=\"%s\"", worker->seat->slot, problem);
        worker->is_broken = true;
        (void)event_base_loopbreak(worker->base);
    } else {
        log_info("worker.crls", "slot=%u site_index=%u", worker->seat->slot, message->site);
    }
    (void)close(message->fd);
}

static void take_message(struct worker *worker, const struct control_message *message)
{
    if (message->kind == CONTROL_ACCEPT && !worker->is_draining) {
        worker->is_accepting = true;
        engine_accept(worker->engine);
    } else if (message->kind == CONTROL_DRAIN)
        drain(worker, message->grace_ms, message->deadline_ms);
    else if (message->kind == CONTROL_STOP)
        (void)event_base_loopbreak(worker->base);
    else if (message->kind == CONTROL_LOG)
        take_log(worker, message);
    else if (message->kind == CONTROL_CRLS)
        take_crls(worker, message);
    else if (message->kind == CONTROL_PING)
        send_to_master(worker, CONTROL_PONG);
}

static void on_control(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct worker *worker = arg;
    struct control_message message;
    int status;
    while ((status = control_receive(fd, &message)) == 1)
        take_message(worker, &message);
    if (status != -EAGAIN)
        on_master_gone(worker);
}

static void close_what_is_not_ours(struct worker *worker)
{
    const struct listener_set *listeners = worker->context->listeners;
    size_t count = listeners->count;
    worker->listen_fds = xcalloc(count, sizeof *worker->listen_fds);
    int *keep = xcalloc(count + 5, sizeof *keep);
    for (size_t i = 0; i < count; i++) {
        worker->listen_fds[i] = listeners->fds[i * listeners->slots + worker->seat->slot];
        keep[i] = worker->listen_fds[i];
    }
    keep[count] = worker->seat->control_fd;
    keep[count + 1] = worker->error_fd;
    keep[count + 2] = worker->access_fd;
    keep[count + 3] = worker->context->snapshot->config->keylog_fd;
    keep[count + 4] = worker->context->trace_fd;
    spawn_close_others(keep, count + 5);
    free(keep);
}

/* Before the privileges go: afterwards nothing is opened by its path. */
static void open_spool(struct worker *worker)
{
    const struct snapshot *snapshot = worker->context->snapshot;
    const char *directory = snapshot->config->temporary_directory.text;
    worker->spool_fd = -1;
    if (!snapshot->has_buffered_bodies)
        return;
    worker->spool_fd = spool_open(directory);
    if (worker->spool_fd < 0)
        log_error("worker.spool", "slot=%u path=\"%s\" error=\"%s\"", worker->seat->slot, directory,
                  strerrordesc_np(-worker->spool_fd));
}

/* The terminal's and the master's signals are none of ours: the master says what to do. */
static void ignore_signals(void)
{
    static const int IGNORED[] = {SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE, SIGXFSZ};
    for (size_t i = 0; i < sizeof IGNORED / sizeof IGNORED[0]; i++)
        (void)signal(IGNORED[i], SIG_IGN);
}

static bool start_loop(struct worker *worker)
{
    const struct worker_context *context = worker->context;
    worker->base = event_base_new();
    if (worker->base == NULL)
        return false;
    worker->terminate = evsignal_new(worker->base, SIGTERM, on_terminate, worker);
    worker->deadline = evtimer_new(worker->base, on_deadline, worker);
    worker->control =
        event_new(worker->base, worker->seat->control_fd, EV_READ | EV_PERSIST, on_control, worker);
    if (worker->terminate == NULL || worker->deadline == NULL || worker->control == NULL)
        return false;
    struct engine_options options = {
        .base = worker->base,
        .snapshot = context->snapshot,
        .listen_fds = worker->listen_fds,
        .listen_addrs = context->listeners->addrs,
        .access_log_fd = worker->access_fd,
        .spool_fd = worker->spool_fd,
        .trace_fd = context->trace_fd,
        .slot = worker->seat->slot,
        .workers = context->listeners->slots,
    };
    worker->engine = engine_new(&options);
    if (worker->engine == NULL)
        return false;
    return event_add(worker->terminate, NULL) == 0 && event_add(worker->control, NULL) == 0;
}

static void end_loop(struct worker *worker)
{
    if (worker->engine != NULL)
        engine_free(worker->engine);
    if (worker->control != NULL)
        event_free(worker->control);
    if (worker->deadline != NULL)
        event_free(worker->deadline);
    if (worker->terminate != NULL)
        event_free(worker->terminate);
    if (worker->base != NULL)
        event_base_free(worker->base);
    free(worker->listen_fds);
}

int worker_main(const struct process_seat *seat)
{
    const struct worker_context *context = seat->arg;
    struct worker worker = {
        .seat = seat,
        .context = context,
        .error_fd = context->logs->error_fd,
        .access_fd = context->logs->access_fd,
    };
    logs_use(context->logs);
    close_what_is_not_ours(&worker);
    ignore_signals();
    open_spool(&worker);
    int error = privileges_drop(context->privileges);
    if (error < 0) {
        log_error("worker.privileges", "slot=%u error=%s", seat->slot, strerrorname_np(-error));
        end_loop(&worker);
        return EXIT_FAILURE;
    }
    bool is_started = start_loop(&worker);
    if (is_started) {
        /* The handlers stand; a signal that came meanwhile arrives now. */
        (void)pthread_sigmask(SIG_SETMASK, &seat->signals, NULL);
        send_to_master(&worker, CONTROL_READY);
        (void)event_base_dispatch(worker.base);
    } else {
        log_error("worker.start", "slot=%u reason=\"the event loop cannot be set up\"", seat->slot);
    }
    end_loop(&worker);
    return is_started && !worker.is_broken ? EXIT_SUCCESS : EXIT_FAILURE;
}

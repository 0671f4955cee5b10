/* SPDX-License-Identifier: MIT */
#include "process/generation.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "process/backoff.h"
#include "process/heartbeat.h"

#define DRAIN_MARGIN_MS UINT64_C(2000)
#define STOP_MARGIN_MS  UINT64_C(500)

enum process_state {
    PROCESS_STARTING,  /* awaits READY; the timeout of its event runs */
    PROCESS_READY,     /* awaits nothing; may be told to accept */
    PROCESS_ACCEPTING, /* serves */
    PROCESS_LEAVING,   /* accepts nothing any more, awaits its last connection */
};

struct process {
    struct process *next;
    struct generation *generation;
    struct event *event; /* NULL once the control socket has ended */
    int control_fd;
    pid_t pid;
    unsigned slot;
    enum process_state state;
    bool is_killed; /* by us */
    bool is_spared; /* it hangs in a debugger, and that was said */
    struct heartbeat heartbeat;
    uint64_t started_ms;
};

struct slot {
    struct generation *generation;
    unsigned index;
    struct process *current; /* NULL while waiting to be replaced */
    struct backoff backoff;
    struct event *restart; /* pending while waiting */
};

struct generation {
    struct generation_options options;
    enum generation_state state;
    struct process *processes;
    struct slot *slots;
    struct event *deadline; /* kills what is left */
    struct event *pulse;    /* NULL: nobody is asked whether it hangs */
    struct heartbeat_clock clock;
    uint64_t deadline_at_ms;
    char *failure;
};

static struct timeval to_timeval(uint64_t ms)
{
    return (struct timeval){.tv_sec = (time_t)(ms / 1000),
                            .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
}

static void changed(struct generation *generation)
{
    generation->options.changed(generation->options.changed_arg);
}

static void fail(struct generation *generation, char *reason)
{
    if (generation->state != GENERATION_STARTING && generation->state != GENERATION_READY) {
        free(reason);
        return;
    }
    generation->state = GENERATION_FAILED;
    generation->failure = reason;
    changed(generation);
}

static void mark_slot(const struct process *process, enum slot_state state)
{
    const struct generation_options *options = &process->generation->options;
    /* A slot shows its newest process; an older one that still drains no longer writes there. */
    if (options->shm == NULL || process->generation->slots[process->slot].current != process)
        return;
    struct shm_slot *slot = shm_slot(options->shm, process->slot);
    if (state == SLOT_STARTING) {
        slot->kind = PROCESS_WORKER;
        slot->pid = process->pid;
        slot->generation = options->number;
        slot->started_ms = process->started_ms;
        slot->starts++;
    } else if (slot->pid != process->pid) {
        return;
    }
    if (state == SLOT_EMPTY)
        slot->pid = 0;
    slot->state = state;
}

static void end_control(struct process *process)
{
    if (process->event != NULL)
        event_free(process->event);
    if (process->control_fd >= 0)
        (void)close(process->control_fd);
    process->event = NULL;
    process->control_fd = -1;
}

static void kill_process(struct process *process)
{
    process->is_killed = true;
    (void)kill(process->pid, SIGKILL);
}

static void tell(struct process *process, struct control_message message)
{
    if (process->control_fd < 0)
        return;
    message.process = PROCESS_WORKER;
    message.slot = process->slot;
    if (control_send(process->control_fd, &message) != -EAGAIN)
        return; /* when the other end is gone, SIGCHLD tells the rest */
    log_error("worker.stuck", "slot=%u pid=%d generation=%u", process->slot, (int)process->pid,
              process->generation->options.number);
    kill_process(process);
}

static void tell_all(struct generation *generation, struct control_message message)
{
    for (struct process *process = generation->processes; process != NULL; process = process->next)
        tell(process, message);
}

static uint64_t schedule_restart(struct slot *slot, uint64_t lived_ms)
{
    uint64_t delay_ms = backoff_next(&slot->backoff, lived_ms);
    struct timeval delay = to_timeval(delay_ms);
    (void)evtimer_add(slot->restart, &delay);
    return delay_ms;
}

static void on_ready(struct process *process)
{
    struct generation *generation = process->generation;
    process->state = PROCESS_READY;
    mark_slot(process, SLOT_READY);
    if (process->event != NULL)
        (void)event_remove_timer(process->event);
    if (generation->state == GENERATION_ACTIVE) {
        process->state = PROCESS_ACCEPTING;
        mark_slot(process, SLOT_ACCEPTING);
        tell(process, (struct control_message){.kind = CONTROL_ACCEPT, .fd = -1});
        changed(generation);
        return;
    }
    if (generation->state != GENERATION_STARTING)
        return;
    for (unsigned i = 0; i < generation->options.slots; i++) {
        const struct process *other = generation->slots[i].current;
        if (other == NULL || other->state != PROCESS_READY)
            return;
    }
    generation->state = GENERATION_READY;
    changed(generation);
}

/* Told to, or by a signal of its own: in the latter case the slot needs somebody new at once,
 * because its queue keeps getting its share of the connections. */
static void on_draining(struct process *process)
{
    struct generation *generation = process->generation;
    struct slot *slot = &generation->slots[process->slot];
    process->state = PROCESS_LEAVING;
    mark_slot(process, SLOT_DRAINING);
    if (generation->state == GENERATION_ACTIVE && slot->current == process) {
        slot->current = NULL;
        uint64_t delay_ms = schedule_restart(slot, clock_monotonic_ms() - process->started_ms);
        log_notice("worker.leaving", "slot=%u pid=%d generation=%u restart_ms=%" PRIu64,
                   process->slot, (int)process->pid, generation->options.number, delay_ms);
    }
    fail(generation, xasprintf("slot=%u pid=%d reason=\"drained before it served\"", process->slot,
                               (int)process->pid));
    changed(generation);
}

static bool on_pong(struct process *process)
{
    struct generation *generation = process->generation;
    bool was_slow = heartbeat_is_slow(&process->heartbeat, &generation->clock);
    process->is_spared = false;
    if (!heartbeat_answered(&process->heartbeat))
        return false;
    if (!was_slow)
        return true;
    log_info("worker.answers", "slot=%u pid=%d generation=%u", process->slot, (int)process->pid,
             generation->options.number);
    changed(generation);
    return true;
}

static bool take_message(struct process *process, const struct control_message *message)
{
    if (!control_is_from_process(message->kind) || message->process != PROCESS_WORKER ||
        message->slot != process->slot)
        return false;
    if (message->kind == CONTROL_READY) {
        if (process->state != PROCESS_STARTING)
            return false;
        on_ready(process);
        return true;
    }
    if (message->kind == CONTROL_DRAINING) {
        if (process->state == PROCESS_LEAVING)
            return false;
        on_draining(process);
        return true;
    }
    if (message->kind == CONTROL_PONG)
        return on_pong(process);
    return process->state == PROCESS_LEAVING; /* DRAINED: its exit follows */
}

static void on_late(struct process *process)
{
    struct generation *generation = process->generation;
    log_error("worker.late", "slot=%u pid=%d generation=%u timeout_ms=%" PRIu64, process->slot,
              (int)process->pid, generation->options.number, generation->options.start_timeout_ms);
    kill_process(process);
    fail(generation,
         xasprintf("slot=%u pid=%d reason=\"not ready within %" PRIu64 " ms\"", process->slot,
                   (int)process->pid, generation->options.start_timeout_ms));
}

static void on_control(evutil_socket_t fd, short what, void *arg)
{
    struct process *process = arg;
    if ((what & EV_TIMEOUT) != 0 && process->state == PROCESS_STARTING) {
        on_late(process);
        return;
    }
    struct control_message message;
    int status;
    while ((status = control_receive(fd, &message)) == 1) {
        if (!take_message(process, &message)) {
            status = -EPROTO;
            if (message.fd >= 0)
                (void)close(message.fd);
            break;
        }
    }
    if (status == -EAGAIN)
        return;
    if (status < 0) {
        log_error("worker.protocol", "slot=%u pid=%d generation=%u error=%s", process->slot,
                  (int)process->pid, process->generation->options.number, strerrorname_np(-status));
        kill_process(process);
    }
    end_control(process);
}

static int start_process(struct slot *slot)
{
    struct generation *generation = slot->generation;
    const struct generation_options *options = &generation->options;
    struct process *process = xmalloc(sizeof *process);
    *process = (struct process){.generation = generation, .slot = slot->index};
    struct process_seat seat = {.kind = PROCESS_WORKER,
                                .slot = slot->index,
                                .generation = options->number,
                                .arg = options->arg};
    int error =
        spawn_process(options->base, seat, options->main, &process->pid, &process->control_fd);
    if (error < 0) {
        free(process);
        return error;
    }
    process->started_ms = clock_monotonic_ms();
    process->next = generation->processes;
    generation->processes = process;
    slot->current = process;
    mark_slot(process, SLOT_STARTING);
    process->event =
        event_new(options->base, process->control_fd, EV_READ | EV_PERSIST, on_control, process);
    struct timeval timeout = to_timeval(options->start_timeout_ms);
    if (process->event == NULL || event_add(process->event, &timeout) < 0)
        kill_process(process);
    return 0;
}

static void on_restart(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct slot *slot = arg;
    int error = start_process(slot);
    if (error == 0) {
        log_notice("worker.started", "slot=%u pid=%d generation=%u", slot->index,
                   (int)slot->current->pid, slot->generation->options.number);
        return;
    }
    uint64_t delay_ms = schedule_restart(slot, 0);
    log_error("worker.fork", "slot=%u error=%s restart_ms=%" PRIu64, slot->index,
              strerrorname_np(-error), delay_ms);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct generation *generation = arg;
    log_warn("generation.deadline", "generation=%u killed=%zu", generation->options.number,
             generation_process_count(generation));
    generation_kill(generation);
}

static void on_hung(struct process *process)
{
    struct generation *generation = process->generation;
    bool is_traced = heartbeat_is_traced(process->pid);
    if (is_traced && process->is_spared)
        return;
    log_error("worker.hung", "slot=%u pid=%d generation=%u timeout_ms=%" PRIu64 " how=%s",
              process->slot, (int)process->pid, generation->options.number,
              generation->clock.limit_ms, is_traced ? "traced" : "killed");
    process->is_spared = is_traced;
    if (!is_traced)
        kill_process(process); /* its exit brings the next one */
}

static void check_pulse(struct process *process, uint64_t passed_ms)
{
    struct generation *generation = process->generation;
    if (process->control_fd >= 0)
        on_control(process->control_fd, EV_READ, process); /* what has come counts */
    if (process->control_fd < 0 || process->state == PROCESS_STARTING || process->is_killed)
        return;
    bool was_slow = heartbeat_is_slow(&process->heartbeat, &generation->clock);
    switch (heartbeat_tick(&process->heartbeat, &generation->clock, passed_ms)) {
    case HEARTBEAT_FINE:
        break;
    case HEARTBEAT_ASK:
        tell(process, (struct control_message){.kind = CONTROL_PING, .fd = -1});
        break;
    case HEARTBEAT_HUNG:
        on_hung(process);
        changed(generation);
        break;
    case HEARTBEAT_SLOW:
        if (!was_slow) {
            log_info("worker.slow", "slot=%u pid=%d generation=%u", process->slot,
                     (int)process->pid, generation->options.number);
            changed(generation);
        }
        break;
    }
}

static void on_pulse(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct generation *generation = arg;
    uint64_t passed_ms = heartbeat_clock_tick(&generation->clock, clock_monotonic_ms());
    for (struct process *process = generation->processes; process != NULL; process = process->next)
        check_pulse(process, passed_ms);
}

static void begin_pulse(struct generation *generation)
{
    const struct generation_options *options = &generation->options;
    heartbeat_clock_init(&generation->clock, options->hang_ms, clock_monotonic_ms());
    if (generation->clock.limit_ms == 0)
        return;
    struct timeval period = to_timeval(generation->clock.period_ms);
    generation->pulse = event_new(options->base, -1, EV_PERSIST, on_pulse, generation);
    if (generation->pulse != NULL)
        (void)event_add(generation->pulse, &period);
}

struct generation *generation_new(const struct generation_options *options)
{
    struct generation *generation = xmalloc(sizeof *generation);
    *generation = (struct generation){.options = *options, .state = GENERATION_STARTING};
    generation->deadline = evtimer_new(options->base, on_deadline, generation);
    generation->slots = xcalloc(options->slots, sizeof *generation->slots);
    for (unsigned i = 0; i < options->slots; i++) {
        struct slot *slot = &generation->slots[i];
        *slot = (struct slot){.generation = generation, .index = i};
        slot->restart = evtimer_new(options->base, on_restart, slot);
    }
    for (unsigned i = 0; i < options->slots && generation->state == GENERATION_STARTING; i++) {
        int error = start_process(&generation->slots[i]);
        if (error < 0)
            fail(generation,
                 xasprintf("slot=%u reason=\"cannot fork\" error=%s", i, strerrorname_np(-error)));
    }
    begin_pulse(generation);
    return generation;
}

void generation_free(struct generation *generation)
{
    if (generation == NULL)
        return;
    assert(generation->processes == NULL);
    for (unsigned i = 0; i < generation->options.slots; i++)
        event_free(generation->slots[i].restart);
    event_free(generation->deadline);
    if (generation->pulse != NULL)
        event_free(generation->pulse);
    free(generation->slots);
    free(generation->failure);
    free(generation);
}

enum generation_state generation_state(const struct generation *generation)
{
    return generation->state;
}

const char *generation_failure(const struct generation *generation)
{
    return generation->failure == NULL ? "" : generation->failure;
}

unsigned generation_number(const struct generation *generation)
{
    return generation->options.number;
}

size_t generation_process_count(const struct generation *generation)
{
    size_t count = 0;
    for (const struct process *process = generation->processes; process != NULL;
         process = process->next)
        count++;
    return count;
}

size_t generation_accepting_count(const struct generation *generation)
{
    size_t count = 0;
    for (const struct process *process = generation->processes; process != NULL;
         process = process->next)
        count += process->state != PROCESS_LEAVING;
    return count;
}

bool generation_is_slot_accepting(const struct generation *generation, unsigned slot)
{
    const struct process *process = generation->slots[slot].current;
    return process != NULL && process->state == PROCESS_ACCEPTING && !process->is_killed &&
           !heartbeat_is_slow(&process->heartbeat, &generation->clock);
}

void generation_activate(struct generation *generation)
{
    assert(generation->state == GENERATION_READY);
    generation->state = GENERATION_ACTIVE;
    for (struct process *process = generation->processes; process != NULL;
         process = process->next) {
        process->state = PROCESS_ACCEPTING;
        mark_slot(process, SLOT_ACCEPTING);
    }
    tell_all(generation, (struct control_message){.kind = CONTROL_ACCEPT, .fd = -1});
}

static void cancel_restarts(struct generation *generation)
{
    for (unsigned i = 0; i < generation->options.slots; i++)
        (void)event_del(generation->slots[i].restart);
}

/* Only ever earlier than before. */
static void set_deadline(struct generation *generation, uint64_t after_ms)
{
    uint64_t now_ms = clock_monotonic_ms();
    uint64_t at_ms = after_ms > UINT64_MAX - now_ms ? UINT64_MAX : now_ms + after_ms;
    if (event_pending(generation->deadline, EV_TIMEOUT, NULL) != 0 &&
        generation->deadline_at_ms <= at_ms)
        return;
    generation->deadline_at_ms = at_ms;
    struct timeval timeout = to_timeval(after_ms);
    (void)evtimer_add(generation->deadline, &timeout);
}

void generation_drain(struct generation *generation, uint64_t grace_ms, uint64_t deadline_ms)
{
    generation->state = GENERATION_DRAINING;
    cancel_restarts(generation);
    tell_all(generation, (struct control_message){.kind = CONTROL_DRAIN,
                                                  .grace_ms = grace_ms,
                                                  .deadline_ms = deadline_ms,
                                                  .fd = -1});
    set_deadline(generation, deadline_ms > UINT64_MAX - DRAIN_MARGIN_MS
                                 ? UINT64_MAX
                                 : deadline_ms + DRAIN_MARGIN_MS);
}

void generation_stop(struct generation *generation)
{
    generation->state = GENERATION_DRAINING;
    cancel_restarts(generation);
    tell_all(generation, (struct control_message){.kind = CONTROL_STOP, .fd = -1});
    set_deadline(generation, STOP_MARGIN_MS);
}

void generation_kill(struct generation *generation)
{
    generation->state = GENERATION_DRAINING;
    cancel_restarts(generation);
    for (struct process *process = generation->processes; process != NULL; process = process->next)
        kill_process(process);
}

void generation_set_log(struct generation *generation, enum control_log log, int fd)
{
    tell_all(generation, (struct control_message){.kind = CONTROL_LOG, .log = log, .fd = fd});
}

void generation_set_crls(struct generation *generation, size_t site, int fd)
{
    tell_all(generation,
             (struct control_message){.kind = CONTROL_CRLS, .site = (uint32_t)site, .fd = fd});
}

static char *describe_status(int status)
{
    if (WIFSIGNALED(status)) {
        const char *name = sigabbrev_np(WTERMSIG(status));
        return name == NULL ? xasprintf("signal=%d", WTERMSIG(status))
                            : xasprintf("signal=%s", name);
    }
    return xasprintf("exit=%d", WEXITSTATUS(status));
}

/* Says how it ended and does what the state of the generation asks for. */
static void on_exit_of(struct process *process, int status)
{
    struct generation *generation = process->generation;
    struct slot *slot = &generation->slots[process->slot];
    char *how = describe_status(status);
    char *who = xasprintf("slot=%u pid=%d generation=%u %s", process->slot, (int)process->pid,
                          generation->options.number, how);
    mark_slot(process, SLOT_EMPTY);
    bool is_serving = slot->current == process && generation->state == GENERATION_ACTIVE;
    if (slot->current == process)
        slot->current = NULL;
    if (is_serving) {
        uint64_t delay_ms = schedule_restart(slot, clock_monotonic_ms() - process->started_ms);
        log_error("worker.died", "%s restart_ms=%" PRIu64, who, delay_ms);
    } else if (process->is_killed) {
        log_notice("worker.killed", "%s", who);
    } else if (status != 0 || process->state != PROCESS_LEAVING) {
        log_error("worker.died", "%s", who);
    } else {
        log_info("worker.ended", "%s", who);
    }
    fail(generation, xasprintf("slot=%u pid=%d %s", process->slot, (int)process->pid, how));
    free(who);
    free(how);
}

bool generation_reaped(struct generation *generation, pid_t pid, int status)
{
    for (struct process **at = &generation->processes; *at != NULL; at = &(*at)->next) {
        struct process *process = *at;
        if (process->pid != pid)
            continue;
        /* What it said before it died: a worker that drained is not one that crashed. */
        if (process->control_fd >= 0)
            on_control(process->control_fd, EV_READ, process);
        *at = process->next;
        end_control(process);
        on_exit_of(process, status);
        free(process);
        changed(generation);
        return true;
    }
    return false;
}

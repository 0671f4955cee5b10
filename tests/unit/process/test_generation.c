/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "process/backoff.h"
#include "process/generation.h"
#include "unit/unit.h"

#define SLOTS      2U
#define WAIT_MS    60000
#define TIMEOUT_MS 300 /* of the start, where one never is ready */
/* libevent reads a clock that may be a tick of the kernel behind the one that is asserted on. */
#define TICK_MS 10

/* How the fake workers behave; shared, so that a test sees what they were told. */
enum behaviour {
    OBEDIENT,
    DIES_AT_START,     /* slot 1 exits with 9 */
    NEVER_READY,       /* slot 1 */
    TALKS_NONSENSE,    /* slot 1 sends what a master sends */
    READY_TWICE,       /* slot 1 */
    DRAINS_BEFORE,     /* slot 1 leaves before it is told to accept */
    IGNORES_THE_DRAIN, /* says nothing, goes nowhere */
    LEAVES_BY_ITSELF,  /* slot 1 of the first start, after ACCEPT */
};
struct board {
    enum behaviour behaviour;
    _Atomic int starts;
    _Atomic int accepts;
    _Atomic int drains;
    _Atomic int stops;
    _Atomic int logs;
    _Atomic uint64_t deadline_ms;
};

static struct board *board;

static void say(const struct process_seat *seat, enum control_kind kind)
{
    struct control_message message = {
        .kind = kind, .process = seat->kind, .slot = seat->slot, .fd = -1};
    if (control_send(seat->control_fd, &message) < 0)
        _exit(98);
}

static void leave(const struct process_seat *seat)
{
    say(seat, CONTROL_DRAINING);
    say(seat, CONTROL_DRAINED);
    _exit(0);
}

static void obey(const struct process_seat *seat, const struct control_message *message, int start)
{
    if (message->kind == CONTROL_ACCEPT) {
        board->accepts++;
        if (board->behaviour == LEAVES_BY_ITSELF && start == 2)
            leave(seat);
    } else if (message->kind == CONTROL_LOG) {
        board->logs += write(message->fd, "x", 1) == 1;
        (void)close(message->fd);
    } else if (message->kind == CONTROL_STOP) {
        board->stops++;
        _exit(0);
    } else if (message->kind == CONTROL_DRAIN) {
        board->drains++;
        board->deadline_ms = message->deadline_ms;
        if (board->behaviour != IGNORES_THE_DRAIN)
            leave(seat);
    }
}

static int fake_worker(const struct process_seat *seat)
{
    (void)sigprocmask(SIG_SETMASK, &seat->signals, NULL);
    int start = ++board->starts;
    bool is_odd = seat->slot == 1;
    if (is_odd && board->behaviour == DIES_AT_START)
        _exit(9);
    if (!is_odd || board->behaviour != NEVER_READY)
        say(seat, CONTROL_READY);
    if (is_odd && board->behaviour == READY_TWICE)
        say(seat, CONTROL_READY);
    if (is_odd && board->behaviour == TALKS_NONSENSE)
        say(seat, CONTROL_STOP);
    if (is_odd && board->behaviour == DRAINS_BEFORE)
        leave(seat);
    for (;;) {
        struct pollfd waiting = {.fd = seat->control_fd, .events = POLLIN};
        struct control_message message;
        (void)poll(&waiting, 1, -1);
        if (control_receive(seat->control_fd, &message) != 1)
            _exit(0);
        obey(seat, &message, start);
    }
}

/* ---- the part of the master that a generation needs ---- */

struct fixture {
    struct event_base *base;
    struct event *child;
    struct shm *shm;
    struct generation *generation;
    int changes;
};

static struct fixture *fixture;

static void on_child(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        ck_assert(generation_reaped(fixture->generation, pid, status));
}

static void on_changed(void *arg)
{
    struct fixture *self = arg;
    self->changes++;
}

static struct generation *begin(enum behaviour behaviour)
{
    log_configure(-1, LOG_LEVEL_ERROR, false, false); /* quiet unless a check fails */
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    board->behaviour = behaviour;
    static struct fixture storage;
    fixture = &storage;
    fixture->base = event_base_new();
    fixture->shm = shm_new(0, 0, SLOTS);
    fixture->child = evsignal_new(fixture->base, SIGCHLD, on_child, NULL);
    (void)event_add(fixture->child, NULL);
    struct generation_options options = {
        .base = fixture->base,
        .shm = fixture->shm,
        .number = 1,
        .slots = SLOTS,
        .start_timeout_ms = behaviour == NEVER_READY ? TIMEOUT_MS : WAIT_MS,
        .main = fake_worker,
        .changed = on_changed,
        .changed_arg = fixture,
    };
    fixture->generation = generation_new(&options);
    return fixture->generation;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
}

/* Runs the loop until the condition holds. */
#define LOOP_UNTIL(condition)                                                               \
    do {                                                                                    \
        uint64_t end_ms = clock_monotonic_ms() + WAIT_MS;                                   \
        while (!(condition)) {                                                              \
            ck_assert_msg(clock_monotonic_ms() < end_ms, "waited in vain: %s", #condition); \
            struct timeval tick = {.tv_usec = 5000};                                        \
            (void)event_base_once(fixture->base, -1, EV_TIMEOUT, on_tick, NULL, &tick);     \
            (void)event_base_loop(fixture->base, EVLOOP_ONCE);                              \
        }                                                                                   \
    } while (0)

static struct generation *begin_active(enum behaviour behaviour)
{
    struct generation *generation = begin(behaviour);
    LOOP_UNTIL(generation_state(generation) == GENERATION_READY);
    ck_assert_int_eq(board->accepts, 0);
    generation_activate(generation);
    /* More: one left by itself and another came before the second had the processor. */
    LOOP_UNTIL(board->accepts >= (int)SLOTS);
    return generation;
}

static void end(void)
{
    generation_kill(fixture->generation);
    LOOP_UNTIL(generation_process_count(fixture->generation) == 0);
    generation_free(fixture->generation);
    event_free(fixture->child);
    event_base_free(fixture->base);
    shm_free(fixture->shm);
}

static pid_t pid_of(unsigned slot)
{
    return shm_slot(fixture->shm, slot)->pid;
}

START_TEST(is_ready_once_all_are_and_accepts_only_when_told)
{
    struct generation *generation = begin_active(OBEDIENT);
    ck_assert_int_eq(generation_state(generation), GENERATION_ACTIVE);
    ck_assert_uint_eq(generation_process_count(generation), SLOTS);
    ck_assert_uint_eq(generation_accepting_count(generation), SLOTS);
    ck_assert_int_eq(shm_slot(fixture->shm, 1)->state, SLOT_ACCEPTING);
    ck_assert_int_gt(fixture->changes, 0);
    end();
}
END_TEST

START_TEST(fails_when_a_worker_does_not_start)
{
    static const struct {
        enum behaviour behaviour;
        const char *why;
    } CASES[] = {
        {DIES_AT_START, "exit=9"},         {NEVER_READY, "not ready within 300 ms"},
        {TALKS_NONSENSE, "signal=KILL"},   {READY_TWICE, "signal=KILL"},
        {DRAINS_BEFORE, "drained before"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct generation *generation = begin(CASES[i].behaviour);
        LOOP_UNTIL(generation_state(generation) == GENERATION_FAILED);
        const char *why = generation_failure(generation);
        ck_assert_msg(strstr(why, CASES[i].why) != NULL, "case %zu: %s", i, why);
        ck_assert_int_eq(board->accepts, 0);
        end();
        ck_assert_int_le(board->starts, SLOTS); /* nobody is replaced; one may be killed first */
    }
}
END_TEST

START_TEST(replaces_a_worker_that_was_killed)
{
    (void)begin_active(OBEDIENT);
    pid_t before = pid_of(0);
    pid_t other = pid_of(1);
    uint64_t start_ms = clock_monotonic_ms();
    ck_assert(generation_is_slot_accepting(fixture->generation, 0));
    ck_assert_int_eq(kill(before, SIGKILL), 0);
    LOOP_UNTIL(!generation_is_slot_accepting(fixture->generation, 0));
    ck_assert(generation_is_slot_accepting(fixture->generation, 1));
    LOOP_UNTIL(board->accepts == SLOTS + 1);
    LOOP_UNTIL(generation_is_slot_accepting(fixture->generation, 0));
    ck_assert_uint_ge(clock_monotonic_ms() - start_ms, BACKOFF_FIRST_MS - TICK_MS);
    LOOP_UNTIL(shm_slot(fixture->shm, 0)->state == SLOT_ACCEPTING);
    ck_assert_int_ne(pid_of(0), before);
    ck_assert_int_eq(pid_of(1), other);
    ck_assert_uint_eq(shm_slot(fixture->shm, 0)->starts, 2);
    ck_assert_uint_eq(generation_process_count(fixture->generation), SLOTS);
    end();
}
END_TEST

START_TEST(replaces_a_worker_that_leaves_while_it_still_drains)
{
    struct generation *generation = begin_active(LEAVES_BY_ITSELF);
    LOOP_UNTIL(board->accepts == SLOTS + 1);
    LOOP_UNTIL(generation_process_count(generation) == SLOTS);
    ck_assert_int_eq(generation_state(generation), GENERATION_ACTIVE);
    end();
}
END_TEST

START_TEST(drains_without_replacing_anybody)
{
    struct generation *generation = begin_active(OBEDIENT);
    generation_drain(generation, 100, 5000);
    LOOP_UNTIL(generation_process_count(generation) == 0);
    ck_assert_int_eq(board->drains, SLOTS);
    ck_assert_uint_eq(board->deadline_ms, 5000);
    ck_assert_int_eq(board->starts, SLOTS);
    end();
}
END_TEST

START_TEST(a_drain_cancels_the_replacement_that_is_due)
{
    struct generation *generation = begin_active(OBEDIENT);
    ck_assert_int_eq(kill(pid_of(0), SIGKILL), 0);
    LOOP_UNTIL(generation_process_count(generation) == SLOTS - 1);
    generation_drain(generation, 0, 5000);
    uint64_t due_ms = clock_monotonic_ms() + 2 * BACKOFF_FIRST_MS;
    LOOP_UNTIL(clock_monotonic_ms() > due_ms && generation_process_count(generation) == 0);
    ck_assert_int_eq(board->starts, SLOTS);
    end();
}
END_TEST

START_TEST(stops_at_once_even_those_who_do_not_drain)
{
    struct generation *generation = begin_active(IGNORES_THE_DRAIN);
    generation_drain(generation, 0, 600000);
    LOOP_UNTIL(board->drains == SLOTS);
    ck_assert_uint_eq(generation_accepting_count(generation), SLOTS);
    generation_stop(generation);
    LOOP_UNTIL(generation_process_count(generation) == 0);
    ck_assert_int_eq(board->stops, SLOTS);
    end();
}
END_TEST

START_TEST(kills_what_does_not_listen_after_the_deadline)
{
    struct generation *generation = begin_active(IGNORES_THE_DRAIN);
    ck_assert_int_eq(kill(pid_of(0), SIGSTOP), 0);
    generation_drain(generation, 0, 600000);
    generation_drain(generation, 0, 0); /* the shorter deadline holds */
    generation_drain(generation, 0, 600000);
    LOOP_UNTIL(generation_process_count(generation) == 0);
    end();
}
END_TEST

START_TEST(hands_a_reopened_log_to_every_worker)
{
    struct generation *generation = begin_active(OBEDIENT);
    int fds[2];
    char bytes[8];
    ck_assert_int_eq(pipe(fds), 0);
    generation_set_log(generation, CONTROL_LOG_ACCESS, fds[1]);
    LOOP_UNTIL(board->logs == SLOTS);
    ck_assert_int_eq(read(fds[0], bytes, sizeof bytes), SLOTS);
    end();
}
END_TEST

START_TEST(knows_nothing_of_other_children)
{
    struct generation *generation = begin_active(OBEDIENT);
    ck_assert(!generation_reaped(generation, getpid(), 0));
    ck_assert_uint_eq(generation_process_count(generation), SLOTS);
    end();
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("generation");
    TCase *tcase = tcase_create("generation");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, is_ready_once_all_are_and_accepts_only_when_told);
    tcase_add_test(tcase, fails_when_a_worker_does_not_start);
    tcase_add_test(tcase, replaces_a_worker_that_was_killed);
    tcase_add_test(tcase, replaces_a_worker_that_leaves_while_it_still_drains);
    tcase_add_test(tcase, drains_without_replacing_anybody);
    tcase_add_test(tcase, a_drain_cancels_the_replacement_that_is_due);
    tcase_add_test(tcase, stops_at_once_even_those_who_do_not_drain);
    tcase_add_test(tcase, kills_what_does_not_listen_after_the_deadline);
    tcase_add_test(tcase, hands_a_reopened_log_to_every_worker);
    tcase_add_test(tcase, knows_nothing_of_other_children);
    suite_add_tcase(suite, tcase);
    return suite;
}

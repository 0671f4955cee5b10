/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/spawn.h"
#include "unit/unit.h"

static void say(const struct process_seat *seat, enum control_kind kind)
{
    struct control_message message = {
        .kind = kind, .process = seat->kind, .slot = seat->slot, .fd = -1};
    if (control_send(seat->control_fd, &message) < 0)
        _exit(99);
}

static bool wait_message(int fd, struct control_message *ret_message)
{
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    return poll(&waiting, 1, 10000) == 1 && control_receive(fd, ret_message) == 1;
}

static int exit_status(pid_t pid)
{
    int status = 0;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void count_cb(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    int *count = arg;
    char byte;
    if (fd >= 0 && read(fd, &byte, 1) == 1)
        (*count)++;
}

static void signal_cb(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    int *count = arg;
    (*count)++;
}

static int main_exits(const struct process_seat *seat)
{
    say(seat, CONTROL_READY);
    _exit(7);
}

/* epoll(7): the registrations belong to the open file description, which a fork shares. */
START_TEST(a_child_that_ends_leaves_the_masters_registrations_alone)
{
    int pipe_fds[2];
    int reads = 0;
    int signals = 0;
    ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
    struct event_base *base = event_base_new();
    struct event *readable = event_new(base, pipe_fds[0], EV_READ | EV_PERSIST, count_cb, &reads);
    struct event *hangup = evsignal_new(base, SIGHUP, signal_cb, &signals);
    ck_assert(event_add(readable, NULL) == 0 && event_add(hangup, NULL) == 0);
    pid_t pid;
    int control;
    struct process_seat seat = {.kind = PROCESS_WORKER, .slot = 5};
    ck_assert_int_eq(spawn_process(base, seat, main_exits, &pid, &control), 0);
    struct control_message message;
    ck_assert(wait_message(control, &message));
    ck_assert_uint_eq(message.slot, 5);
    ck_assert_int_eq(exit_status(pid), 7);
    ck_assert_int_eq(write(pipe_fds[1], "x", 1), 1);
    ck_assert_int_eq(raise(SIGHUP), 0);
    (void)event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    (void)event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    ck_assert_int_eq(reads, 1);
    ck_assert_int_eq(signals, 1);
    event_free(readable);
    event_free(hangup);
    event_base_free(base);
    (void)close(control);
}
END_TEST

/* A signal that comes before the child has handlers must wait, and must not reach the master. */
static int main_waits_for_term(const struct process_seat *seat)
{
    sigset_t pending;
    (void)raise(SIGTERM);
    if (sigpending(&pending) < 0 || sigismember(&pending, SIGTERM) != 1)
        _exit(1);
    struct sigaction action;
    if (sigaction(SIGTERM, NULL, &action) < 0 || action.sa_handler != SIG_DFL)
        _exit(2);
    say(seat, CONTROL_READY);
    (void)sigprocmask(SIG_SETMASK, &seat->signals, NULL);
    _exit(3);
}

START_TEST(signals_wait_until_the_child_lets_them_in)
{
    int signals = 0;
    (void)signal(SIGTERM, SIG_DFL); /* Check has a handler of its own */
    struct event_base *base = event_base_new();
    struct event *terminate = evsignal_new(base, SIGTERM, signal_cb, &signals);
    ck_assert_int_eq(event_add(terminate, NULL), 0);
    pid_t pid;
    int control;
    struct process_seat seat = {.kind = PROCESS_WORKER};
    ck_assert_int_eq(spawn_process(base, seat, main_waits_for_term, &pid, &control), 0);
    ck_assert_int_eq(exit_status(pid), 1000 + SIGTERM);
    (void)event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    ck_assert_int_eq(signals, 0);
    sigset_t mask;
    (void)sigprocmask(SIG_SETMASK, NULL, &mask);
    ck_assert_int_eq(sigismember(&mask, SIGTERM), 0);
    event_free(terminate);
    event_base_free(base);
    (void)close(control);
}
END_TEST

static int main_closes(const struct process_seat *seat)
{
    const int *kept = seat->arg;
    int keep[] = {kept[1], seat->control_fd, kept[0], -1, kept[0]};
    spawn_close_others(keep, sizeof keep / sizeof keep[0]);
    for (int fd = 0; fd < 1024; fd++) {
        bool is_open = fcntl(fd, F_GETFD) != -1;
        bool is_wanted = fd == kept[0] || fd == kept[1] || fd == seat->control_fd;
        if (fd <= STDERR_FILENO ? !is_open : is_open != is_wanted)
            _exit(fd > 200 ? 200 : fd + 1);
    }
    _exit(0);
}

START_TEST(closes_everything_but_what_is_kept)
{
    int kept[2];
    int others[20];
    struct event_base *base = event_base_new();
    for (size_t i = 0; i < 20; i++)
        others[i] = dup(STDERR_FILENO);
    kept[0] = others[4];
    kept[1] = dup2(STDERR_FILENO, 500);
    pid_t pid;
    int control;
    struct process_seat seat = {.kind = PROCESS_WORKER, .arg = kept};
    ck_assert_int_eq(spawn_process(base, seat, main_closes, &pid, &control), 0);
    ck_assert_int_eq(exit_status(pid), 0);
    for (size_t i = 0; i < 20; i++)
        ck_assert_int_ne(fcntl(others[i], F_GETFD), -1);
    event_base_free(base);
    (void)close(control);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("spawn");
    TCase *tcase = tcase_create("spawn");
    tcase_add_test(tcase, a_child_that_ends_leaves_the_masters_registrations_alone);
    tcase_add_test(tcase, signals_wait_until_the_child_lets_them_in);
    tcase_add_test(tcase, closes_everything_but_what_is_kept);
    suite_add_tcase(suite, tcase);
    return suite;
}

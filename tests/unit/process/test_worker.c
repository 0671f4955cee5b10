/* A real worker process around an engine that only notes what it is told.
 *
 * SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/engine.h"
#include "process/worker.h"
#include "unit/unit.h"

#define WAIT_MS 60000

struct board {        /* shared with the worker */
    bool is_stubborn; /* never drains */
    bool is_broken;   /* engine_new() fails */
    _Atomic int accepts;
    _Atomic int drains;
    _Atomic int frees;
    _Atomic int log_changes;
    _Atomic int crl_changes;
    _Atomic uint64_t grace_ms;
    _Atomic uint64_t deadline_ms;
    _Atomic int own_listener;    /* 1 when this slot's socket is open, else -1 */
    _Atomic int others_listener; /* the same of the other slot's */
    _Atomic int uid;
};
static struct board *board;

static int listen_fds[2]; /* one binding, two slots */

struct engine {
    struct event *drained;
    engine_drained_cb callback;
    void *arg;
};

static void on_drained(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct engine *engine = arg;
    engine->callback(engine->arg);
}

/* The numbers of closed descriptors are used again, so their being open says nothing. */
static int is_null_device(int fd)
{
    struct stat wanted;
    struct stat status;
    ck_assert_int_eq(stat("/dev/null", &wanted), 0);
    return fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == wanted.st_rdev
               ? 1
               : -1;
}

struct engine *engine_new(const struct engine_options *options)
{
    if (board->is_broken)
        return NULL;
    board->own_listener = is_null_device(options->listen_fds[0]);
    board->others_listener = is_null_device(listen_fds[1 - options->slot]);
    board->uid = (int)geteuid();
    struct engine *engine = calloc(1, sizeof *engine);
    ck_assert_ptr_nonnull(engine);
    engine->drained = event_new(options->base, -1, 0, on_drained, engine);
    return engine;
}

void engine_accept(struct engine *engine)
{
    (void)engine;
    board->accepts++;
}

void engine_drain(struct engine *engine, uint64_t grace_ms, uint64_t deadline_ms,
                  engine_drained_cb callback, void *arg)
{
    board->drains++;
    board->grace_ms = grace_ms;
    board->deadline_ms = deadline_ms;
    engine->callback = callback;
    engine->arg = arg;
    if (!board->is_stubborn)
        event_active(engine->drained, EV_TIMEOUT, 0);
}

void engine_set_access_log(struct engine *engine, int fd)
{
    (void)engine;
    board->log_changes += write(fd, "x", 1) == 1;
}

/* Site 7 is none, as in an engine that was told nonsense. */
bool engine_set_crls(struct engine *engine, size_t site, int fd, const char **ret_problem)
{
    (void)engine;
    *ret_problem = "no such site";
    if (site == 7)
        return false;
    board->crl_changes += write(fd, "c", 1) == 1;
    return true;
}

void engine_free(struct engine *engine)
{
    board->frees++;
    event_free(engine->drained);
    free(engine);
}

/* ---- the master's side ---- */

static pid_t worker_pid;
static int control_fd;
static struct config config = {.timeouts = {.stop = 7777}};
static struct snapshot snapshot = {.config = &config};
static struct addr addrs[1];
static bool is_lent[1];
static struct listener_set listeners = {
    .count = 1, .slots = 2, .fds = listen_fds, .addrs = addrs, .is_lent = is_lent};
static struct logs logs;
static struct privileges privileges;
static struct worker_context context = {
    .snapshot = &snapshot, .listeners = &listeners, .logs = &logs, .privileges = &privileges};

static void prepare_board(void)
{
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(board != MAP_FAILED);
    config.log.error_level = LOG_LEVEL_ERROR;
    for (size_t i = 0; i < 2; i++)
        listen_fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    logs = (struct logs){.error_fd = open("/dev/null", O_WRONLY | O_CLOEXEC),
                         .access_fd = open("/dev/null", O_WRONLY | O_CLOEXEC),
                         .config = &config};
}

static void start_worker(unsigned slot)
{
    struct event_base *base = event_base_new();
    struct process_seat seat = {
        .kind = PROCESS_WORKER, .slot = slot, .generation = 1, .arg = &context};
    ck_assert_int_eq(spawn_process(base, seat, worker_main, &worker_pid, &control_fd), 0);
    event_base_free(base);
}

static void expect_message(enum control_kind kind)
{
    struct pollfd waiting = {.fd = control_fd, .events = POLLIN};
    struct control_message message;
    ck_assert_int_eq(poll(&waiting, 1, WAIT_MS), 1);
    ck_assert_int_eq(control_receive(control_fd, &message), 1);
    ck_assert_int_eq(message.kind, kind);
    ck_assert_int_eq(message.process, PROCESS_WORKER);
}

static void tell(struct control_message message)
{
    message.process = PROCESS_WORKER;
    ck_assert_int_eq(control_send(control_fd, &message), 0);
}

static void expect_exit(int code)
{
    int status;
    ck_assert_int_eq(waitpid(worker_pid, &status, 0), worker_pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == code, "status %x", (unsigned)status);
}

static void start_accepting_worker(unsigned slot)
{
    start_worker(slot);
    expect_message(CONTROL_READY);
    ck_assert_int_eq(board->accepts, 0);
    tell((struct control_message){.kind = CONTROL_ACCEPT, .fd = -1});
}

START_TEST(accepts_only_when_told_and_keeps_only_its_own_sockets)
{
    prepare_board();
    start_accepting_worker(1);
    tell((struct control_message){
        .kind = CONTROL_DRAIN, .grace_ms = 11, .deadline_ms = 2222, .fd = -1});
    expect_message(CONTROL_DRAINING);
    expect_message(CONTROL_DRAINED);
    expect_exit(EXIT_SUCCESS);
    ck_assert_int_eq(board->accepts, 1);
    ck_assert_int_eq(board->own_listener, 1);
    ck_assert_int_eq(board->others_listener, -1);
    ck_assert_uint_eq(board->grace_ms, 11);
    ck_assert_uint_eq(board->deadline_ms, 2222);
    ck_assert_int_eq(board->frees, 1);
}
END_TEST

START_TEST(a_term_of_its_own_drains_it_with_the_stop_timeout)
{
    prepare_board();
    start_accepting_worker(0);
    ck_assert_int_eq(kill(worker_pid, SIGTERM), 0);
    expect_message(CONTROL_DRAINING);
    expect_message(CONTROL_DRAINED);
    expect_exit(EXIT_SUCCESS);
    ck_assert_uint_eq(board->grace_ms, 0);
    ck_assert_uint_eq(board->deadline_ms, 7777);
}
END_TEST

START_TEST(signals_for_the_master_do_not_touch_it)
{
    static const int SIGNALS[] = {SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE};
    prepare_board();
    start_accepting_worker(0);
    for (size_t i = 0; i < sizeof SIGNALS / sizeof SIGNALS[0]; i++)
        ck_assert_int_eq(kill(worker_pid, SIGNALS[i]), 0);
    tell((struct control_message){.kind = CONTROL_STOP, .fd = -1});
    expect_exit(EXIT_SUCCESS);
    ck_assert_int_eq(board->drains, 0);
    ck_assert_int_eq(board->frees, 1);
}
END_TEST

START_TEST(drains_and_ends_when_the_master_is_gone)
{
    prepare_board();
    start_accepting_worker(0);
    (void)close(control_fd);
    expect_exit(EXIT_SUCCESS);
    ck_assert_int_eq(board->drains, 1);
    ck_assert_uint_eq(board->deadline_ms, 7777);
}
END_TEST

START_TEST(a_stop_after_a_drain_is_the_shorter_deadline)
{
    prepare_board();
    board->is_stubborn = true;
    start_accepting_worker(0);
    tell((struct control_message){
        .kind = CONTROL_DRAIN, .grace_ms = 5000, .deadline_ms = UINT64_MAX, .fd = -1});
    expect_message(CONTROL_DRAINING);
    uint64_t start_ms = clock_monotonic_ms();
    tell((struct control_message){.kind = CONTROL_DRAIN, .deadline_ms = 20, .fd = -1});
    tell((struct control_message){.kind = CONTROL_DRAIN, .deadline_ms = 600000, .fd = -1});
    expect_exit(EXIT_SUCCESS);
    ck_assert_uint_lt(clock_monotonic_ms() - start_ms, WAIT_MS);
    ck_assert_int_eq(board->drains, 1);
    ck_assert_int_eq(board->frees, 1);
}
END_TEST

START_TEST(writes_to_the_log_it_is_handed)
{
    int fds[2];
    char byte = 0;
    prepare_board();
    start_accepting_worker(0);
    ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
    tell((struct control_message){.kind = CONTROL_LOG, .log = CONTROL_LOG_ACCESS, .fd = fds[1]});
    ck_assert_int_eq(read(fds[0], &byte, 1), 1);
    ck_assert_int_eq(byte, 'x');
    tell((struct control_message){.kind = CONTROL_LOG, .log = CONTROL_LOG_ERROR, .fd = fds[1]});
    tell((struct control_message){.kind = CONTROL_STOP, .fd = -1});
    expect_exit(EXIT_SUCCESS);
    ck_assert_int_eq(board->log_changes, 1);
}
END_TEST

START_TEST(takes_crls_and_closes_what_they_came_in)
{
    int fds[2];
    char byte = 0;
    prepare_board();
    start_accepting_worker(0);
    ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
    tell((struct control_message){.kind = CONTROL_CRLS, .site = 3, .fd = fds[1]});
    (void)close(fds[1]);
    ck_assert_int_eq(read(fds[0], &byte, 1), 1);
    ck_assert_int_eq(byte, 'c');
    ck_assert_int_eq(read(fds[0], &byte, 1), 0);
    tell((struct control_message){.kind = CONTROL_STOP, .fd = -1});
    expect_exit(EXIT_SUCCESS);
    ck_assert_int_eq(board->crl_changes, 1);
}
END_TEST

/* Going on with CRLs that were replaced would let a revoked client in. */
START_TEST(ends_when_it_cannot_use_the_crls)
{
    prepare_board();
    start_accepting_worker(0);
    tell((struct control_message){.kind = CONTROL_CRLS, .site = 7, .fd = STDERR_FILENO});
    expect_exit(EXIT_FAILURE);
    ck_assert_int_eq(board->frees, 1);
}
END_TEST

START_TEST(says_nothing_when_it_cannot_start)
{
    struct control_message message;
    prepare_board();
    board->is_broken = true;
    start_worker(0);
    expect_exit(EXIT_FAILURE);
    ck_assert_int_eq(control_receive(control_fd, &message), 0);
}
END_TEST

START_TEST(has_given_root_up_before_the_engine_exists)
{
    if (geteuid() != 0)
        return; /* only root has something to give up */
    char nobody[] = "nobody";
    struct config_value user = {.text = nobody};
    struct error_list errors = {0};
    prepare_board();
    ck_assert(privileges_lookup(&user, true, &privileges, &errors));
    start_accepting_worker(0);
    tell((struct control_message){.kind = CONTROL_STOP, .fd = -1});
    expect_exit(EXIT_SUCCESS);
    ck_assert_int_eq(board->uid, (int)privileges.uid);
    privileges_clear(&privileges);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("worker");
    TCase *tcase = tcase_create("worker");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, accepts_only_when_told_and_keeps_only_its_own_sockets);
    tcase_add_test(tcase, a_term_of_its_own_drains_it_with_the_stop_timeout);
    tcase_add_test(tcase, signals_for_the_master_do_not_touch_it);
    tcase_add_test(tcase, drains_and_ends_when_the_master_is_gone);
    tcase_add_test(tcase, a_stop_after_a_drain_is_the_shorter_deadline);
    tcase_add_test(tcase, writes_to_the_log_it_is_handed);
    tcase_add_test(tcase, says_nothing_when_it_cannot_start);
    tcase_add_test(tcase, takes_crls_and_closes_what_they_came_in);
    tcase_add_test(tcase, ends_when_it_cannot_use_the_crls);
    tcase_add_test(tcase, has_given_root_up_before_the_engine_exists);
    suite_add_tcase(suite, tcase);
    return suite;
}

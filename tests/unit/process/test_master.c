/* The master with parts of our own: no configuration file, no network, workers that only obey.
 * It runs in a child process; what it says on stderr comes through a pipe.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "engine/snapshot_load.h"
#include "process/master.h"
#include "process/release.h"
#include "unit/unit.h"

#define WAIT_MS 60000

struct scenario { /* shared with the master and its workers; the next load reads it */
    _Atomic unsigned workers;
    _Atomic unsigned port;     /* of a second binding; 0: none, 666: cannot be bound */
    _Atomic int errors;        /* in the configuration */
    _Atomic bool is_dying;     /* workers of this configuration exit at once */
    _Atomic bool is_deaf;      /* they ignore drain and stop */
    _Atomic bool is_policy;    /* the trust policy of the site */
    _Atomic uint64_t grace_ms; /* what the last drain said */
    _Atomic int drains;
    _Atomic int pids[4]; /* the newest worker of each slot */
};

static struct scenario *scenario;

static struct config *fake_config_load(const char *file, struct error_list *errors)
{
    for (int i = 0; i < scenario->errors; i++)
        errors_add(errors, (struct mark){file, (unsigned)i + 1, 5}, "wrong thing %d", i);
    if (errors->errors > 0)
        return NULL;
    struct config *config = xcalloc(1, sizeof *config);
    config->workers = scenario->workers;
    config->log.error_path.text = xstrdup("stderr");
    config->log.error_level = LOG_LEVEL_INFO;
    config->timeouts.stop = 60000;
    config->timeouts.reload_drain = 60000;
    config->timeouts.reload_grace = 4321;
    config->sites = xcalloc(1, sizeof *config->sites);
    config->sites[0].name = xstrdup("default");
    return config;
}

static void fake_config_free(struct config *config)
{
    free(config->log.error_path.text);
    free(config->sites[0].name);
    free(config->sites);
    free(config);
}

static struct addr loopback(unsigned port)
{
    struct addr addr = {.len = sizeof(struct sockaddr_in)};
    struct sockaddr_in *in = (void *)&addr.storage;
    in->sin_family = AF_INET;
    in->sin_port = htons((uint16_t)port);
    in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return addr;
}

static struct snapshot *fake_snapshot_new(struct config *config, struct tls_ticket_keys *keys,
                                          struct error_list *errors)
{
    (void)errors;
    ck_assert_ptr_nonnull(keys);
    struct snapshot *snapshot = xcalloc(1, sizeof *snapshot);
    snapshot->config = config;
    snapshot->bindings = xcalloc(2, sizeof *snapshot->bindings);
    snapshot->binding_count = scenario->port == 0 ? 1 : 2;
    snapshot->bindings[0] =
        (struct snapshot_binding){.addr = loopback(0), .is_https = true, .url = "https://first"};
    snapshot->bindings[1] =
        (struct snapshot_binding){.addr = loopback(scenario->port), .url = "http://second"};
    snapshot->sites = xcalloc(1, sizeof *snapshot->sites);
    snapshot->site_count = 1;
    snapshot->sites[0].config = &config->sites[0];
    snapshot->sites[0].policy[0] = scenario->is_policy;
    return snapshot;
}

static void fake_snapshot_free(struct snapshot *snapshot)
{
    fake_config_free(snapshot->config);
    free(snapshot->bindings);
    free(snapshot->sites);
    free(snapshot);
}

static int fake_listener_open(struct addr *addr, unsigned slots, int *ret_fds)
{
    if (addr_port(addr) == 666)
        return -EADDRINUSE;
    if (addr_port(addr) == 0)
        *addr = loopback(41234);
    for (unsigned i = 0; i < slots; i++)
        ret_fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return 0;
}

static void say(const struct process_seat *seat, enum control_kind kind)
{
    struct control_message message = {
        .kind = kind, .process = seat->kind, .slot = seat->slot, .fd = -1};
    if (control_send(seat->control_fd, &message) < 0)
        _exit(98);
}

static int fake_worker(const struct process_seat *seat)
{
    bool is_deaf = scenario->is_deaf;
    scenario->pids[seat->slot] = (int)getpid();
    if (scenario->is_dying)
        _exit(9);
    (void)signal(SIGTERM, SIG_IGN);
    (void)sigprocmask(SIG_SETMASK, &seat->signals, NULL);
    say(seat, CONTROL_READY);
    for (;;) {
        struct pollfd waiting = {.fd = seat->control_fd, .events = POLLIN};
        struct control_message message;
        (void)poll(&waiting, 1, -1);
        if (control_receive(seat->control_fd, &message) != 1)
            _exit(0);
        if (message.kind == CONTROL_DRAIN) {
            scenario->grace_ms = message.grace_ms;
            scenario->drains++;
        }
        if (!is_deaf && (message.kind == CONTROL_DRAIN || message.kind == CONTROL_STOP)) {
            say(seat, CONTROL_DRAINING);
            say(seat, CONTROL_DRAINED);
            _exit(0);
        }
    }
}

static const struct master_parts PARTS = {
    .config_load = fake_config_load,
    .config_free = fake_config_free,
    .snapshot_new = fake_snapshot_new,
    .snapshot_free = fake_snapshot_free,
    .listener_open = fake_listener_open,
    .worker_main = fake_worker,
};

/* ---- the master under test ---- */

static pid_t master_pid;
static int master_stderr;
static char said[65536]; /* everything so far */
static size_t said_len;
static size_t heard; /* how much of it was waited for */

static void prepare_scenario(void)
{
    scenario =
        mmap(NULL, sizeof *scenario, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    scenario->workers = 2;
}

static void start_master(void)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    master_pid = fork();
    if (master_pid == 0) {
        (void)dup2(fds[1], STDERR_FILENO);
        (void)close(fds[0]);
        (void)close(fds[1]);
        _exit(master_run_with("proxy.yaml", &PARTS));
    }
    (void)close(fds[1]);
    master_stderr = fds[0];
}

static void tell(int signal)
{
    ck_assert_int_eq(kill(master_pid, signal), 0);
}

/* Sends the signal, 0 for none, until the text was said after what was waited for last. */
static void tell_until(int signal, const char *text)
{
    uint64_t end_ms = clock_monotonic_ms() + WAIT_MS;
    const char *found;
    while ((found = strstr(said + heard, text)) == NULL) {
        struct pollfd waiting = {.fd = master_stderr, .events = POLLIN};
        if (poll(&waiting, 1, 100) == 0 && signal != 0)
            tell(signal);
        ssize_t len = 0;
        if ((waiting.revents & (POLLIN | POLLHUP)) != 0)
            len = read(master_stderr, said + said_len, sizeof said - 1 - said_len);
        said_len += len > 0 ? (size_t)len : 0;
        said[said_len] = '\0';
        ck_assert_msg(clock_monotonic_ms() < end_ms &&
                          ((waiting.revents & POLLHUP) == 0 || len > 0),
                      "never said \"%s\":\n%s", text, said + heard);
    }
    heard = (size_t)(found - said) + strlen(text);
}

static void hear(const char *text)
{
    tell_until(0, text);
}

static void expect_exit(int code)
{
    int status;
    ck_assert_int_eq(waitpid(master_pid, &status, 0), master_pid);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), code);
}

START_TEST(says_where_it_serves_and_stops_when_told)
{
    prepare_scenario();
    scenario->port = 8080;
    start_master();
    hear(
        "notice master.ready bindings=\"https://127.0.0.1:41234,http://127.0.0.1:8080\" workers=2");
    tell(SIGTERM);
    hear("notice master.stopped exit=0");
    expect_exit(MASTER_OK);
    ck_assert_int_eq(scenario->drains, 2);
    ck_assert_uint_eq(scenario->grace_ms, 0);
}
END_TEST

START_TEST(prints_every_error_of_the_first_configuration)
{
    prepare_scenario();
    scenario->errors = 2;
    start_master();
    hear("proxy.yaml:1:5: error: wrong thing 0\nproxy.yaml:2:5: error: wrong thing 1\n");
    expect_exit(MASTER_FAILED);
}
END_TEST

START_TEST(exits_with_3_when_an_address_is_taken)
{
    prepare_scenario();
    scenario->port = 666;
    start_master();
    hear("error master.bind binding=http://second error=EADDRINUSE");
    expect_exit(MASTER_CANNOT_BIND);
}
END_TEST

START_TEST(exits_with_1_when_no_worker_starts)
{
    prepare_scenario();
    scenario->is_dying = true;
    start_master();
    hear("error generation.failed generation=1");
    expect_exit(MASTER_FAILED);
}
END_TEST

START_TEST(reloads_and_drains_the_old_generation)
{
    prepare_scenario();
    start_master();
    hear("master.ready");
    scenario->port = 8080;
    tell(SIGHUP);
    hear("notice master.reloaded generation=2 "
         "bindings=\"https://127.0.0.1:41234,http://127.0.0.1:8080\" workers=2");
    hear("generation.ended generation=1");
    ck_assert_uint_eq(scenario->grace_ms, 4321);
    tell(SIGINT);
    expect_exit(MASTER_OK);
}
END_TEST

START_TEST(gives_no_grace_when_a_trust_policy_changed)
{
    prepare_scenario();
    start_master();
    hear("master.ready");
    scenario->is_policy = true;
    scenario->grace_ms = 1;
    tell(SIGHUP);
    hear("generation.ended generation=1");
    ck_assert_uint_eq(scenario->grace_ms, ENGINE_DRAIN_STALE);
    tell(SIGTERM);
    expect_exit(MASTER_OK);
}
END_TEST

START_TEST(keeps_the_old_configuration_on_any_error)
{
    prepare_scenario();
    start_master();
    hear("master.ready");
    scenario->errors = 3;
    tell(SIGHUP);
    hear("error reload.error proxy.yaml:1:5: error: wrong thing 0");
    hear("error reload.error proxy.yaml:3:5: error: wrong thing 2");
    hear("notice reload.failed reason=configuration errors=3 generation=1");
    scenario->errors = 0;
    scenario->port = 666;
    tell(SIGHUP);
    hear("error reload.error binding=http://second error=EADDRINUSE");
    hear("notice reload.failed reason=bind");
    scenario->port = 0;
    scenario->workers = 3;
    tell(SIGHUP);
    hear("workers: a change from 2 to 3 needs a restart");
    hear("notice reload.failed reason=configuration");
    scenario->workers = 2;
    scenario->is_dying = true;
    tell(SIGHUP);
    hear("notice reload.failed reason=workers errors=1 generation=1");
    scenario->is_dying = false;
    ck_assert_int_eq(scenario->drains, 0);
    tell(SIGHUP);
    hear("master.reloaded");
    tell(SIGQUIT);
    expect_exit(MASTER_OK);
}
END_TEST

START_TEST(replaces_a_worker_that_died)
{
    prepare_scenario();
    start_master();
    hear("master.ready");
    int before = scenario->pids[0];
    ck_assert_int_eq(kill(before, SIGKILL), 0);
    hear("error worker.died slot=0");
    hear("signal=KILL restart_ms=100");
    hear("notice worker.started slot=0");
    tell(SIGTERM);
    hear("master.stopped exit=0");
    expect_exit(MASTER_OK);
    ck_assert_int_ne(scenario->pids[0], before);
}
END_TEST

/* At most four old generations drain at a time; what is asked meanwhile is one reload later. */
START_TEST(holds_reloads_back_while_four_generations_drain)
{
    prepare_scenario();
    scenario->is_deaf = true;
    start_master();
    hear("master.ready");
    for (int i = 0; i < 4; i++) {
        tell(SIGHUP);
        hear("master.reloaded");
    }
    for (int i = 0; i < 5; i++)
        tell(SIGHUP);
    hear("notice reload.held draining=4");
    tell(SIGTERM);
    tell_until(SIGINT, "how=now");
    hear("master.stopped");
    ck_assert_ptr_null(strstr(said, "generation=6"));
    expect_exit(MASTER_OK);
}
END_TEST

START_TEST(a_second_signal_stops_now_and_leaves_nobody_behind)
{
    prepare_scenario();
    scenario->is_deaf = true;
    start_master();
    hear("master.ready");
    tell(SIGTERM);
    hear("notice master.stopping signal=TERM how=drain");
    tell_until(SIGTERM, "how=now");
    hear("worker.killed slot=");
    hear("master.stopped exit=0");
    expect_exit(MASTER_OK);
    for (size_t i = 0; i < 2; i++)
        ck_assert(kill(scenario->pids[i], 0) == -1 && errno == ESRCH);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("master");
    TCase *tcase = tcase_create("master");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, says_where_it_serves_and_stops_when_told);
    tcase_add_test(tcase, prints_every_error_of_the_first_configuration);
    tcase_add_test(tcase, exits_with_3_when_an_address_is_taken);
    tcase_add_test(tcase, exits_with_1_when_no_worker_starts);
    tcase_add_test(tcase, reloads_and_drains_the_old_generation);
    tcase_add_test(tcase, gives_no_grace_when_a_trust_policy_changed);
    tcase_add_test(tcase, keeps_the_old_configuration_on_any_error);
    tcase_add_test(tcase, replaces_a_worker_that_died);
    tcase_add_test(tcase, holds_reloads_back_while_four_generations_drain);
    tcase_add_test(tcase, a_second_signal_stops_now_and_leaves_nobody_behind);
    suite_add_tcase(suite, tcase);
    return suite;
}

/* SPDX-License-Identifier: MIT */
#include "process/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "process/master_private.h"
#include "process/notify.h"
#include "process/pid_file.h"

#define READY_TIMEOUT_S  60
#define EXIT_CANNOT_EXEC 127

struct announcement { /* of the successor; both programs are on one machine */
    bool has_policy;
    unsigned char policy[SNAPSHOT_POLICY_SIZE];
};

static void fail(struct master *master, const char *reason)
{
    log_error("upgrade.failed", "pid=%d reason=\"%s\"", (int)master->upgrade.pid, reason);
    upgrade_clear(master);
    /* The successor may have put its number there. */
    if (master->pid_file != NULL && pid_file_write(master->pid_file) < 0)
        log_warn("master.pid_file", "file=\"%s\"", master->pid_file);
    master_wake(master);
}

/* ---- the child, until it is another program ---- */

/* Descriptors 3 and up become `fds`, then `control`; all are copied away first, since they may be
 * in each other's place. */
static bool arrange(int *fds, size_t count, int *control)
{
    int above = INHERITED_FIRST_FD + (int)count + 1;
    for (size_t i = 0; i < count; i++) {
        if ((fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, above)) < 0)
            return false;
    }
    if ((*control = fcntl(*control, F_DUPFD_CLOEXEC, above)) < 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (dup2(fds[i], INHERITED_FIRST_FD + (int)i) < 0)
            return false;
    }
    *control = dup2(*control, above - 1);
    return *control >= 0;
}

static bool set_number(const char *name, unsigned long value)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%lu", value);
    return setenv(name, text, 1) == 0;
}

static _Noreturn void become(const struct master *master, int control)
{
    int *fds;
    size_t own;
    size_t count = listeners_list(master->listeners, &fds, &own);
    char predecessor[64];
    sigset_t none;
    (void)sigemptyset(&none);
    bool is_good = arrange(fds, count, &control);
    (void)snprintf(predecessor, sizeof predecessor, "%d:%u:%zu", control, master->slots, own);
    is_good =
        is_good && set_number("LISTEN_FDS", count) &&
        set_number("LISTEN_PID", (unsigned long)getpid()) &&
        setenv(INHERITED_VARIABLE, predecessor, 1) == 0 &&
        (getenv("WATCHDOG_PID") == NULL || set_number("WATCHDOG_PID", (unsigned long)getpid()));
    /* A handler of the event loop would tell the master of what is meant for us. */
    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (is_good)
        (void)execv(master->parts->program, master->parts->arguments);
    _exit(EXIT_CANNOT_EXEC);
}

/* ---- the predecessor ---- */

/* It serves. We are done, but for the requests that are under way. */
static void hand_over(struct master *master, const struct announcement *announcement)
{
    unsigned char policy[SNAPSHOT_POLICY_SIZE];
    const struct snapshot *snapshot = master->active->snapshot;
    const struct config_timeouts *timeouts = &snapshot->config->timeouts;
    bool is_same = snapshot_policy(snapshot, policy) && announcement->has_policy &&
                   memcmp(policy, announcement->policy, sizeof policy) == 0;
    char message[64];
    (void)snprintf(message, sizeof message, "MAINPID=%d\nREADY=1", (int)master->upgrade.pid);
    (void)notify_send(message);
    if (master->watchdog != NULL)
        (void)event_del(master->watchdog);
    log_notice("upgrade.done", "pid=%d policy=%s", (int)master->upgrade.pid,
               is_same ? "same" : "changed");
    listeners_hand_over(master->listeners);
    free(master->pid_file);
    master->pid_file = NULL;
    for (struct release *release = master->releases; release != NULL; release = release->next)
        generation_drain(release->generation, is_same ? timeouts->reload_grace : ENGINE_DRAIN_STALE,
                         timeouts->reload_drain);
    master->stop = STOP_DRAIN;
    upgrade_clear(master);
    master_wake(master);
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
    struct master *master = arg;
    struct announcement announcement;
    if ((what & EV_TIMEOUT) != 0) {
        (void)kill(master->upgrade.pid, SIGKILL);
        fail(master, "it did not get ready in time");
        return;
    }
    ssize_t len = recv(fd, &announcement, sizeof announcement, MSG_DONTWAIT);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (len != (ssize_t)sizeof announcement) {
        /* It is ending: upgrade_reaped() has the last word. */
        (void)event_del(master->upgrade.answer);
        (void)kill(master->upgrade.pid, SIGKILL);
    } else if (master->stop == STOP_NONE) {
        hand_over(master, &announcement);
    }
}

static int start(struct master *master)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        become(master, fds[1]);
    int error = pid < 0 ? -errno : 0;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    (void)close(fds[1]);
    if (error < 0) {
        (void)close(fds[0]);
        return error;
    }
    struct timeval patience = {.tv_sec = READY_TIMEOUT_S};
    master->upgrade = (struct upgrade){.pid = pid, .fd = fds[0]};
    master->upgrade.answer =
        event_new(master->base, fds[0], EV_READ | EV_PERSIST, on_answer, master);
    if (master->upgrade.answer == NULL || event_add(master->upgrade.answer, &patience) < 0) {
        (void)kill(pid, SIGKILL);
        return -ENOMEM;
    }
    return 0;
}

void upgrade_begin(struct master *master)
{
    master->is_upgrade_wanted = false;
    int error = master->parts->program == NULL ? -ENOENT : start(master);
    if (error < 0)
        fail(master, strerrordesc_np(-error));
    else
        log_notice("upgrade.started", "pid=%d program=\"%s\"", (int)master->upgrade.pid,
                   master->parts->program);
}

bool upgrade_is_pending(const struct master *master)
{
    return master->upgrade.pid != 0;
}

void upgrade_cancel(const struct master *master)
{
    if (upgrade_is_pending(master))
        (void)kill(master->upgrade.pid, SIGTERM);
}

bool upgrade_reaped(struct master *master, pid_t pid, int status)
{
    if (!upgrade_is_pending(master) || pid != master->upgrade.pid)
        return false;
    bool is_missing = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_CANNOT_EXEC;
    fail(master, is_missing ? "the program cannot be started"
                            : "it ended before it was ready; its own messages say why");
    return true;
}

void upgrade_clear(struct master *master)
{
    if (master->upgrade.answer != NULL)
        event_free(master->upgrade.answer);
    if (master->upgrade.fd > 0)
        (void)close(master->upgrade.fd);
    master->upgrade = (struct upgrade){0};
}

/* ---- the successor ---- */

bool upgrade_announce(struct master *master)
{
    struct announcement announcement = {0};
    int fd = master->inherited.control_fd;
    if (fd < 0)
        return false;
    announcement.has_policy = snapshot_policy(master->active->snapshot, announcement.policy);
    /* A predecessor that is gone needs no word. */
    (void)!send(fd, &announcement, sizeof announcement, MSG_NOSIGNAL);
    (void)close(fd);
    master->inherited.control_fd = -1;
    listeners_take_over(master->listeners);
    inherited_drop_own(&master->inherited);
    return true;
}

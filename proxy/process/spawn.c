/* SPDX-License-Identifier: MIT */
#include "process/spawn.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static NORETURN void run_child(struct event_base *base, const struct process_seat *seat,
                               process_main_fn main)
{
    /* The epoll descriptor is shared with the master: freeing the base as it is would remove the
     * master's registrations. After event_reinit() the base has an epoll of its own. */
    if (event_reinit(base) < 0)
        _exit(EXIT_FAILURE);
    event_base_free(base);
    exit(main(seat));
}

int spawn_process(struct event_base *base, struct process_seat seat, process_main_fn main,
                  pid_t *ret_pid, int *ret_control_fd)
{
    int fds[2];
    int error = control_pair(fds);
    if (error < 0)
        return error;
    sigset_t all;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &seat.signals);
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(fds[0]);
        seat.control_fd = fds[1];
        run_child(base, &seat, main);
    }
    error = pid < 0 ? -errno : 0;
    (void)pthread_sigmask(SIG_SETMASK, &seat.signals, NULL);
    (void)close(fds[1]);
    if (error < 0) {
        (void)close(fds[0]);
        return error;
    }
    *ret_pid = pid;
    *ret_control_fd = fds[0];
    return 0;
}

static int compare_fds(const void *a, const void *b)
{
    int left = *(const int *)a;
    int right = *(const int *)b;
    return (left > right) - (left < right);
}

static void close_span(int first, int last)
{
    if (first > last)
        return;
    if (close_range((unsigned)first, (unsigned)last, 0) == 0)
        return;
    /* Linux before 5.9, or a sandbox that does not know the call. */
    struct rlimit limit = {.rlim_cur = 1024};
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    int end = limit.rlim_cur > (1U << 20) ? 1 << 20 : (int)limit.rlim_cur;
    for (int fd = first; fd <= last && fd < end; fd++)
        (void)close(fd);
}

void spawn_close_others(int *keep, size_t count)
{
    qsort(keep, count, sizeof *keep, compare_fds);
    int next = STDERR_FILENO + 1;
    for (size_t i = 0; i < count; i++) {
        if (keep[i] < next)
            continue;
        close_span(next, keep[i] - 1);
        next = keep[i] + 1;
    }
    close_span(next, INT32_MAX);
}

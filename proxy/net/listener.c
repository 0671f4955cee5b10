/* SPDX-License-Identifier: MIT */
#include "net/listener.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event_struct.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define BACKLOG           4096
#define ACCEPTS_PER_TURN  64
#define PAUSE_MS          100
#define COMPLAIN_EVERY_MS 60000

struct listener {
    struct event accept_event;
    struct event resume_event;
    listener_cb callback;
    listener_room_cb room; /* may be NULL */
    void *arg;
    int fd; /* borrowed */
    bool is_accepting;
    bool is_pausing; /* out of descriptors; resume_event is armed */
    bool has_complained;
    uint64_t complained_ms; /* clock_monotonic_ms */
};

static int set_option(int fd, int level, int name)
{
    int on = 1;
    return setsockopt(fd, level, name, &on, sizeof on) < 0 ? -errno : 0;
}

/* A bound socket, not yet listening. */
static int open_bound(const struct addr *addr, bool reuse_port, int *ret_fd)
{
    int fd = socket(addr->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    /* After a restart connections of the last run may still be in TIME_WAIT. */
    int status = set_option(fd, SOL_SOCKET, SO_REUSEADDR);
    if (status == 0 && reuse_port)
        status = set_option(fd, SOL_SOCKET, SO_REUSEPORT);
    if (status == 0 && addr->storage.ss_family == AF_INET6)
        status = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    const struct sockaddr *local = (const void *)&addr->storage;
    if (status == 0 && bind(fd, local, addr->len) < 0)
        status = -errno;
    if (status != 0) {
        (void)close(fd);
        return status;
    }
    *ret_fd = fd;
    return 0;
}

/* EADDRINUSE when anybody listens there, with SO_REUSEPORT or without. */
static int probe(const struct addr *addr)
{
    int fd = -1;
    int status = open_bound(addr, false, &fd);
    if (status == 0)
        (void)close(fd);
    return status;
}

static int open_slot(struct addr *addr, int *ret_fd)
{
    int fd = -1;
    int status = open_bound(addr, true, &fd);
    if (status != 0)
        return status;
    struct addr real = {.len = sizeof real.storage};
    struct sockaddr *local = (void *)&real.storage;
    if (listen(fd, BACKLOG) < 0 || getsockname(fd, local, &real.len) < 0) {
        status = -errno;
        (void)close(fd);
        return status;
    }
    *addr = real; /* port 0 became a real one, which the next slots share */
    *ret_fd = fd;
    return 0;
}

int listener_open(struct addr *addr, unsigned slots, int *ret_fds)
{
    struct addr real = *addr;
    if (real.storage.ss_family != AF_INET && real.storage.ss_family != AF_INET6)
        return -EAFNOSUPPORT;
    /* Port 0 needs no probe: the kernel never chooses a port that somebody shares. */
    int status = addr_port(&real) == 0 ? 0 : probe(&real);
    unsigned opened = 0;
    while (status == 0 && opened < slots) {
        status = open_slot(&real, &ret_fds[opened]);
        opened += status == 0;
    }
    if (status != 0) {
        while (opened > 0) {
            (void)close(ret_fds[--opened]);
        }
        return status;
    }
    *addr = real;
    return 0;
}

static void update_events(struct listener *listener)
{
    if (listener->is_accepting && !listener->is_pausing) {
        (void)event_add(&listener->accept_event, NULL);
    } else {
        (void)event_del(&listener->accept_event);
    }
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
    struct listener *listener = arg;
    (void)fd;
    (void)what;
    listener->is_pausing = false;
    update_events(listener);
}

static void complain(struct listener *listener, int error_number, int pause_ms)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (listener->has_complained && now_ms - listener->complained_ms < COMPLAIN_EVERY_MS)
        return;
    listener->has_complained = true;
    listener->complained_ms = now_ms;
    log_warn("listener.paused", "ms=%d error=\"%s\"", pause_ms, strerrordesc_np(error_number));
}

/* Nothing can be accepted for want of descriptors or memory. The connection stays in the queue and
 * keeps the socket readable: without a pause the loop would spin. */
static void pause_accepting(struct listener *listener, int error_number)
{
    complain(listener, error_number, PAUSE_MS);
    const struct timeval pause = {.tv_usec = (suseconds_t)PAUSE_MS * 1000};
    listener->is_pausing = evtimer_add(&listener->resume_event, &pause) == 0;
    update_events(listener);
}

/* accept(2): errors of the one connection that was to be accepted, which is gone with them. */
static bool is_connection_error(int error_number)
{
    switch (error_number) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case ENETUNREACH:
    case ENONET:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

static void on_acceptable(evutil_socket_t socket_fd, short what, void *arg)
{
    struct listener *listener = arg;
    (void)socket_fd;
    (void)what;
    for (unsigned i = 0; i < ACCEPTS_PER_TURN && listener->is_accepting; i++) {
        if (listener->room != NULL && !listener->room(false, listener->arg))
            return;
        struct addr peer = {.len = sizeof peer.storage};
        struct sockaddr *remote = (void *)&peer.storage;
        int fd = accept4(listener->fd, remote, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            listener->callback(fd, &peer, listener->arg);
        } else if (errno == EAGAIN) {
            return;
        } else if (!is_connection_error(errno)) {
            int error_number = errno;
            if (listener->room != NULL && listener->room(true, listener->arg)) {
                complain(listener, error_number, 0);
                continue;
            }
            pause_accepting(listener, error_number);
            return;
        }
    }
}

struct listener *listener_new(struct event_base *base, int fd, listener_cb callback, void *arg)
{
    struct listener *listener = xcalloc(1, sizeof *listener);
    listener->callback = callback;
    listener->arg = arg;
    listener->fd = fd;
    /* Linux hands TCP_NODELAY down to accepted sockets, which saves a system call each. */
    (void)set_option(fd, IPPROTO_TCP, TCP_NODELAY);
    int failed = event_assign(&listener->accept_event, base, fd, EV_READ | EV_PERSIST,
                              on_acceptable, listener);
    failed |= evtimer_assign(&listener->resume_event, base, on_resume, listener);
    assert(failed == 0);
    (void)failed;
    return listener;
}

void listener_free(struct listener *listener)
{
    if (listener == NULL)
        return;
    (void)event_del(&listener->accept_event);
    (void)event_del(&listener->resume_event);
    free(listener);
}

void listener_set_room(struct listener *listener, listener_room_cb room)
{
    listener->room = room;
}

void listener_set_accepting(struct listener *listener, bool is_accepting)
{
    listener->is_accepting = is_accepting;
    update_events(listener);
}

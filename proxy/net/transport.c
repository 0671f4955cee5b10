/* Events are the only subtle part here: a read event stays registered while its owner pauses, and
 * is removed only when it fires unwanted, so a keep-alive request costs no epoll_ctl. A write event
 * is removed at once, because a socket is writable nearly always.
 *
 * SPDX-License-Identifier: MIT */
#include "net/transport.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/addr.h"

static bool needs_readable(const struct transport *transport)
{
    return (transport->wants_read && !transport->read_needs_write) ||
           (transport->wants_write && transport->write_needs_read);
}

static bool needs_writable(const struct transport *transport)
{
    return (transport->wants_write && !transport->write_needs_read) ||
           (transport->wants_read && transport->read_needs_write);
}

/* The callback may close the transport and queue its owner to be freed: nothing may follow it. */
static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct transport *transport = arg;
    (void)fd;
    (void)what;
    if (!needs_readable(transport)) {
        (void)event_del(&transport->read_event);
        transport->read_added = false;
        return;
    }
    transport->callback(transport, transport->wants_read && !transport->read_needs_write,
                        transport->wants_write && transport->write_needs_read, transport->arg);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct transport *transport = arg;
    (void)fd;
    (void)what;
    transport->callback(transport, transport->wants_read && transport->read_needs_write,
                        transport->wants_write && !transport->write_needs_read, transport->arg);
}

static void on_pending(evutil_socket_t fd, short what, void *arg)
{
    struct transport *transport = arg;
    (void)fd;
    (void)what;
    transport->pending_added = false;
    if (transport->wants_read && transport->ops->has_pending(transport))
        transport->callback(transport, true, false, transport->arg);
}

/* Brings the events in line with the wishes and with what TLS said last. */
static void update_events(struct transport *transport)
{
    if (needs_readable(transport) && !transport->read_added)
        transport->read_added = event_add(&transport->read_event, NULL) == 0;
    bool needs_write = needs_writable(transport);
    if (needs_write && !transport->write_added) {
        transport->write_added = event_add(&transport->write_event, NULL) == 0;
    } else if (!needs_write && transport->write_added) {
        (void)event_del(&transport->write_event);
        transport->write_added = false;
    }
    /* A timer of no time, not event_active(): libevent would run an activated event in the same
     * turn, and a peer that keeps the buffer filled would starve every other connection. */
    bool is_pending = transport->wants_read && transport->ops->has_pending(transport);
    if (is_pending && !transport->pending_added) {
        const struct timeval now = {0};
        transport->pending_added = evtimer_add(&transport->pending_event, &now) == 0;
    } else if (!is_pending && transport->pending_added) {
        (void)evtimer_del(&transport->pending_event);
        transport->pending_added = false;
    }
}

void transport_init(struct transport *transport, const struct transport_ops *ops,
                    struct event_base *base, int fd, transport_cb callback, void *arg)
{
    *transport = (struct transport){.ops = ops, .fd = fd, .callback = callback, .arg = arg};
    int failed = event_assign(&transport->read_event, base, fd, EV_READ | EV_PERSIST, on_readable,
                              transport);
    failed |= event_assign(&transport->write_event, base, fd, EV_WRITE | EV_PERSIST, on_writable,
                           transport);
    failed |= evtimer_assign(&transport->pending_event, base, on_pending, transport);
    assert(failed == 0);
    (void)failed;
}

void transport_want(struct transport *transport, bool read, bool write)
{
    if (!transport_is_open(transport))
        return;
    transport->wants_read = read;
    transport->wants_write = write;
    update_events(transport);
}

enum transport_result transport_handshake(struct transport *transport)
{
    assert(transport_is_open(transport));
    enum transport_result result = transport->ops->handshake(transport);
    update_events(transport);
    return result;
}

enum transport_result transport_read(struct transport *transport, char *bytes, size_t size,
                                     size_t *ret_len)
{
    assert(transport_is_open(transport) && size > 0);
    enum transport_result result = transport->ops->read(transport, bytes, size, ret_len);
    update_events(transport);
    return result;
}

static enum transport_result write_some(struct transport *transport, const char *bytes, size_t len,
                                        bool has_more, size_t *ret_len)
{
    assert(transport_is_open(transport) && len > 0);
    enum transport_result result = transport->ops->write(transport, bytes, len, has_more, ret_len);
    update_events(transport);
    return result;
}

enum transport_result transport_write(struct transport *transport, const char *bytes, size_t len,
                                      size_t *ret_len)
{
    return write_some(transport, bytes, len, false, ret_len);
}

enum transport_result transport_write_more(struct transport *transport, const char *bytes,
                                           size_t len, size_t *ret_len)
{
    return write_some(transport, bytes, len, true, ret_len);
}

enum transport_result transport_flush(struct transport *transport)
{
    assert(transport_is_open(transport));
    return transport->ops->flush(transport);
}

size_t transport_held(const struct transport *transport)
{
    return transport_is_open(transport) ? transport->ops->held(transport) : 0;
}

bool transport_has_pending(const struct transport *transport)
{
    return transport_is_open(transport) && transport->ops->has_pending(transport);
}

enum transport_result transport_shutdown(struct transport *transport)
{
    return transport_is_open(transport) ? transport->ops->shutdown(transport) : TRANSPORT_ERROR;
}

int transport_release(struct transport *transport)
{
    int fd = transport->fd;
    (void)event_del(&transport->read_event);
    (void)event_del(&transport->write_event);
    (void)evtimer_del(&transport->pending_event);
    transport->read_added = transport->write_added = transport->pending_added = false;
    transport->wants_read = transport->wants_write = false;
    transport->ops->clear(transport);
    transport->fd = -1;
    return fd;
}

void transport_close(struct transport *transport)
{
    if (transport_is_open(transport))
        (void)close(transport_release(transport));
}

const char *transport_error(const struct transport *transport)
{
    if (transport->error != NULL)
        return transport->error;
    const char *text =
        transport->error_number != 0 ? strerrordesc_np(transport->error_number) : NULL;
    return text == NULL ? "" : text;
}

static enum transport_result socket_failed(struct transport *transport, int error_number)
{
    if (error_number == EAGAIN)
        return TRANSPORT_AGAIN;
    transport->error_number = error_number;
    transport->error = strerrordesc_np(error_number);
    return TRANSPORT_ERROR;
}

static enum transport_result plain_handshake(struct transport *transport)
{
    (void)transport;
    return TRANSPORT_OK;
}

static enum transport_result plain_read(struct transport *transport, char *bytes, size_t size,
                                        size_t *ret_len)
{
    ssize_t len;
    do {
        len = recv(transport->fd, bytes, size, 0);
    } while (len < 0 && errno == EINTR);
    if (len < 0)
        return socket_failed(transport, errno);
    if (len == 0)
        return TRANSPORT_EOF;
    *ret_len = (size_t)len;
    return TRANSPORT_OK;
}

static enum transport_result plain_write(struct transport *transport, const char *bytes, size_t len,
                                         bool has_more, size_t *ret_len)
{
    ssize_t sent;
    (void)has_more; /* a send is a send: nothing is gained by keeping bytes here */
    do {
        sent = send(transport->fd, bytes, len, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return socket_failed(transport, errno);
    *ret_len = (size_t)sent;
    return TRANSPORT_OK;
}

static enum transport_result plain_flush(struct transport *transport)
{
    (void)transport;
    return TRANSPORT_OK;
}

static size_t plain_held(const struct transport *transport)
{
    (void)transport;
    return 0;
}

static bool plain_has_pending(const struct transport *transport)
{
    (void)transport;
    return false;
}

static enum transport_result plain_shutdown(struct transport *transport)
{
    return shutdown(transport->fd, SHUT_WR) == 0 ? TRANSPORT_OK : TRANSPORT_ERROR;
}

static void plain_clear(struct transport *transport)
{
    (void)transport;
}

static const struct transport_ops PLAIN_OPS = {
    .handshake = plain_handshake,
    .read = plain_read,
    .write = plain_write,
    .flush = plain_flush,
    .held = plain_held,
    .has_pending = plain_has_pending,
    .shutdown = plain_shutdown,
    .clear = plain_clear,
};

void transport_init_plain(struct transport *transport, struct event_base *base, int fd,
                          transport_cb callback, void *arg)
{
    transport_init(transport, &PLAIN_OPS, base, fd, callback, arg);
}

void transport_become_plain(struct transport *transport)
{
    if (!transport_is_open(transport) || transport->ops == &PLAIN_OPS)
        return;
    transport->ops->clear(transport);
    transport->ops = &PLAIN_OPS;
    transport->read_needs_write = transport->write_needs_read = false;
    update_events(transport);
}

/* tcp(7): with MSG_TRUNC the kernel drops the bytes and writes none; the buffer is for sockets of
 * other kinds. */
enum transport_result transport_drop(struct transport *transport, size_t *ret_len)
{
    char unused[TRANSPORT_DROP_MAX];
    ssize_t len;
    do {
        len = recv(transport->fd, unused, sizeof unused, MSG_TRUNC);
    } while (len < 0 && errno == EINTR);
    if (len <= 0)
        return len == 0 ? TRANSPORT_EOF : socket_failed(transport, errno);
    *ret_len = (size_t)len;
    return TRANSPORT_OK;
}

int transport_connect(const struct addr *addr, int *ret_fd)
{
    int fd = socket(addr->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int on = 1;
    if (addr->storage.ss_family != AF_UNIX)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    /* connect(2): interrupted, it goes on in the background like EINPROGRESS. */
    const struct sockaddr *target = (const void *)&addr->storage;
    if (connect(fd, target, addr->len) < 0 && errno != EINPROGRESS && errno != EINTR) {
        int failed = -errno;
        (void)close(fd);
        return failed;
    }
    *ret_fd = fd;
    return 0;
}

int net_socket_error(int fd)
{
    int error_number = 0;
    socklen_t len = sizeof error_number;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error_number, &len) < 0)
        return errno;
    return error_number;
}

/* transport.h - a byte stream over a non-blocking socket, clear or TLS, driven by libevent.
 *
 * The owner says what it waits for with transport_want(); the transport calls back when that may
 * succeed. With TLS a read can need the socket writable and the reverse, and bytes can wait above
 * the socket where epoll cannot see them: both are this module's business, not the owner's.
 * The callback is never run from inside a transport_* call. After transport_close() it is not run
 * again. Embedded in its owner; one thread.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_NET_TRANSPORT_H
#define PROXY_NET_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/attr.h"

enum transport_result {
    TRANSPORT_OK,    /* something was done */
    TRANSPORT_AGAIN, /* nothing now; the callback tells when */
    TRANSPORT_EOF,   /* the peer ended its side properly */
    TRANSPORT_ERROR, /* the stream is broken; `error` says why */
};

struct transport;
/* What was wanted and may now succeed; with TLS both may be set. */
typedef void (*transport_cb)(struct transport *transport, bool can_read, bool can_write, void *arg);

struct transport_ops {
    enum transport_result (*handshake)(struct transport *transport);
    enum transport_result (*read)(struct transport *transport, char *bytes, size_t size,
                                  size_t *ret_len);
    enum transport_result (*write)(struct transport *transport, const char *bytes, size_t len,
                                   bool has_more, size_t *ret_len);
    enum transport_result (*flush)(struct transport *transport);
    size_t (*held)(const struct transport *transport);
    bool (*has_pending)(const struct transport *transport);
    enum transport_result (*shutdown)(struct transport *transport); /* does not wait */
    void (*clear)(struct transport *transport);
};

struct transport {
    const struct transport_ops *ops;
    int fd;               /* owned; -1 after transport_close */
    void *tls;            /* SSL of the TLS implementation, else NULL */
    void *tls_connection; /* its own state, else NULL */
    transport_cb callback;
    void *arg;
    struct event read_event;
    struct event write_event;
    struct event pending_event;              /* answers a wish that is already met */
    bool wants_read, wants_write;            /* the owner's wish */
    bool read_needs_write, write_needs_read; /* what TLS said last */
    bool read_added, write_added, pending_added;
    const char *error; /* static or owned by the implementation; NULL: none */
    int error_number;  /* errno of a socket error, or 0 */
};

/* A clear stream over fd (non-blocking, ownership moves in). */
void transport_init_plain(struct transport *transport, struct event_base *base, int fd,
                          transport_cb callback, void *arg);
/* For implementations: the common part. */
void transport_init(struct transport *transport, const struct transport_ops *ops,
                    struct event_base *base, int fd, transport_cb callback, void *arg);

/* Sets what the owner waits for. A wish that is already met (pending bytes) is answered by a
 * callback in the next turn of the loop. Cheap: no system call while interest only pauses. */
void transport_want(struct transport *transport, bool read, bool write);

enum transport_result transport_handshake(struct transport *transport);
/* OK: 1..size bytes were read. Room for more than one TLS record says that many are expected. */
enum transport_result transport_read(struct transport *transport, char *bytes, size_t size,
                                     size_t *ret_len);
/* OK: 1..len bytes were taken; the rest is for the next call, from any address. After AGAIN the
 * next call must bring the same bytes again, with or without more behind them: TLS may have sealed
 * them. */
enum transport_result transport_write(struct transport *transport, const char *bytes, size_t len,
                                      size_t *ret_len);
/* The same, but the bytes may be kept to leave with later ones: in order, and at the latest with
 * the next transport_write() or transport_flush(). */
enum transport_result transport_write_more(struct transport *transport, const char *bytes,
                                           size_t len, size_t *ret_len);
/* Sends what was kept. OK: nothing is left. AGAIN: want the transport writable. What is never
 * flushed is lost in transport_close(). */
enum transport_result transport_flush(struct transport *transport);
/* How many bytes were taken and not yet given to the socket; more than were written, for TLS wraps
 * them. After any write, for a full socket may stop what was kept and what came behind it. */
size_t transport_held(const struct transport *transport);
/* True when a read would yield bytes without the socket becoming readable. */
bool transport_has_pending(const struct transport *transport);
/* Ends the sending direction properly (close_notify, FIN) without waiting. AGAIN: the socket is
 * full; the goodbye goes with a call when it is writable, and not at all if there is none. */
enum transport_result transport_shutdown(struct transport *transport);
/* Gives up what lies above the socket, with what it holds: a clear stream of the socket's bytes as
 * they are from here on. Nothing of TLS may be asked afterwards. */
void transport_become_plain(struct transport *transport);
/* The most that one transport_drop() takes. */
#define TRANSPORT_DROP_MAX (64U * 1024)
/* Takes bytes off the socket, below TLS, and throws them away, of TCP without copying them: for who
 * will never read again. OK: ret_len were dropped. AGAIN, EOF and ERROR as transport_read. */
enum transport_result transport_drop(struct transport *transport, size_t *ret_len);
/* Releases everything; idempotent. Without transport_shutdown before, the peer sees a plain FIN. */
void transport_close(struct transport *transport);
/* The same, but the descriptor stays open, and is the caller's. */
MUST_USE int transport_release(struct transport *transport);
/* False when the descriptor is closed. */
static inline bool transport_is_open(const struct transport *transport)
{
    return transport->fd >= 0;
}
/* Why the last call answered ERROR; empty when there was none. Valid until transport_close. */
const char *transport_error(const struct transport *transport);

struct addr;
/* Starts to connect a non-blocking, CLOEXEC socket (TCP_NODELAY unless unix). Returns 0 or a
 * negative errno; 0 also while the connection is on its way: a plain transport over the fd tells by
 * can_write when that has ended, net_socket_error() how. The caller owns the fd. */
MUST_USE int transport_connect(const struct addr *addr, int *ret_fd);
/* Takes the pending error of a socket: 0 (connected) or a positive errno. */
MUST_USE int net_socket_error(int fd);

#endif

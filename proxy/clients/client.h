/* client.h - a client's connection: transport, TLS facts, identity, deadlines.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CLIENTS_CLIENT_H
#define PROXY_CLIENTS_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "clients/crowd_place.h"
#include "clients/proxy_protocol.h"
#include "core/connection.h"
#include "core/deadline.h"
#include "core/engine_state.h"
#include "core/stream.h"
#include "exchange/exchange.h"
#include "http/http1_body.h"

enum client_state {
    CLIENT_HANDSHAKE, /* PROXY header, TLS; deadline: timeouts.handshake */
    CLIENT_IDLE,      /* the first byte of a request; deadline: timeouts.idle */
    CLIENT_READ_HEAD, /* the rest of the head; deadline: timeouts.header for all of it */
    CLIENT_EXCHANGE, /* body, upstream, response; deadline: timeouts.body while the client is due */
    CLIENT_ASK_CERT, /* a body read ahead; deadline: timeouts.body. Then the client's certificate;
                        deadline: timeouts.handshake. See late_certificate.h */
    CLIENT_TUNNEL,   /* bytes of either side; deadline: timeouts.tunnel between two of them */
    CLIENT_LINGER,   /* everything is sent; the peer's close; deadline: see linger.h */
    CLIENT_CLOSED,   /* on the engine's closing list; nothing is awaited */
};

struct client_http2;

struct client {
    struct client *prev, *next; /* the engine's list */
    struct client *rest_prev,
        *rest_next;           /* the engine's list of those that have just become idle */
    bool is_resting;          /* on that list */
    struct crowd_place crowd; /* whether it can make room for another */
    uint64_t idle_since_ms;
    struct engine *engine;
    struct connection connection; /* what exchanges know of it */
    bool awaits_proxy_header;     /* its first bytes may be, or must be, a PROXY header */
    struct proxy_protocol proxy_header;
    enum client_state state;
    struct stream stream;
    struct deadline deadline;
    struct client_http2 *http2; /* owned; NULL: HTTP/1.1 */
    struct exchange *exchange;  /* of HTTP/1.1: the current one, or NULL */
    tunnel_run_cb tunnel_run;   /* CLIENT_TUNNEL: who reads and writes the stream */
    struct http1_body body;     /* of the current request */
    struct str body_pending;    /* decoded, offered, not yet taken; in stream.in or read ahead */
    bool is_running;            /* client_http1_run is on the stack */
    bool must_run;              /* ... and has to go round again */
    bool saw_eof;               /* the client sends no more */
    bool close_after;           /* no request after the current one */
    bool is_due;                /* the deadline of CLIENT_EXCHANGE runs */
    bool is_goodbye_due;        /* the socket was too full for it */
    bool is_shaking_hands;      /* counted in the engine's handshakes */
    uint64_t progress;          /* bytes in and out when the deadline was last moved */
    uint64_t bytes_logged;      /* of stream.bytes_read: they belong to past requests */
    uint64_t sent_before;       /* of stream.bytes_written: before the current request */
    uint64_t drained_bytes;     /* of a refused body: read and dropped */
    uint64_t linger_until_ms;   /* monotonic: closed then, whatever is sent */
};

/* Takes a freshly accepted descriptor. */
void client_new(struct engine_listener *listener, int fd, const struct addr *peer);
/* The only place that changes the state; re-arms the deadline. */
void client_set_state(struct client *client, enum client_state state);
/* Ends the connection now: the exchange, if any, is cancelled and logged. Freed later. */
void client_close(struct client *client);
/* The same for one whose stream is broken: an alert that was sent last can still be read. */
void client_break(struct client *client);
/* The same for one that has to notice that something is missing: no goodbye is said. */
void client_cut_off(struct client *client);
/* Called by the engine's closing event. */
void client_free(struct client *client);
/* The peer has closed both ways, so that nothing it was sent last was read. What it closed orderly
 * is known only once our last bytes came back as a reset: at once on this machine, else as a rule
 * too late. */
bool client_peer_is_gone(const struct client *client);
/* The engine drains: idle connections go after grace_ms, new ones a second later if that is 0,
 * others after their exchange. */
void client_drain(struct client *client, uint64_t grace_ms);
#endif

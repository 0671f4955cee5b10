/* client.h - a client's connection: transport, TLS facts, identity, deadlines.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CORE_CLIENT_H
#define PROXY_CORE_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/crowd.h"
#include "core/deadline.h"
#include "core/engine_internal.h"
#include "core/exchange.h"
#include "core/identity.h"
#include "core/identity_headers.h"
#include "core/proxy_protocol.h"
#include "core/stream.h"
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

struct client {
    struct client *prev, *next; /* the engine's list */
    struct client *rest_prev,
        *rest_next;           /* the engine's list of those that have just become idle */
    bool is_resting;          /* on that list */
    struct crowd_place crowd; /* whether it can make room for another */
    uint64_t idle_since_ms;
    struct engine *engine;
    const struct engine_listener *listener;
    struct addr peer;         /* who asks: the other end, or who the PROXY protocol says it is */
    bool is_behind_proxy;     /* the other end is a trusted proxy */
    bool awaits_proxy_header; /* its first bytes may be, or must be, a PROXY header */
    struct proxy_protocol proxy_header;
    struct addr local; /* the address the peer connected to, never a wildcard */
    enum client_state state;
    struct stream stream;
    struct deadline deadline;
    struct identity identity;
    struct identity_cache told;           /* what backends are told of it, rendered */
    const struct snapshot_site *tls_site; /* chosen by SNI; NULL without TLS */
    struct exchange *exchange;            /* the current one, or NULL */
    struct http1_body body;               /* of the current request */
    struct str body_pending;     /* decoded, offered, not yet taken; in stream.in or read ahead */
    struct upstream_conn *bound; /* carries this client's NTLM or Negotiate; owned here */
    bool is_running;             /* client_http1_run is on the stack */
    bool must_run;               /* ... and has to go round again */
    bool saw_eof;                /* the client sends no more */
    bool is_plain_on_https;      /* http on a binding with https: see clear_text.h */
    bool was_asked;              /* for a certificate after the handshake: never again */
    bool close_after;            /* no request after the current one */
    bool is_due;                 /* the deadline of CLIENT_EXCHANGE runs */
    bool is_goodbye_due;         /* the socket was too full for it */
    bool is_shaking_hands;       /* counted in the engine's handshakes */
    uint64_t progress;           /* bytes in and out when the deadline was last moved */
    uint64_t bytes_logged;       /* of stream.bytes_read: they belong to past requests */
    uint64_t drained_bytes;      /* of a refused body: read and dropped */
    uint64_t linger_until_ms;    /* monotonic: closed then, whatever is sent */
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
/* The engine drains: idle connections go after grace_ms, others after their exchange. */
void client_drain(struct client *client, uint64_t grace_ms);
/* The site that the client-hello callback chose. */
const struct snapshot_site *client_site_of_handshake(const struct client *client);
bool client_is_tls(const struct client *client);
/* The peer asked from this machine (IIS's local request). */
bool client_is_local(const struct client *client);

#endif

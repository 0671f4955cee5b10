/* upstream.h - groups of servers: choice, connections, the keep-alive pool.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_UPSTREAMS_UPSTREAM_H
#define PROXY_UPSTREAMS_UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event_struct.h>

#include "base/attr.h"
#include "config/config.h"
#include "core/deadline.h"
#include "core/snapshot.h"
#include "core/stream.h"
#include "http/http1_body.h"
#include "http/message.h"
#include "http/outcome.h"
#include "net/addr.h"
#include "tls/tls_client.h"

struct connection;
struct engine;
struct exchange;
struct upstream_conn;
struct upstream_group;
struct upstream_http2;
struct upstream_pause;
struct upstream_probe;
struct upstream_wait;

enum upstream_state {
    UPSTREAM_CONNECTING, /* the TCP handshake; deadline: timeouts.connect */
    UPSTREAM_TLS,        /* the TLS handshake; what is left of the same deadline */
    UPSTREAM_BUSY,   /* carries an exchange; deadline: timeouts.response while the server is due */
    UPSTREAM_SHARED, /* HTTP/2: carries any number; deadline: of the first overdue, keepalive.idle
                      */
    UPSTREAM_TUNNEL, /* one half of a tunnel; the client's deadline is for both */
    UPSTREAM_IDLE,   /* in the pool, or bound and waiting; deadline: keepalive.idle */
    UPSTREAM_CLOSED, /* on the engine's closing list */
};

struct upstream_addr {
    struct addr addr;
    uint64_t avoid_until_ms; /* it failed: others of the server come first until then */
};

/* What a worker knows of a server's health; upstream_health.c alone changes it. */
struct upstream_health {
    bool is_down;
    bool is_trying;    /* one request goes to a server that is down, to see */
    unsigned failures; /* of exchanges, in a row */
    unsigned probes;   /* in a row, against the present state */
    uint64_t backoff_ms;
    uint64_t retry_at_ms; /* while down: requests may try it again from then on */
};

struct upstream_server {
    const struct snapshot_server *config;
    struct upstream_group *group;
    struct upstream_addr *addrs; /* owned */
    size_t addr_count;
    size_t next_addr;
    uint64_t resolved_seen;     /* version of config->resolved */
    int resolve_error;          /* of getaddrinfo(), the last time */
    struct upstream_conn *idle; /* newest first */
    size_t idle_count;
    struct upstream_conn *shared; /* those of HTTP/2, the ones that may become so included */
    bool chose_http1;             /* in its last handshake under `protocol: auto` */
    size_t streams_max;           /* at once on a connection, as it said last; 0: not yet */
    size_t open_count;            /* connections, the idle and the bound ones included */
    size_t active_count;          /* exchanges it has */
    int64_t current_weight;       /* smooth weighted round robin */
    struct upstream_health health;
    struct tls_client_session session; /* of its last TLS connection */
    struct upstream_probe *probe;      /* owned; NULL: none are sent */
};

struct upstream_group {
    struct engine *engine;
    const struct snapshot_upstream *config;
    struct upstream_server *servers;
    size_t server_count;
    struct upstream_wait *queue; /* oldest first */
    size_t queue_len;
    struct deadline queue_deadline; /* of the oldest */
    struct event queue_event;       /* a connection became free */
    struct upstream_pause *paused;  /* by upstream_pause.c, first due first */
    size_t paused_len;
    struct deadline pause_deadline;
    bool is_away; /* the last connection that was tried did not come about */
    uint64_t away_since_ms, last_away_ms;
};

struct upstream_conn {
    struct upstream_conn *prev, *next; /* the pool's list, the shared ones', or the closing list */
    struct engine *engine;
    struct upstream_server *server;
    enum upstream_state state;
    struct stream stream;
    struct deadline deadline;
    struct exchange *exchange;    /* borrowed; NULL while idle, and with http2 */
    struct upstream_http2 *http2; /* owned: what it carries, or will; NULL: HTTP/1.1 */
    struct connection *bound_to;  /* carries this client's NTLM or Negotiate: never pooled */
    struct http_response response;
    struct http1_body body;  /* of the response */
    struct str body_pending; /* decoded, offered, not yet taken; in stream.in */
    uint64_t requests;       /* begun on this connection */
    struct addr addr;        /* of the server: where it leads */
    size_t addrs_left;       /* further addresses to try when this one does not connect */
    bool is_shared;          /* on the server's list of those */
    bool is_reused;
    bool is_trial; /* the server counts as down: this exchange finds out */
    bool is_running, must_run;
    bool head_received;
    bool response_done;
    bool request_done;
    bool request_is_chunked;
    bool must_close; /* not reusable after this response */
    bool saw_bytes;  /* of the current response */
    bool is_told;    /* of a tunnel: that the client sends no more */
};

void upstream_group_init(struct upstream_group *group, struct engine *engine,
                         const struct snapshot_upstream *config);
/* Closes every idle connection. */
void upstream_group_clear(struct upstream_group *group);

/* A server may have room now: those that wait are looked at in the next turn of the loop. */
void upstream_group_wake(struct upstream_group *group);

/* What engines offer their exchanges. */
extern const struct upstreams_ops UPSTREAMS;
/* Starts once more an exchange that has waited for its turn. */
void upstream_go_on(struct exchange *x);

enum upstream_failure {
    UPSTREAM_NOT_SENT, /* no connection: the server saw nothing of the request */
    UPSTREAM_UNFIT,    /* ... because TLS failed: waiting would not help, another server may */
    UPSTREAM_STALE,    /* a kept connection was closed meanwhile: no fault of the server */
    UPSTREAM_LOST,     /* closed without an answer; the request may be repeated */
    UPSTREAM_HTTP1,    /* the server wants it on HTTP/1.1, x->needs_http1 is set */
    UPSTREAM_FINAL,    /* the request must not be repeated */
};
/* An attempt failed and its connection is closed: the exchange goes to another server when that is
 * allowed and retries are left, else it fails with the outcome. `detail` is copied. */
void upstream_attempt_failed(struct exchange *x, struct upstream_server *server,
                             enum upstream_failure failure, enum outcome outcome,
                             const char *detail);

/* ---- connections (upstream_conn.c) ---- */

/* Hands the exchange to a connection that carries others as well, or will once it is there; false
 * when there is none with room, or it must not be. */
bool upstream_conn_share(struct upstream_server *server, struct exchange *x);
/* Connections that would make room for a new one, because nothing uses them. */
size_t upstream_unused_count(const struct upstream_server *server);
/* True when there is one with room. */
bool upstream_may_share(const struct upstream_server *server);
/* The server has one exchange more; returns whether that finds out if it is up again. */
MUST_USE bool upstream_server_take(struct upstream_server *server);
/* ... and one less. */
void upstream_server_drop(struct upstream_server *server, bool is_trial);
/* Sends the exchange's head over a kept connection; false when there is none. */
bool upstream_conn_reuse(struct upstream_server *server, struct exchange *x);
/* ... or over a new one. Does not fail: that comes by upstream_attempt_failed, possibly at once. */
void upstream_conn_open(struct upstream_server *server, struct exchange *x);
/* ... or over this client's own. */
void upstream_conn_begin(struct upstream_conn *conn, struct exchange *x);
/* The address to connect to now: in turn, but one that failed lately only when all did. False when
 * there is none. */
bool upstream_pick_addr(struct upstream_server *server, struct addr *ret_addr);
/* An address failed: it is not the first choice for a while. */
void upstream_avoid_addr(struct upstream_server *server, const struct addr *addr);
/* A plain or TLS transport over a fd that is connecting to the server. */
void upstream_transport_init(struct upstream_server *server, struct transport *transport, int fd,
                             transport_cb callback, void *arg);
/* The name that the certificate of a https server must have. */
const char *upstream_tls_name(const struct upstream_server *server);
/* The exchange on it is over: into the pool when it may be used again, else closed. */
void upstream_conn_release(struct upstream_conn *conn);
void upstream_conn_close(struct upstream_conn *conn);
/* A shared one takes no further exchange, and is closed when it has none. */
void upstream_conn_retire(struct upstream_conn *conn);
void upstream_conn_free(struct upstream_conn *conn);
void upstream_conn_set_state(struct upstream_conn *conn, enum upstream_state state);
/* More interim responses than any server has a reason to send. */
#define UPSTREAM_INTERIM_MAX 32
/* From now on only this client uses the connection. */
void upstream_conn_bind(struct upstream_conn *conn, struct connection *client);
/* True when it is sure that nothing came over an idle connection that no request asked for. */
bool upstream_conn_is_quiet(struct upstream_conn *conn);

#endif

/* upstream.h - groups of servers: choice, connections, the keep-alive pool.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CORE_UPSTREAM_H
#define PROXY_CORE_UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/errors.h"
#include "config/config.h"
#include "core/deadline.h"
#include "core/stream.h"
#include "http/http1_body.h"
#include "http/message.h"
#include "net/addr.h"

struct client;
struct engine;
struct exchange;

/* Part of the snapshot. */
struct snapshot_server {
    const struct config_server *config;
    struct addr *addrs; /* resolved at load; may be empty: 502 until a reload */
    size_t addr_count;
    char *host; /* for the Host field under host: upstream; owned */
};
struct snapshot_upstream {
    const char *name; /* "echo", the URL or the name; borrowed from the configuration */
    bool is_echo;
    struct snapshot_server *servers;
    size_t server_count;
    size_t keepalive_connections;
    uint64_t keepalive_idle_ms;
    uint64_t keepalive_requests;
};

enum upstream_state {
    UPSTREAM_CONNECTING, /* the TCP handshake; deadline: timeouts.connect */
    UPSTREAM_BUSY,   /* carries an exchange; deadline: timeouts.response while the server is due */
    UPSTREAM_TUNNEL, /* one half of a tunnel; the client's deadline is for both */
    UPSTREAM_IDLE,   /* in the pool, or bound and waiting; deadline: keepalive.idle */
    UPSTREAM_CLOSED, /* on the engine's closing list */
};

struct upstream_server {
    const struct snapshot_server *config;
    struct upstream_group *group;
    struct upstream_conn *idle; /* newest first */
    size_t idle_count;
    size_t next_addr;
};

struct upstream_group {
    struct engine *engine;
    const struct snapshot_upstream *config;
    struct upstream_server *servers;
    size_t server_count;
    size_t next_server; /* round robin */
};

struct upstream_conn {
    struct upstream_conn *prev, *next; /* the pool's list, or the closing list */
    struct engine *engine;
    struct upstream_server *server;
    enum upstream_state state;
    struct stream stream;
    struct deadline deadline;
    struct exchange *exchange; /* borrowed; NULL while idle */
    struct client *bound_to;   /* carries this client's NTLM or Negotiate: never pooled */
    struct http_response response;
    struct http1_body body;  /* of the response */
    struct str body_pending; /* decoded, offered, not yet taken; in stream.in */
    uint64_t requests;       /* begun on this connection */
    bool is_reused;
    bool is_running, must_run;
    bool head_received;
    bool response_done;
    bool request_done;
    bool request_is_chunked;
    bool must_close; /* not reusable after this response */
    bool saw_bytes;  /* of the current response */
};

void upstream_group_init(struct upstream_group *group, struct engine *engine,
                         const struct snapshot_upstream *config);
/* Closes every idle connection. */
void upstream_group_clear(struct upstream_group *group);

/* Gives the exchange a connection and starts sending its head; failures come back through
 * exchange_upstream_failed, possibly before this returns. */
void upstream_start(struct exchange *x);

/* The exchange on it is over: into the pool when it may be used again, else closed. */
void upstream_conn_release(struct upstream_conn *conn);
void upstream_conn_close(struct upstream_conn *conn);
void upstream_conn_free(struct upstream_conn *conn);
void upstream_conn_set_state(struct upstream_conn *conn, enum upstream_state state);
/* From now on only this client uses the connection. */
void upstream_conn_bind(struct upstream_conn *conn, struct client *client);

/* Resolves the names (blocking; at load only). Names that do not resolve are warnings. */
void snapshot_upstream_init(struct snapshot_upstream *upstream,
                            const struct config_upstream *config, struct error_list *errors);
void snapshot_upstream_clear(struct snapshot_upstream *upstream);

#endif

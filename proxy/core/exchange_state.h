/* exchange_state.h - one request and its response, as every room sees them.
 *
 * It knows its two ends only through two small tables, so that protocols combine freely. Bytes are
 * pushed: who has some offers them, what is not taken stays where it is until the other side says
 * resume. An exchange lives from the end of the request head to the last byte of the response.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CORE_EXCHANGE_STATE_H
#define PROXY_CORE_EXCHANGE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "config/config.h"
#include "core/engine_state.h"
#include "core/identity.h"
#include "http/message.h"
#include "http/outcome.h"
#include "http/uri.h"

struct body_store;
struct connection;
struct exchange;
struct snapshot_access;
struct snapshot_site;
struct trace;
struct tunnel;
struct snapshot_server;
struct snapshot_upstream;
struct stream;
struct upstream_group;
struct upstream_pause;

/* Bytes of the client's connection that belong to one exchange. */
struct exchange_bytes {
    uint64_t received;
    uint64_t sent;
};

/* How the echo upstream lets a client down, for rehearsals. */
enum client_drop { CLIENT_DROP_CLOSE, CLIENT_DROP_RESET, CLIENT_DROP_GARBAGE };

enum tunnel_end {
    TUNNEL_END,        /* orderly: what was sent last can still be read */
    TUNNEL_BOTH_ENDED, /* ... and the client has closed its side too */
    TUNNEL_CUT_OFF,    /* something is missing, and the client must notice */
    TUNNEL_BROKEN,     /* the client's connection is */
};
/* The client's stream can be read from, or may take more. May free the exchange. */
typedef void (*tunnel_run_cb)(struct exchange *x, bool can_read);

/* The client's protocol. */
struct client_ops {
    void (*send_continue)(struct exchange *x); /* 100 */
    /* A response that is not the answer (1xx). */
    void (*send_interim)(struct exchange *x, const struct http_response *response);
    /* x->response is complete: send its head. */
    void (*start_response)(struct exchange *x);
    /* Returns how much was taken; the rest is offered again after upstream_ops.resume. */
    size_t (*send_body)(struct exchange *x, struct str data);
    void (*end_response)(struct exchange *x);
    /* The response cannot be completed: the client must notice. */
    void (*abort_response)(struct exchange *x);
    /* The upstream side's turn is over: send what is queued, read request body if it can be taken
     * now. May finish and free the exchange, so it is the last thing a turn does. */
    void (*run)(struct exchange *x);
    /* Something of the response waits to be sent. */
    bool (*has_output)(const struct exchange *x);
    /* Called once, at the end. */
    struct exchange_bytes (*count)(struct exchange *x);
    /* Ends the connection, or what stands for it, at once; frees the exchange. */
    void (*drop)(struct exchange *x, enum client_drop how);
    /* After this head the connection is bytes, which `run` alone reads and writes. Returns the
     * stream; *ret_has_ended: the client sends no more. NULL: the protocol has no such thing. */
    struct stream *(*start_tunnel)(struct exchange *x, struct str head, tunnel_run_cb run,
                                   bool *ret_has_ended);
    /* It lives that long from now on, in milliseconds. */
    void (*extend_tunnel)(struct exchange *x, uint64_t ms);
    /* Finishes the exchange and ends the connection. */
    void (*end_tunnel)(struct exchange *x, enum tunnel_end how);
};

/* The upstream's protocol. These may call back into the exchange, never into client_ops.run while
 * the client side is on the stack. */
struct upstream_ops {
    size_t (*send_body)(struct exchange *x, struct str data);
    void (*end_body)(struct exchange *x);
    void (*flush)(struct exchange *x);  /* a turn of body bytes is over: send them */
    void (*resume)(struct exchange *x); /* the client can take more of the response */
    void (*cancel)(struct exchange *x); /* forget the exchange; no call-back after it */
};
/* For those that have no use for an event. */
size_t upstream_takes_none(struct exchange *x, struct str data);
void upstream_does_nothing(struct exchange *x);

struct read_ahead { /* of a request's body, while a certificate is asked for */
    char *bytes;    /* owned; NULL: none */
    size_t len;
    size_t capacity;
    bool is_whole; /* all of the body */
};

struct exchange {
    struct arena arena;
    struct engine *engine;
    struct connection *connection; /* the client's; facts to read */
    const struct client_ops *client_ops;
    void *client;                            /* that side's own state */
    const struct upstream_ops *upstream_ops; /* NULL: no upstream has it */
    void *upstream;                          /* that side's own state */

    struct http_request request;
    struct uri uri;
    struct str host; /* lower case, without port; empty when the request has none */
    const struct snapshot_site *site;    /* NULL until routed */
    const struct snapshot_access *place; /* its location's settings; NULL until routed */
    const char *user;                    /* mapped user, or NULL */
    const char *mapping;                 /* by which; or NULL: none matched */
    struct identity forwarded;           /* the certificate a trusted proxy handed on */
    const char *password;                /* for forward.authorization: basic; or NULL */
    struct read_ahead read_ahead;
    struct str upgrade_key; /* Sec-WebSocket-Key of a request to change; empty: it stays HTTP */
    struct tunnel *tunnel;  /* after the 101, else NULL */
    struct trace *trace;    /* what happened; NULL: no rule of `tracing` can hold */

    const struct snapshot_upstream *backend; /* NULL: it does not go to any yet */
    struct upstream_group *group;            /* the same as this worker has it */
    struct http_fields upstream_fields;
    struct str upstream_path; /* canonical, after rewrite */
    struct str upstream_target;
    bool *upstream_tried;         /* by server of the group; NULL: none failed */
    struct upstream_pause *pause; /* its wait for a server that is away; NULL: never waited */
    const struct snapshot_server *headers_for; /* whom upstream_fields were made for */
    struct body_store *buffered; /* a body that was read whole; NULL: nothing is kept */
    uint64_t request_body_sent;  /* bytes of it that went upstream */

    struct http_response response; /* as the client gets it */
    /* Both as they are passed on, complete when the body is. */
    struct http_fields request_trailers;
    struct http_fields response_trailers;
    const char
        *detail; /* static: what was wrong, where the outcome alone says too little; or NULL */
    uint64_t started_ms;
    uint64_t upstream_began_ms; /* it was handed to the upstream; 0: not yet */
    uint64_t upstream_ended_ms; /* its answer was complete, or nothing more was to come */
    int64_t started_wall_s;
    enum outcome failed; /* under pass: why the certificate does not count; OUTCOME_OK: it does */
    unsigned attempts;   /* connections that it was given */
    unsigned upstream_retries;  /* those that went to another server after a failure */
    unsigned interim_responses; /* of the upstream, passed on or not */
    enum outcome outcome;
    unsigned upstream_status; /* of its answer; 0: none */
    bool is_forwarded;        /* `forwarded` counts, whatever the connection presented */
    bool shows_certificate;   /* false under ignore, and when it failed: the backend sees none */
    bool awaits_certificate;  /* nothing is decided before the client was asked for one */
    bool is_question_sent;
    bool is_tunnel;   /* of HTTP/2: bodies without an end both ways, RFC 8441 */
    bool is_stripped; /* rewrite.strip_prefix was taken off */
    bool request_has_body;
    bool request_ended;        /* the client's body is complete */
    bool request_is_read;      /* all of the body was taken before it goes upstream */
    bool continue_sent;        /* the client was told to send its body */
    bool upstream_is_ready;    /* takes request body */
    bool upstream_needs_flush; /* something is queued there */
    bool is_chunked;           /* the response towards the client */
    bool request_blocked;      /* the upstream side took less than was offered */
    bool response_blocked;     /* the client side took less than was offered */
    bool response_started;
    bool response_ended; /* all of it was handed to the client side */
    bool discard_body;   /* refused: what is left of the request is read and dropped */
    bool needs_http1; /* towards the server: WebSocket, a login of the connection, or it said so */
    bool is_early;    /* the server answered, and closes, before it had the body */
    bool is_deaf;     /* what the client still sends is not looked at any more */
    bool must_close;  /* the connection cannot be used after this exchange */
    bool is_aborted;  /* the response broke off */
    bool is_finished; /* logged; only the memory is left */
    char id[ENGINE_REQUEST_ID_SIZE];
};

/* Whose certificate counts for this request. */
struct identity *exchange_identity(struct exchange *x);
/* The leaf that was looked at, good or not, for people: never for a backend. NULL: none was. */
const struct cert *exchange_judged_certificate(struct exchange *x);

#endif

/* engine_state.h - one event loop's worth of state, which every room works with.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CORE_ENGINE_STATE_H
#define PROXY_CORE_ENGINE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/buf.h"
#include "base/clock.h"
#include "core/snapshot.h"
#include "core/spool.h"
#include "core/trim.h"
#include "net/addr.h"
#include "net/listener.h"
#include "observe/access_log.h"
#include "tls/tls_intern.h"

struct cert_table;
struct client;
struct crowd;
struct exchange;
struct refusal_log;
struct trace_sink;
struct upstream_conn;
struct upstream_group;
struct upstream_resolver;
struct verdict_cache;

/* What exchanges ask of the upstreams. */
struct upstreams_ops {
    /* Gives the exchange a connection and starts sending its head, or lets it wait for one;
     * failures come back through exchange_upstream_failed, possibly before this returns. */
    void (*start)(struct exchange *x);
    /* The exchange's upstream has a server of this origin now. */
    bool (*has_origin)(const struct exchange *x, bool is_https, struct str host, unsigned port);
};

struct engine_listener {
    struct engine *engine;
    const struct snapshot_binding *binding;
    struct addr addr; /* with the real port */
    struct listener *listener;
};

struct engine {
    struct event_base *base;         /* borrowed */
    const struct snapshot *snapshot; /* borrowed */
    unsigned slot;
    struct buf_pool buffers;
    struct spool spool; /* of bodies that are buffered */
    struct engine_listener *listeners;
    size_t listener_count;
    struct client *clients; /* open connections */
    size_t client_count;
    struct client *resting; /* those that have just become idle, longest first; see rest.h */
    struct event rest_event;
    size_t client_limit;
    struct crowd *crowd; /* who makes room at a limit */
    size_t handshakes;   /* under way */
    struct trim trim;    /* when memory of a burst is given back */
    struct event every_second;
    bool is_accepting;
    struct client *closing; /* closed, to be freed when no callback of theirs can be running */
    struct upstream_conn *closing_upstreams;
    struct event closing_event;
    const struct upstreams_ops *upstreams;
    struct upstream_group *groups; /* one for each snapshot upstream, same order */
    struct upstream_resolver *resolver;
    struct verdict_cache *verdicts;
    struct cert_table *certs;       /* of clients that were found good */
    struct tls_intern_table intern; /* shows them to the TLS layer */
    struct identity_renderings *renderings;
    struct access_log *access_log;
    char computer[65]; /* this machine's name, for the log (gethostname(2): at most 64 bytes) */
    struct refusal_log *refusals;
    struct trace_sink *traces; /* NULL: no rule of `tracing` anywhere */
    struct event tick;         /* flushes the access log */
    uint64_t next_request_id;
    int64_t date_s; /* what `date` says */
    char date[CLOCK_TEXT_SIZE];
    size_t date_len; /* 0: nothing yet */
    bool is_draining;
    bool is_stale;   /* another policy is in force: no request may begin here */
    bool is_drained; /* the callback ran */
    uint64_t drain_deadline_ms;
    void (*drained)(void *arg);
    void *drained_arg;
    struct event drain_event;
};

/* Frees what is on the closing lists in the next turn of the loop. */
void engine_schedule_closing(struct engine *engine);
/* Unique for this process's life: what the log, the error page and {request_id} show. */
#define ENGINE_REQUEST_ID_SIZE 17
void engine_request_id(struct engine *engine, char ret_text[ENGINE_REQUEST_ID_SIZE]);

/* The time as a Date field has it, made once a second; valid until the next call. */
struct str engine_date(struct engine *engine);

#endif

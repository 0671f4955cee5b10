/* snapshot.h - the runtime built from a configuration: contexts, stores, maps, addresses.
 *
 * Built (engine/snapshot_load.h) in the master, inherited by the workers of one generation through
 * fork. Immutable but for the CRLs, which each process exchanges when the master has read them
 * again.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CORE_SNAPSHOT_H
#define PROXY_CORE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/cert_map.h"
#include "auth/trust_crls.h"
#include "auth/trust_store.h"
#include "config/config.h"
#include "net/addr.h"
#include "tls/tls_context.h"

/* Made and used by the rooms that are named: */
struct authorize;        /* access/authorize.h */
struct error_page_files; /* explain/error_page_files.h */
struct identity_names;   /* forward/identity_headers.h */
struct place_guard;      /* access/place_guard.h */
struct route_table;      /* access/route.h */
struct resolve_slot;     /* upstreams/upstream_resolve.h */
struct tls_client;       /* tls/tls_client.h */
struct trusted_proxies;  /* access/trusted_proxy.h */

struct snapshot_access { /* what a path may set, ready for use */
    const struct config_access *config;
    size_t upstream;                   /* index into snapshot.upstreams */
    const struct authorize *authorize; /* the site's; NULL: everybody may */
    bool shows_chain;                  /* a template needs the validated chain */
};

struct snapshot_authorize {
    const struct config_authorize *config; /* the list it was made from */
    struct authorize *compiled;
};

struct snapshot_site {
    const struct config_site *config;
    struct trust *trust; /* NULL when no certificate can come: neither https nor a proxy's word */
    struct cert_map *map;
    struct snapshot_access *places;        /* [0] the site, [1 + n] its n-th location */
    struct place_guard *guard;             /* NULL: no path is ambiguous */
    struct snapshot_authorize *authorizes; /* compiled; places that inherit share one */
    size_t authorize_count;
    struct tls_site *tls;     /* NULL when the site has no https binding */
    struct cert *server;      /* its certificate; NULL without tls */
    unsigned char policy[32]; /* sessions and connections of another policy are not honoured */
};

struct snapshot_binding { /* one listening address; several sites may share it */
    struct addr addr;     /* as configured: port 0 is still 0 */
    bool is_https;
    const char *url; /* as first written, for messages; borrowed */
    struct mark mark;
    struct snapshot_site **sites; /* in the order of the configuration */
    size_t site_count;
    struct route_table *routes; /* from host names to sites */
    struct tls_listener *tls;   /* NULL for http */
};

struct snapshot_server {
    const struct config_server *config;
    struct addr *addrs; /* resolved at load; may be empty: 502 until the name resolves */
    size_t addr_count;
    char *host;                    /* for the Host field under host: upstream; owned */
    struct resolve_slot *resolved; /* what it resolves to now; NULL: what was found at load */
};
struct snapshot_upstream {
    const char *name; /* "echo", the URL or the name; borrowed from the configuration */
    bool is_echo;
    const struct config_upstream *config; /* NULL for echo */
    struct snapshot_server *servers;
    size_t server_count;
    struct tls_client *tls;     /* owned; NULL: no server takes https */
    struct resolve_slot *slots; /* owned, one a server; NULL: no name is looked up again */
};

struct snapshot {
    struct config *config; /* owned */
    struct snapshot_site *sites;
    size_t site_count;
    struct snapshot_binding *bindings;
    size_t binding_count;
    struct snapshot_upstream *upstreams; /* named and inline ones */
    size_t upstream_count;
    struct tls_ticket_file *ticket_file;   /* NULL: this machine's own keys */
    struct identity_names *identity_names; /* fields no client may send through */
    struct error_page_files *error_pages;
    struct trusted_proxies *proxies; /* peers whose word about clients is believed */
    uint64_t access_fields;
    bool only_judges;         /* snapshot_new_to_judge() */
    bool has_buffered_bodies; /* some place buffers: the workers need a spool */
    bool is_backend;          /* the echo command: shows requests as they came */
};

#endif

/* snapshot.h - the runtime built from a configuration: contexts, stores, maps, addresses.
 *
 * Built in the master, inherited by the workers of one generation through fork. Immutable but for
 * the CRLs, which each process exchanges when the master has read them again.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CORE_SNAPSHOT_H
#define PROXY_CORE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/cert_map.h"
#include "auth/trust_crls.h"
#include "auth/trust_store.h"
#include "base/errors.h"
#include "config/config.h"
#include "net/addr.h"
#include "tls/tls_context.h"

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

struct authorize;         /* core/authorize.h */
struct error_page_files;  /* core/error_page_files.h */
struct identity_names;    /* core/identity_headers.h */
struct place_guard;       /* core/place_guard.h */
struct route_table;       /* core/route.h */
struct snapshot_upstream; /* core/upstream.h */
struct trusted_proxies;   /* core/trusted_proxy.h */

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
    unsigned access_fields;
    bool only_judges;         /* snapshot_new_to_judge() */
    bool has_buffered_bodies; /* some place buffers: the workers need a spool */
    bool is_backend;          /* the echo command: shows requests as they came */
};

/* Loads everything `run` would load; takes the configuration over whatever happens. NULL when
 * errors were added. keys: shared ticket keys and what
 * goes with them, or NULL (check, explain). */
struct snapshot *snapshot_new(struct config *config, struct tls_ticket_keys *keys,
                              struct error_list *errors);
/* As much of it as decides about clients, for explain: no private key, ticket key or certificate
 * towards a server is opened, no name looked up. Nothing can be served from it. */
struct snapshot *snapshot_new_to_judge(struct config *config, struct error_list *errors);
void snapshot_free(struct snapshot *snapshot); /* NULL is allowed */
/* Puts other CRLs into use (taken over): verdicts and TLS sessions of those before end. True when
 * their contents differ. The site must have a trust. */
bool snapshot_site_set_crls(struct snapshot_site *site, struct crl_index *crls);
/* After a reload: adds an error for what was there before, is still named and holds nothing any
 * more (stores, one_to_one_file), in sites of the same name. */
void snapshot_check_losses(const struct snapshot *snapshot, const struct snapshot *before,
                           struct error_list *errors);
/* After a reload: CRLs of `before` whose files are gone stay in use where the new sites name the
 * same files or folders (trust_crls_inherit()). False with errors in the list. */
MUST_USE bool snapshot_inherit_crls(struct snapshot *snapshot, const struct snapshot *before,
                                    struct error_list *errors);
/* True when a request would be judged alike under both: connections of the one may live on for a
 * moment under the other. */
bool snapshot_same_policy(const struct snapshot *a, const struct snapshot *b);

#endif

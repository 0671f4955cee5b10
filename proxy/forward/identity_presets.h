/* identity_presets.h - the headers of other proxies, as backends written for them expect them.
 *
 * What each preset sends is in docs/reference.md. Sources: RFC 9440; the documentation of ARR,
 * Envoy, nginx, Traefik, AWS Application Load Balancer and mod_ssl.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_FORWARD_IDENTITY_PRESETS_H
#define PROXY_FORWARD_IDENTITY_PRESETS_H

#include "base/arena.h"
#include "base/str.h"
#include "forward/identity_facts.h"
#include "http/message.h"

struct identity_sink { /* where fields go */
    struct arena *arena;
    struct http_fields *fields;
    struct str omitted; /* names of those that were too long */
};
/* Empty values are not sent, too long ones only named. */
void identity_sink_add(struct identity_sink *sink, struct str name, struct str value);
/* Names the omitted fields. */
void identity_sink_end(struct identity_sink *sink);

/* The fields of the chosen presets that last as long as the connection. */
void identity_presets_add(const struct identity_facts *facts, struct identity_sink *sink);
/* Those that every request has anew. */
void identity_presets_add_fresh(const struct identity_facts *facts, struct identity_sink *sink);

/* A value of X-Forwarded-Client-Cert in quotes when it needs them; for tests too. */
struct str identity_xfcc_value(struct arena *arena, struct str value);

#endif

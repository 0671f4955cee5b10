/* identity_headers.h - what the backend is told about the client, in the dialect it speaks.
 *
 * Sources: RFC 9440; docs/reference.md, "What the backend is told".
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_FORWARD_IDENTITY_HEADERS_H
#define PROXY_FORWARD_IDENTITY_HEADERS_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/client_cert.h"
#include "auth/verdict.h"
#include "base/arena.h"
#include "base/str.h"
#include "config/config.h"
#include "core/identity.h"
#include "forward/identity_facts.h"
#include "http/message.h"

/* Names a client must never get through to a backend: those of every preset and of every
 * configured header, under any spelling a backend might fold together. */
struct identity_names;
struct identity_names *identity_names_new(const struct config *config);
void identity_names_free(struct identity_names *names);
/* Compares without case, and with every mark of a token read as '-': a CGI folds them all. */
bool identity_names_contain(const struct identity_names *names, struct str name);

/* "trusted", "failed" (what refuses it elsewhere is not OUTCOME_OK) or "none"; static. */
const char *identity_verdict_word(bool shows_certificate, enum outcome failed);

/* Presets that show the validated chain. */
#define IDENTITY_WITH_CHAIN ((unsigned)IDENTITY_RFC9440_CHAIN | (unsigned)IDENTITY_TRAEFIK)

/* The fields that are the same for every request of a connection, and the others. Empty values are
 * left out. */
void identity_headers_add_lasting(const struct identity_facts *facts, struct arena *arena,
                                  struct http_fields *fields);
void identity_headers_add_fresh(const struct identity_facts *facts, struct arena *arena,
                                struct http_fields *fields);
/* Both. */
void identity_headers_add(const struct identity_facts *facts, struct arena *arena,
                          struct http_fields *fields);
/* A template shows something of the validated chain above the leaf. */
bool identity_shows_chain(const struct config_access *access);
/* The value of one template. */
struct str identity_template(const struct identity_facts *facts, struct str template_text,
                             struct arena *arena);

/* Lasting fields, made once for all connections of a client; one an engine, not thread-safe. Holds
 * at most max; the least recently used goes first. */
struct identity_renderings;
struct identity_renderings *identity_renderings_new(size_t max);
/* NULL is allowed; what connections hold lives on. */
void identity_renderings_free(struct identity_renderings *all);

/* NULL: not known yet. The fields live until identity_cache_clear(). */
const struct http_fields *identity_cache_find(struct identity_cache *cache,
                                              struct identity_renderings *all,
                                              const struct identity_facts *facts,
                                              const struct verdict *verdict);
/* Copies the fields, which were not found; does nothing once the cache is full. The verdict (from
 * the verdict cache, or NULL) and the leaf are what the fields were made from. */
void identity_cache_add(struct identity_cache *cache, struct identity_renderings *all,
                        const struct identity_facts *facts, const struct verdict *verdict,
                        const struct http_fields *fields);
void identity_cache_clear(struct identity_cache *cache);

#endif

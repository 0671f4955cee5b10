/* snapshot_load.h - makes a snapshot from a configuration, and compares two.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_ENGINE_SNAPSHOT_LOAD_H
#define PROXY_ENGINE_SNAPSHOT_LOAD_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/errors.h"
#include "config/config.h"
#include "core/snapshot.h"

struct crl_index;
struct tls_ticket_keys;

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
#define SNAPSHOT_POLICY_SIZE 32
/* The same across processes: equal digests, alike. False when there is none, because files that a
 * mapping reads may have changed. */
MUST_USE bool snapshot_policy(const struct snapshot *snapshot,
                              unsigned char ret_digest[SNAPSHOT_POLICY_SIZE]);

#endif

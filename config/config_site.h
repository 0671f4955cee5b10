/* config_site.h - what the rows of the schema cannot say about sites and upstreams: parsed
 * addresses, defaults that follow from other keys, and locations that inherit.
 *
 * All are hooks of the schema (config_schema.c).
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CONFIG_CONFIG_SITE_H
#define PROXY_CONFIG_CONFIG_SITE_H

#include "config/config_decode.h"

void config_root_prepare(const struct config_cursor *at, void *config);
void config_profile_apply(const struct config_cursor *at, void *profile); /* enum config_profile */
void config_workers_mark(const struct config_cursor *at, void *workers);
void config_authorize_prepare(const struct config_cursor *at, void *rule);
void config_site_prepare(const struct config_cursor *at, void *site);
/* Defaults of require_ssl and anonymous, then the locations. */
void config_site_finish(const struct config_cursor *at, void *site);
void config_mapping_finish(const struct config_cursor *at, void *mapping);
void config_one_to_one_finish(const struct config_cursor *at, void *mapping);
void config_many_to_one_finish(const struct config_cursor *at, void *mapping);
void config_binding_after(const struct config_cursor *at, void *binding);
void config_host_after(const struct config_cursor *at, void *host); /* struct config_value */
void config_oid_after(const struct config_cursor *at, void *oid);   /* struct config_value */
void config_server_after(const struct config_cursor *at, void *server);
void config_server_name_after(const struct config_cursor *at, void *name); /* struct config_value */
void config_health_path_after(const struct config_cursor *at, void *path); /* struct config_value */
void config_server_certificate_finish(const struct config_cursor *at, void *certificate);
void config_retry_wait_after(const struct config_cursor *at, void *wait_ms); /* uint64_t */
void config_upstream_tls_finish(const struct config_cursor *at, void *tls);
void config_upstream_after(const struct config_cursor *at, void *upstream);

/* True for a certificate given in place (PEM or base64 DER) or as sha256:HEX, rather than as the
 * name of a file. The answer is the same once the path was joined. */
bool config_certificate_is_inline(struct str text);

#endif

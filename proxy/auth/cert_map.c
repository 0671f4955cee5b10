/* SPDX-License-Identifier: MIT */
#include "auth/cert_map.h"

#include <stdlib.h>

#include "auth/cert_map_exact.h"
#include "auth/cert_map_logon.h"
#include "auth/cert_map_rules.h"
#include "base/mem.h"

struct cert_map {
    bool is_configured;
    size_t file_count;   /* entries of one_to_one_file */
    enum outcome denied; /* compat.deny_status */
    struct cert_map_logons *logons;
    struct cert_map_exact exact;
    struct cert_map_rules rules;
};

struct cert_map *cert_map_new(const struct config_site *site, const struct config *config,
                              struct error_list *errors)
{
    const struct config_mapping *mapping = &site->mapping;
    size_t errors_before = errors->errors;
    struct cert_map *map = xcalloc(1, sizeof *map);
    map->is_configured = mapping->one_to_one_count > 0 || mapping->one_to_one_file.text != NULL ||
                         mapping->many_to_one_count > 0;
    map->denied =
        config->compat.deny_status_401 ? OUTCOME_MAPPING_DENIED_401 : OUTCOME_MAPPING_DENIED;
    map->logons = cert_map_logons_new(site, errors);
    cert_map_exact_init(&map->exact);
    if (mapping->one_to_one_enabled) {
        cert_map_exact_load(&map->exact, map->logons, mapping,
                            config->compat.pem_in_mapping_malformed, errors);
        size_t listed = map->exact.count;
        if (mapping->one_to_one_file.text != NULL)
            cert_map_exact_load_file(&map->exact, map->logons, &mapping->one_to_one_file, errors);
        map->file_count = map->exact.count - listed;
    }
    if (mapping->many_to_one_enabled)
        cert_map_rules_load(&map->rules, map->logons, mapping, errors);
    cert_map_exact_finish(&map->exact);
    cert_map_logons_finish(map->logons);
    if (errors->errors > errors_before) {
        cert_map_free(map);
        return NULL;
    }
    return map;
}

void cert_map_free(struct cert_map *map)
{
    if (map == NULL)
        return;
    cert_map_exact_clear(&map->exact);
    cert_map_rules_clear(&map->rules);
    cert_map_logons_free(map->logons);
    free(map);
}

bool cert_map_is_configured(const struct cert_map *map)
{
    return map->is_configured;
}

size_t cert_map_file_count(const struct cert_map *map)
{
    return map->file_count;
}

static struct cert_map_result log_on(const struct cert_map *map, uint32_t id, const char *mapping)
{
    const struct cert_map_logon *logon = cert_map_logons_get(map->logons, id);
    return (struct cert_map_result){logon->outcome, logon->user, mapping, logon->password};
}

struct cert_map_result cert_map_lookup(const struct cert_map *map, const struct cert *cert)
{
    /* iis-semantics.md 5.3: one-to-one mappings always take precedence. */
    uint32_t at = cert_map_exact_find(&map->exact, cert->sha256);
    if (at < map->exact.first_malformed)
        return log_on(map, map->exact.entries[at].logon, "one_to_one");
    if (map->exact.first_malformed != CERT_MAP_INDEX_NONE)
        return (struct cert_map_result){.outcome = OUTCOME_MAPPING_MALFORMED,
                                        .mapping = "one_to_one"};
    const struct cert_map_mapping *mapping = cert_map_rules_find(&map->rules, cert->x509);
    if (mapping == NULL)
        return (struct cert_map_result){.outcome = OUTCOME_OK};
    if (mapping->deny)
        return (struct cert_map_result){.outcome = map->denied, .mapping = mapping->name};
    return log_on(map, mapping->logon, mapping->name);
}

struct cert_map_result cert_map_lookup_again(struct cert_map_memo *memo, const struct cert_map *map,
                                             const struct cert *cert)
{
    if (memo->map != map || memo->cert != cert)
        *memo = (struct cert_map_memo){map, cert, cert_map_lookup(map, cert)};
    return memo->result;
}

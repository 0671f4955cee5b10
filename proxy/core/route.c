/* SPDX-License-Identifier: MIT */
#include "core/route.h"

bool route_host_matches(struct str pattern, struct str host)
{
    if (!str_starts_with(pattern, STR("*.")))
        return str_equal_icase(pattern, host);
    size_t label = str_find(host, '.');
    return label > 0 && label < host.len &&
           str_equal_icase(str_skip(pattern, 1), str_skip(host, label));
}

enum host_match { MATCH_NONE, MATCH_ANY, MATCH_WILDCARD, MATCH_EXACT };

static enum host_match match_site(const struct config_site *site, struct str host)
{
    if (!site->hosts.is_set)
        return MATCH_ANY;
    enum host_match best = MATCH_NONE;
    for (size_t i = 0; i < site->hosts.count; i++) {
        struct str pattern = str_of(site->hosts.items[i].text);
        if (!route_host_matches(pattern, host))
            continue;
        enum host_match match = pattern.ptr[0] == '*' ? MATCH_WILDCARD : MATCH_EXACT;
        if (match > best)
            best = match;
    }
    return best;
}

static const struct snapshot_site *default_site(const struct snapshot_binding *binding)
{
    for (size_t i = 0; i < binding->site_count; i++) {
        if (!binding->sites[i]->config->hosts.is_set)
            return binding->sites[i];
    }
    return binding->sites[0];
}

const struct snapshot_site *route_site(const struct snapshot_binding *binding, struct str host)
{
    if (host.len == 0)
        return default_site(binding);
    const struct snapshot_site *best = NULL;
    enum host_match best_match = MATCH_NONE;
    for (size_t i = 0; i < binding->site_count && best_match != MATCH_EXACT; i++) {
        enum host_match match = match_site(binding->sites[i]->config, host);
        if (match > best_match) {
            best_match = match;
            best = binding->sites[i];
        }
    }
    return best;
}

/* The location's path is a prefix of whole segments: "/a" is "/a" and "/a/b", never "/ab". */
static bool location_matches(struct str location, struct str path, bool is_case_sensitive)
{
    while (location.len > 1 && location.ptr[location.len - 1] == '/')
        location.len--;
    if (location.len == 1)
        return true;
    if (is_case_sensitive ? !str_starts_with(path, location)
                          : !str_starts_with_icase(path, location))
        return false;
    return path.len == location.len || path.ptr[location.len] == '/';
}

const struct snapshot_access *route_location(const struct snapshot_site *site, struct str path)
{
    const struct config_site *config = site->config;
    for (size_t i = 0; i < config->location_count; i++) {
        if (location_matches(str_of(config->locations[i].path.text), path,
                             config->locations_case_sensitive))
            return &site->places[1 + i];
    }
    return &site->places[0];
}

/* SPDX-License-Identifier: MIT */
#include "config/config_inline.h"

#include <string.h>

#include "config/config_address.h"
#include "config/config_schema.h"

static bool has_group(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->upstream_count; i++) {
        if (config->upstreams[i].name.text != NULL &&
            strcmp(config->upstreams[i].name.text, name) == 0)
            return true;
    }
    return false;
}

static void add_group(const struct config_cursor *root, const struct config_value *value)
{
    struct config *config = root->reader->config;
    struct config_url url = {0};
    if (value->text == NULL || !config_address_is_url(str_of(value->text)) ||
        has_group(config, value->text) || config_address_server(str_of(value->text), &url) != NULL)
        return;
    struct config_upstream *group = &config->upstreams[config->upstream_count++];
    *group = (struct config_upstream){0};
    config_decode_defaults(root, &config_upstream_table, group);
    group->name = *value;
    group->servers = arena_calloc(root->reader->arena, 1, sizeof *group->servers);
    group->server_count = 1;
    config_decode_defaults(root, &config_server_table, &group->servers[0]);
    group->servers[0].url = *value;
    group->servers[0].is_https = url.is_https;
    group->servers[0].is_unix = url.is_unix;
    group->servers[0].port = url.port;
    group->servers[0].host = config_decode_copy(root, url.host);
}

void config_inline_upstreams(const struct config_cursor *root)
{
    struct config *config = root->reader->config;
    size_t most = config->upstream_count;
    for (size_t i = 0; i < config->site_count; i++)
        most += 1 + config->sites[i].location_count;
    struct config_upstream *groups = arena_calloc(root->reader->arena, most, sizeof *groups);
    if (config->upstream_count > 0)
        memcpy(groups, config->upstreams, config->upstream_count * sizeof *groups);
    config->upstreams = groups;
    for (size_t i = 0; i < config->site_count; i++) {
        const struct config_site *site = &config->sites[i];
        add_group(root, &site->access.upstream);
        for (size_t j = 0; j < site->location_count; j++)
            add_group(root, &site->locations[j].access.upstream);
    }
}

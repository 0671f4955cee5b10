/* SPDX-License-Identifier: MIT */
#include "access/route.h"

#include <stdlib.h>

#include <uthash.h>

#include "base/mem.h"

struct route_entry {
    UT_hash_handle hh;
    const struct snapshot_site *site;
    const char *host; /* lower case; of a wildcard what follows the star; borrowed */
};

/* One look-up a request, however many sites share the address. */
struct route_table {
    struct route_entry *exact;
    struct route_entry *wildcard;
    const struct snapshot_site *any; /* takes every host; NULL: none does */
};

/* The first site in the order of the configuration keeps a name. */
static void add_host(struct route_entry **table, const char *host, const struct snapshot_site *site)
{
    struct route_entry *entry = NULL;
    HASH_FIND_STR(*table, host, entry);
    if (entry != NULL)
        return;
    entry = xcalloc(1, sizeof *entry);
    entry->site = site;
    entry->host = host;
    HASH_ADD_KEYPTR(hh, *table, entry->host, strlen(entry->host), entry);
}

struct route_table *route_table_new(struct snapshot_site *const *sites, size_t count)
{
    struct route_table *routes = xcalloc(1, sizeof *routes);
    for (size_t i = 0; i < count; i++) {
        const struct config_list *hosts = &sites[i]->config->hosts;
        if (!hosts->is_set && routes->any == NULL)
            routes->any = sites[i];
        for (size_t j = 0; j < hosts->count; j++) {
            const char *host = hosts->items[j].text;
            if (host[0] == '*')
                add_host(&routes->wildcard, host + 1, sites[i]);
            else
                add_host(&routes->exact, host, sites[i]);
        }
    }
    return routes;
}

static void free_entries(struct route_entry *table)
{
    struct route_entry *entry;
    struct route_entry *next;
    HASH_ITER (hh, table, entry, next) {
        HASH_DEL(table, entry); /* NOLINT(clang-analyzer-unix.Malloc): uthash's own macro */
        free(entry);
    }
}

void route_table_free(struct route_table *routes)
{
    if (routes == NULL)
        return;
    free_entries(routes->exact);
    free_entries(routes->wildcard);
    free(routes);
}

static const struct snapshot_site *find(const struct route_entry *table, struct str host)
{
    const struct route_entry *entry = NULL;
    if (table == NULL || host.len == 0)
        return NULL;
    HASH_FIND(hh, table, host.ptr, host.len, entry);
    return entry == NULL ? NULL : entry->site;
}

const struct snapshot_site *route_site(const struct snapshot_binding *binding, struct str host)
{
    const struct route_table *routes = binding->routes;
    if (host.len == 0)
        return routes->any != NULL ? routes->any : binding->sites[0];
    const struct snapshot_site *site = find(routes->exact, host);
    /* A wildcard is exactly one label. */
    size_t label = str_find(host, '.');
    if (site == NULL && label > 0 && label < host.len)
        site = find(routes->wildcard, str_skip(host, label));
    return site != NULL ? site : routes->any;
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

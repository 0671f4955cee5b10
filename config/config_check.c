/* SPDX-License-Identifier: MIT */
#include "config/config_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "config/config_address.h"
#include "config/config_scalar.h"
#include "config/config_text.h"

#define ERRORS_MAX 1000
/* Hosts times bindings: beyond this the checks would take minutes. */
#define HOST_USES_MAX ((size_t)4000000)

struct check {
    const struct config *config;
    struct error_list *errors;
    const char **upstreams; /* sorted names */
    size_t upstream_count;
    size_t reported;
};

struct use { /* one binding of one site */
    const struct config_site *site;
    const struct config_binding *binding;
    size_t site_index;
    size_t binding_index;
};

struct host_use {                    /* one host under one binding */
    const struct config_value *host; /* NULL: the site takes any */
    const struct use *use;
};

static void report(struct check *check, struct mark mark, const char *fmt, ...) PRINTF(3, 4);

static void report(struct check *check, struct mark mark, const char *fmt, ...)
{
    char *text = NULL;
    va_list args;
    if (++check->reported > ERRORS_MAX)
        return;
    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) >= 0)
        errors_add(check->errors, mark, "%s", text);
    va_end(args);
    free(text);
}

static int compare_text(const char *a, const char *b)
{
    return strcmp(a == NULL ? "" : a, b == NULL ? "" : b);
}

static int compare_sites(const void *left, const void *right)
{
    const struct config_site *a = *(const struct config_site *const *)left;
    const struct config_site *b = *(const struct config_site *const *)right;
    int order = compare_text(a->name, b->name);
    return order != 0 ? order : (a > b) - (a < b);
}

static void check_names(struct check *check)
{
    const struct config *config = check->config;
    size_t count = config->site_count;
    const struct config_site **sites = xcalloc(count + 1, sizeof *sites);
    for (size_t i = 0; i < count; i++)
        sites[i] = &config->sites[i];
    qsort(sites, count, sizeof(struct config_site *), compare_sites);
    for (size_t i = 1; i < count; i++) {
        if (compare_text(sites[i - 1]->name, sites[i]->name) != 0)
            continue;
        report(check, sites[i]->mark,
               "sites[%zu].name: \"%s\" is also the name of the site at line %u",
               (size_t)(sites[i] - config->sites), sites[i]->name, sites[i - 1]->mark.line);
    }
    free(sites);
}

/* Port 0 is any free port, so http and https there are two. */
static int compare_binding(const struct config_binding *a, const struct config_binding *b)
{
    if (a->port != b->port)
        return a->port < b->port ? -1 : 1;
    int order = compare_text(a->host, b->host);
    if (order != 0 || a->port != 0 || a->is_https == b->is_https)
        return order;
    return a->is_https ? 1 : -1;
}

static int compare_uses(const void *left, const void *right)
{
    const struct use *a = left;
    const struct use *b = right;
    int order = compare_binding(a->binding, b->binding);
    if (order != 0)
        return order;
    if (a->site_index != b->site_index)
        return a->site_index < b->site_index ? -1 : 1;
    return (a->binding_index > b->binding_index) - (a->binding_index < b->binding_index);
}

struct seen { /* first bindings of one port by scheme (0 http, 1 https) */
    const struct config_binding *same[2];   /* this very address */
    const struct config_binding *any[2];    /* 0.0.0.0 or :: */
    const struct config_binding *family[2]; /* any address of the family */
};

/* 0.0.0.0 takes the port on every IPv4 address, :: on every IPv6 address. */
static const struct config_binding *find_conflict(const struct seen *seen, bool is_any, bool other)
{
    if (seen->same[other] != NULL)
        return seen->same[other];
    if (seen->any[other] != NULL)
        return seen->any[other];
    return is_any ? seen->family[other] : NULL;
}

static void remember(struct seen *seen, const struct config_binding *binding, bool is_any)
{
    bool scheme = binding->is_https;
    if (seen->same[scheme] == NULL)
        seen->same[scheme] = binding;
    if (seen->family[scheme] == NULL)
        seen->family[scheme] = binding;
    if (is_any && seen->any[scheme] == NULL)
        seen->any[scheme] = binding;
}

/* The uses of one port, sorted by address. */
static void check_schemes(const struct use *uses, size_t count, struct check *check)
{
    struct seen families[2] = {0};
    if (uses[0].binding->port == 0)
        return;
    for (size_t i = 0; i < count; i++) {
        const struct config_binding *self = uses[i].binding;
        bool is_v6 = strchr(self->host, ':') != NULL;
        bool is_any = strcmp(self->host, is_v6 ? "::" : "0.0.0.0") == 0;
        struct seen *seen = &families[is_v6];
        if (i > 0 && strcmp(uses[i - 1].binding->host, self->host) != 0)
            seen->same[0] = seen->same[1] = NULL;
        const struct config_binding *other = find_conflict(seen, is_any, !self->is_https);
        if (other != NULL)
            report(check, self->url.mark,
                   "sites[%zu].bindings[%zu]: http and https on one port: \"%s\" at line %u",
                   uses[i].site_index, uses[i].binding_index, other->url.text,
                   other->url.mark.line);
        remember(seen, self, is_any);
    }
}

static int compare_host_uses(const void *left, const void *right)
{
    const struct host_use *a = left;
    const struct host_use *b = right;
    int order = compare_text(a->host == NULL ? NULL : a->host->text,
                             b->host == NULL ? NULL : b->host->text);
    if (order != 0)
        return order;
    if (a->use->site_index != b->use->site_index)
        return a->use->site_index < b->use->site_index ? -1 : 1;
    return (a->host > b->host) - (a->host < b->host);
}

static void report_host(const struct host_use *self, const struct host_use *other,
                        struct check *check)
{
    const struct use *use = self->use;
    if (self->host == NULL)
        report(check, use->binding->url.mark,
               "sites[%zu].bindings[%zu]: a second site without `hosts` on this binding; the "
               "first is \"%s\"",
               use->site_index, use->binding_index, other->use->site->name);
    else
        report(check, self->host->mark,
               "sites[%zu].hosts: \"%s\" is given twice for the binding \"%s\"", use->site_index,
               self->host->text, use->binding->url.text);
}

/* The uses of one listening address. */
static void check_hosts(const struct use *uses, size_t count, struct check *check)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += uses[i].site->hosts.count + 1;
    struct host_use *hosts = xcalloc(total, sizeof *hosts);
    size_t filled = 0;
    for (size_t i = 0; i < count; i++) {
        const struct config_list *list = &uses[i].site->hosts;
        bool is_again = i > 0 && uses[i - 1].site == uses[i].site;
        if (is_again) {
            /* http and https on one port is reported as that. */
            if (uses[i - 1].binding->is_https == uses[i].binding->is_https)
                report(check, uses[i].binding->url.mark,
                       "sites[%zu].bindings[%zu]: \"%s\" is given twice", uses[i].site_index,
                       uses[i].binding_index, uses[i].binding->url.text);
            continue;
        }
        if (!list->is_set)
            hosts[filled++] = (struct host_use){NULL, &uses[i]};
        for (size_t j = 0; j < list->count; j++)
            hosts[filled++] = (struct host_use){&list->items[j], &uses[i]};
    }
    if (filled > 1)
        qsort(hosts, filled, sizeof *hosts, compare_host_uses);
    for (size_t i = 1; i < filled; i++) {
        bool is_one_any = (hosts[i].host == NULL) != (hosts[i - 1].host == NULL);
        if (!is_one_any &&
            (hosts[i].host == NULL || strcmp(hosts[i].host->text, hosts[i - 1].host->text) == 0))
            report_host(&hosts[i], &hosts[i - 1], check);
    }
    free(hosts);
}

static size_t collect_uses(struct check *check, struct use **ret_uses)
{
    const struct config *config = check->config;
    size_t total = 0;
    size_t host_uses = 0;
    for (size_t i = 0; i < config->site_count; i++) {
        total += config->sites[i].binding_count;
        host_uses += config->sites[i].binding_count * config->sites[i].hosts.count;
    }
    struct use *uses = xcalloc(total + 1, sizeof *uses);
    *ret_uses = uses;
    if (host_uses > HOST_USES_MAX) {
        report(check, config->sites[0].mark, "sites: too many hosts on too many bindings");
        return 0;
    }
    size_t count = 0;
    for (size_t i = 0; i < config->site_count; i++) {
        const struct config_site *site = &config->sites[i];
        for (size_t j = 0; j < site->binding_count; j++) {
            if (site->bindings[j].host != NULL)
                uses[count++] = (struct use){site, &site->bindings[j], i, j};
        }
    }
    if (count > 1)
        qsort(uses, count, sizeof *uses, compare_uses);
    return count;
}

static void check_bindings(struct check *check)
{
    struct use *uses = NULL;
    size_t count = collect_uses(check, &uses);
    size_t port_start = 0;
    size_t start = 0;
    for (size_t i = 1; i <= count; i++) {
        bool is_end = i == count;
        if (is_end || compare_binding(uses[i].binding, uses[start].binding) != 0) {
            check_hosts(&uses[start], i - start, check);
            start = i;
        }
        if (is_end || uses[i].binding->port != uses[port_start].binding->port) {
            check_schemes(&uses[port_start], i - port_start, check);
            port_start = i;
        }
    }
    free(uses);
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static void collect_upstreams(struct check *check)
{
    const struct config *config = check->config;
    check->upstreams = xcalloc(config->upstream_count + 1, sizeof *check->upstreams);
    check->upstreams[check->upstream_count++] = "echo";
    for (size_t i = 0; i < config->upstream_count; i++) {
        if (strcmp(config->upstreams[i].name.text, "echo") != 0) /* reported */
            check->upstreams[check->upstream_count++] = config->upstreams[i].name.text;
    }
    qsort(check->upstreams, check->upstream_count, sizeof *check->upstreams, compare_names);
}

static void check_name(struct check *check, const struct config_value *upstream, const char *place)
{
    struct config_near near = {0};
    if (bsearch(&upstream->text, check->upstreams, check->upstream_count, sizeof *check->upstreams,
                compare_names) != NULL ||
        check->reported >= ERRORS_MAX)
        return;
    for (size_t i = 0; i < check->upstream_count; i++)
        config_near_offer(&near, str_of(upstream->text), check->upstreams[i]);
    struct text name = {0};
    config_text_add_quoted(&name, str_of(upstream->text));
    if (near.text != NULL)
        report(check, upstream->mark, "%s.upstream: no upstream %s; did you mean `%s`?", place,
               name.ptr, near.text);
    else
        report(check, upstream->mark, "%s.upstream: no upstream %s under `upstreams`", place,
               name.ptr);
    text_clear(&name);
}

static void check_upstream(struct check *check, const struct config_value *upstream,
                           const char *place)
{
    struct config_url url = {0};
    if (upstream->text == NULL)
        return;
    if (!config_address_is_url(str_of(upstream->text))) {
        check_name(check, upstream, place);
        return;
    }
    const char *problem = config_address_server(str_of(upstream->text), &url);
    if (problem != NULL)
        report(check, upstream->mark, "%s.upstream: %s", place, problem);
}

static bool is_same_mark(struct mark a, struct mark b)
{
    return a.line == b.line && a.column == b.column;
}

static void check_references(struct check *check)
{
    const struct config *config = check->config;
    for (size_t i = 0; i < config->site_count; i++) {
        const struct config_site *site = &config->sites[i];
        struct text place = {0};
        text_addf(&place, "sites[%zu]", i);
        check_upstream(check, &site->access.upstream, place.ptr);
        text_add_cstr(&place, ".locations[]");
        for (size_t j = 0; j < site->location_count; j++) {
            const struct config_value *upstream = &site->locations[j].access.upstream;
            /* An inherited one has been looked at. */
            if (!is_same_mark(upstream->mark, site->access.upstream.mark))
                check_upstream(check, upstream, place.ptr);
        }
        text_clear(&place);
    }
}

static void check_traced(struct check *check, const struct config_trace_rules *rules,
                         const char *place)
{
    if (rules->count > 0)
        report(check, rules->items[0].path.mark,
               "%s: nobody knows where to: `tracing.directory` is missing", place);
}

static void check_tracing(struct check *check)
{
    const struct config *config = check->config;
    if (config->tracing.directory.text != NULL)
        return;
    check_traced(check, &config->tracing.rules, "tracing.rules");
    for (size_t i = 0; config->tracing.rules.count == 0 && i < config->site_count; i++) {
        const struct config_site *site = &config->sites[i];
        check_traced(check, &site->access.tracing, "tracing.rules");
        for (size_t j = 0; site->access.tracing.count == 0 && j < site->location_count; j++)
            check_traced(check, &site->locations[j].access.tracing, "tracing.rules");
    }
}

void config_check(const struct config *config, struct error_list *errors)
{
    struct check check = {.config = config, .errors = errors};
    collect_upstreams(&check);
    check_names(&check);
    check_bindings(&check);
    check_references(&check);
    check_tracing(&check);
    free(check.upstreams);
}

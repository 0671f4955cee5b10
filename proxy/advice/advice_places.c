/* Settings of a site and its locations that leave nobody in.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "advice/advice_private.h"
#include "auth/cert_map.h"
#include "base/str.h"

#define COMPARE_MAX 1000000 /* users with patterns */

/* ---- places: the site is number 0, its locations follow ---- */

static const struct config_access *place_at(const struct config_site *site, size_t i)
{
    return i == 0 ? &site->access : &site->locations[i - 1].access;
}

static struct mark mark_of(const struct config_site *site, size_t i)
{
    return i == 0 ? site->mark : site->locations[i - 1].path.mark;
}

static const char *name_of(const struct config_site *site, size_t i)
{
    return i == 0 ? site->name : site->locations[i - 1].path.text;
}

static bool has_binding(const struct config_site *site, bool is_https)
{
    size_t i = 0;
    while (i < site->binding_count && site->bindings[i].is_https != is_https)
        i++;
    return i < site->binding_count;
}

/* Warns of the places of which it is true; of the site alone when that is one of them. */
static void for_each(const struct advice *advice,
                     bool (*is_closed)(const struct advice *advice,
                                       const struct config_access *access),
                     const char *text)
{
    const struct config_site *site = advice->site->config;
    struct advice_count count = {0};
    for (size_t i = 0; i <= site->location_count; i++) {
        if (!is_closed(advice, place_at(site, i)))
            continue;
        advice_add(advice, &count, mark_of(site, i), "%s \"%s\": %s", i == 0 ? "site" : "location",
                   name_of(site, i), text);
        if (i == 0)
            break;
    }
    advice_end(advice, &count, "locations of this kind");
}

/* ---- https ---- */

static bool believes_proxies(const struct advice *advice)
{
    return advice->snapshot->config->trusted_proxies.client_certificate != FORWARDED_CERT_NONE;
}

/* A redirect to https comes before everything else. */
static bool redirects_to_https(const struct config_access *access)
{
    return str_starts_with(str_of(access->redirect.to.text), STR("https")) &&
           strstr(access->redirect.to.text, "//") == NULL;
}

static bool needs_https_binding(const struct advice *advice, const struct config_access *access)
{
    return access->require_ssl && !has_binding(advice->site->config, true) &&
           !redirects_to_https(access);
}

static bool needs_certificate_over_http(const struct advice *advice,
                                        const struct config_access *access)
{
    return !access->require_ssl && access->client_certificate == CLIENT_CERT_REQUIRE &&
           has_binding(advice->site->config, false) && !believes_proxies(advice) &&
           !redirects_to_https(access);
}

void advice_transport(const struct advice *advice)
{
    for_each(advice, needs_https_binding,
             "require_ssl is on and the site has no https binding: every request is refused with "
             "403.4; add one, or set require_ssl: false");
    for_each(advice, needs_certificate_over_http,
             "a certificate is required, and none can come over the http binding: every request "
             "there is refused with 403.7; remove that binding, or set require_ssl: true and "
             "redirect: https");
}

/* ---- certificates asked for late ---- */

static bool refuses_for_certificates(const struct config_site *site)
{
    bool refuses = false;
    for (size_t i = 0; i <= site->location_count && !refuses; i++) {
        enum config_client_certificate setting = place_at(site, i)->client_certificate;
        refuses = setting == CLIENT_CERT_ACCEPT || setting == CLIENT_CERT_REQUIRE;
    }
    return refuses;
}

void advice_late(const struct advice *advice)
{
    const struct config_site *site = advice->site->config;
    static const char *const answers[] = {
        [POST_HANDSHAKE_RST] = "are disconnected",
        [POST_HANDSHAKE_500] = "are refused with 500",
        [POST_HANDSHAKE_403] = "are refused with 403.7",
    };
    if (!site->negotiate_late || site->tls.max_version < 0x0304 || advice->site->tls == NULL ||
        !advice_asks(site))
        return;
    errors_warn(advice->errors, site->mark,
                "negotiate_client_certificate: late needs post-handshake authentication in TLS "
                "1.3, which no browser offers: such clients %s wherever a certificate is asked "
                "for; set tls.max_version: \"1.2\", or negotiate_client_certificate: handshake",
                refuses_for_certificates(site)
                    ? answers[advice->snapshot->config->compat.post_handshake]
                    : "go on without one");
}

/* ---- users ---- */

static bool makes_users(const struct config_mapping *mapping)
{
    bool makes = mapping->one_to_one_enabled && mapping->one_to_one_file.text != NULL;
    for (size_t i = 0; mapping->one_to_one_enabled && i < mapping->one_to_one_count && !makes; i++)
        makes = mapping->one_to_one[i].enabled;
    for (size_t i = 0; mapping->many_to_one_enabled && i < mapping->many_to_one_count && !makes;
         i++)
        makes = mapping->many_to_one[i].enabled && !mapping->many_to_one[i].deny;
    return makes;
}

static bool has_no_users(const struct advice *advice, const struct config_access *access)
{
    return !access->anonymous && (access->client_certificate == CLIENT_CERT_IGNORE ||
                                  !makes_users(&advice->site->config->mapping));
}

void advice_anonymous(const struct advice *advice)
{
    for_each(advice, has_no_users,
             "anonymous is false and no mapping can lead to a user here: every request is refused "
             "with 401.2; add a mapping (and ask for the certificate), or set anonymous: true");
}

/* ---- authorize ---- */

struct users { /* comparisons that are left before the question is given up */
    const struct config_mapping *mapping;
    size_t left;
};

static bool is_user(struct users *users, const struct config_list *wanted,
                    const struct config_value *user)
{
    const char *domain = users->mapping->default_logon_domain.text;
    struct text full = {0};
    bool is_wanted = false;
    text_addf(&full, "%s%s%s", domain == NULL ? "" : domain, domain == NULL ? "" : "\\",
              user->text);
    for (size_t i = 0; i < wanted->count && !is_wanted && users->left > 0; i++) {
        struct str pattern = str_of(wanted->items[i].text);
        users->left--;
        is_wanted = cert_map_glob(pattern, str_of(user->text), false) ||
                    cert_map_glob(pattern, text_str(&full), false);
    }
    text_clear(&full);
    return is_wanted;
}

/* Also when there are too many to be looked through. */
static bool may_be_user(struct users *users, const struct config_list *wanted)
{
    const struct config_mapping *mapping = users->mapping;
    bool may = mapping->one_to_one_enabled && mapping->one_to_one_file.text != NULL;
    for (size_t i = 0; mapping->one_to_one_enabled && i < mapping->one_to_one_count && !may; i++)
        may =
            mapping->one_to_one[i].enabled && is_user(users, wanted, &mapping->one_to_one[i].user);
    for (size_t i = 0; mapping->many_to_one_enabled && i < mapping->many_to_one_count && !may; i++)
        may = mapping->many_to_one[i].enabled && !mapping->many_to_one[i].deny &&
              is_user(users, wanted, &mapping->many_to_one[i].user);
    return may || users->left == 0;
}

static bool may_be_mapping(const struct config_mapping *mapping, const struct config_list *wanted)
{
    for (size_t i = 0; i < wanted->count; i++) {
        struct str pattern = str_of(wanted->items[i].text);
        bool has_exact = mapping->one_to_one_file.text != NULL || mapping->one_to_one_count > 0;
        if (mapping->one_to_one_enabled && has_exact &&
            cert_map_glob(pattern, STR("one_to_one"), true))
            return true;
        for (size_t j = 0; mapping->many_to_one_enabled && j < mapping->many_to_one_count; j++) {
            const struct config_many_to_one *item = &mapping->many_to_one[j];
            if (item->enabled && !item->deny &&
                cert_map_glob(pattern, str_of(item->name.text), true))
                return true;
        }
    }
    return false;
}

static bool needs_certificate(const struct config_authorize *rule)
{
    return rule->issuer.is_set || rule->subject_count > 0 || rule->san_dns.is_set ||
           rule->san_email.is_set || rule->san_uri.is_set || rule->san_ip.is_set ||
           rule->upn.is_set || rule->eku.is_set || rule->sha256.is_set;
}

static bool has_conditions(const struct config_authorize *rule)
{
    return needs_certificate(rule) || rule->user.is_set || rule->mapping.is_set;
}

/* Why a rule that allows never does, with the place of the condition; NULL: it may. */
static const char *never_holds(const struct advice *advice, const struct config_access *access,
                               const struct config_authorize *rule, struct mark *ret_mark)
{
    struct users users = {&advice->site->config->mapping, COMPARE_MAX};
    bool is_ignored = access->client_certificate == CLIENT_CERT_IGNORE;
    if (rule->user.is_set && (is_ignored || !may_be_user(&users, &rule->user))) {
        *ret_mark = rule->user.mark;
        return "no mapping leads to such a user here";
    }
    if (rule->mapping.is_set && (is_ignored || !may_be_mapping(users.mapping, &rule->mapping))) {
        *ret_mark = rule->mapping.mark;
        return "there is no such mapping that leads to a user here";
    }
    if (needs_certificate(rule) && is_ignored)
        return "it asks about the certificate, and client_certificate is ignore here";
    return NULL;
}

static void check_rules(const struct advice *advice, size_t place, struct advice_count *count)
{
    const struct config_site *site = advice->site->config;
    const struct config_access *access = place_at(site, place);
    const char *name = name_of(site, place);
    size_t open = 0; /* rules that may let somebody in */
    size_t i = 0;
    for (bool is_end = false; i < access->authorize_count && !is_end; i++) {
        const struct config_authorize *rule = &access->authorize[i];
        struct mark mark = mark_of(site, place);
        const char *why = rule->deny ? NULL : never_holds(advice, access, rule, &mark);
        if (why != NULL)
            advice_add(advice, count, mark,
                       "authorize of \"%s\", rule %zu never allows anybody: %s", name, i + 1, why);
        open += !rule->deny && why == NULL;
        is_end = !has_conditions(rule);
    }
    if (i < access->authorize_count)
        advice_add(advice, count, mark_of(site, place),
                   "authorize of \"%s\", rule %zu is never reached: the rule before it has no "
                   "conditions and decides everything",
                   name, i + 1);
    if (open == 0)
        advice_add(advice, count, mark_of(site, place),
                   "authorize of \"%s\" allows nobody: every request is refused with 403.12; add a "
                   "rule that allows, such as {} for everybody",
                   name);
}

void advice_authorize(const struct advice *advice)
{
    const struct config_site *site = advice->site->config;
    struct advice_count count = {0};
    for (size_t i = 0; i <= site->location_count; i++) {
        const struct config_access *access = place_at(site, i);
        bool is_inherited = i > 0 && access->authorize == site->access.authorize &&
                            access->client_certificate == site->access.client_certificate;
        if (access->authorize_count > 0 && !is_inherited)
            check_rules(advice, i, &count);
    }
    advice_end(advice, &count, "findings in authorize");
}

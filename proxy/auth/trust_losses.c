/* What a store has lost since the configuration before: a failed copy must not count as a wish.
 *
 * SPDX-License-Identifier: MIT */
#include "auth/store_load.h"
#include "auth/trust.h"
#include "auth/trust_store.h"

struct store_pair {
    const char *name;
    const struct config_list *list;
    const struct config_list *list_before;
    size_t count;
    size_t count_before;
};

static size_t count_members(const struct trust *trust, unsigned bit)
{
    size_t count = 0;
    for (size_t i = 0; i < trust->member_count; i++)
        count += (trust->members[i].stores & bit) != 0;
    return count;
}

/* Some of the files and folders are still the same: what is gone was not taken out of the list. */
static bool is_still_named(const struct store_pair *store)
{
    for (size_t i = 0; i < store->list_before->count; i++) {
        if (store_names(store->list, store->list_before->items[i].text))
            return true;
    }
    return false;
}

static void check_emptied(const struct store_pair *store, const struct config_site *site,
                          struct error_list *errors)
{
    if (store->count == 0 && store->count_before > 0 && is_still_named(store))
        errors_add(errors, store->list->mark,
                   "the %s store of site \"%s\" held %zu certificates before the reload and holds "
                   "none now: if that is meant, take its paths out of the configuration",
                   store->name, site->name, store->count_before);
}

static size_t count_trusted_again(const struct trust *trust, const struct trust *before)
{
    size_t count = 0;
    size_t at = 0;
    for (size_t i = 0; i < before->disallowed_count; i++) { /* both are sorted */
        int order = 1;
        while (at < trust->disallowed_count &&
               (order = memcmp(trust->disallowed[at], before->disallowed[i], 32)) < 0)
            at++;
        count += order != 0;
    }
    return count;
}

void trust_check_losses(const struct trust *trust, const struct config_site *site,
                        const struct trust *before, const struct config_site *site_before,
                        struct error_list *errors)
{
    const struct config_trust *settings = &site->trust;
    const struct config_trust *old = &site_before->trust;
    const struct store_pair stores[] = {
        {"root", &settings->root, &old->root, count_members(trust, TRUST_IN_ROOT),
         count_members(before, TRUST_IN_ROOT)},
        {"intermediate", &settings->intermediate, &old->intermediate,
         count_members(trust, TRUST_IN_INTERMEDIATE), count_members(before, TRUST_IN_INTERMEDIATE)},
        {"trusted_issuers", &settings->trusted_issuers, &old->trusted_issuers,
         count_members(trust, TRUST_IN_TRUSTED_ISSUERS),
         count_members(before, TRUST_IN_TRUSTED_ISSUERS)},
        {"client_auth_issuers", &settings->client_auth_issuers, &old->client_auth_issuers,
         count_members(trust, TRUST_IN_CLIENT_AUTH_ISSUERS),
         count_members(before, TRUST_IN_CLIENT_AUTH_ISSUERS)},
        {"disallowed", &settings->disallowed, &old->disallowed, trust->disallowed_count,
         before->disallowed_count},
    };
    for (size_t i = 0; i < sizeof stores / sizeof *stores; i++)
        check_emptied(&stores[i], site, errors);
    size_t again = count_trusted_again(trust, before);
    if (again > 0 && trust->disallowed_count > 0)
        errors_warn(errors, settings->disallowed.mark,
                    "the disallowed store of site \"%s\" has lost %zu certificates since the "
                    "configuration before: they are distrusted no longer",
                    site->name, again);
}

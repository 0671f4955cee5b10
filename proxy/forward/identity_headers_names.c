/* Which fields of clients never reach a backend.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/mem.h"
#include "forward/identity_headers.h"

/* Every name a preset may set or a well-known proxy is known to send, configured or not. */
static const char *const KNOWN_NAMES[] = {
    /* iis-arr, ASP.NET Core, URL Rewrite */
    "x-forwarded-by",
    "ms-aspnetcore-clientcert",
    "x-original-url",
    "x-rewrite-url",
    /* ours */
    "x-identity-omitted",
    /* the user, under the names backends believe */
    "remote-user",
    "x-remote-user",
    "auth-user",
    "logon-user",
    "x-authenticated-user",
    "x-forwarded-user",
    "x-webauth-user",
    "x-user-dn",
    /* the connection, which we describe ourselves */
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-protocol",
    "x-forwarded-scheme",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-server",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "x-url-scheme",
    "front-end-https",
};

/* Every name that begins like this as well: the presets, the variants that other set-ups of the
 * same proxies send, and what they may send one day. */
static const struct str KNOWN_FAMILIES[] = {
    STR_INIT("client-cert"),             /* rfc9440 */
    STR_INIT("x-arr-"),                  /* iis-arr, Azure App Service */
    STR_INIT("x-forwarded-client-cert"), /* xfcc */
    STR_INIT("ssl-client-"),             /* apache, ingress-nginx */
    STR_INIT("x-ssl-"),                  /* nginx, haproxy */
    STR_INIT("x-client-cert"),
    STR_INIT("x-client-verify"),
    STR_INIT("x-client-dn"),
    STR_INIT("x-forwarded-tls-"), /* traefik */
    STR_INIT("x-forwarded-ssl"),
    STR_INIT("x-amzn-mtls-"), /* aws-alb */
};

#define NAME_MAX_LEN ((size_t)256)

struct name_entry {
    UT_hash_handle hh;
    size_t len;
    char text[];
};
struct identity_names {
    struct name_entry *table;
    uint32_t families;               /* initials of families, as bits */
    uint32_t initials[NAME_MAX_LEN]; /* of names, by length: nearly every other name ends here */
};

/* One spelling for all that a backend might fold together. RFC 3875 section 4.1.18 maps '-' to '_';
 * servers that make environment variables do so with every character but letters and digits. */
static void fold(struct str name, char *out)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        out[i] = ascii_is_alpha(c) || ascii_is_digit(c) ? ascii_lower(c) : '-';
    }
}

static bool is_of_family(struct str folded)
{
    for (size_t i = 0; i < sizeof KNOWN_FAMILIES / sizeof KNOWN_FAMILIES[0]; i++) {
        if (str_starts_with(folded, KNOWN_FAMILIES[i]))
            return true;
    }
    return false;
}

/* One for each letter, one for whatever else a name begins with: what folds to the same character
 * has the same bit. */
static uint32_t initial_bit(char c)
{
    return UINT32_C(1) << (ascii_is_alpha(c) ? ascii_lower(c) - 'a' : 26);
}

static void add_name(struct identity_names *names, struct str name)
{
    char folded[NAME_MAX_LEN];
    struct name_entry *entry = NULL;
    if (name.len == 0 || name.len >= NAME_MAX_LEN)
        return;
    fold(name, folded);
    HASH_FIND(hh, names->table, folded, name.len, entry);
    if (entry != NULL)
        return;
    entry = xcalloc(1, sizeof *entry + name.len + 1);
    entry->len = name.len;
    memcpy(entry->text, folded, name.len);
    HASH_ADD_KEYPTR(hh, names->table, entry->text, entry->len, entry);
    names->initials[name.len] |= initial_bit(folded[0]);
}

static void add_forward(struct identity_names *names, const struct config_forward *forward)
{
    for (size_t i = 0; i < forward->header_count; i++)
        add_name(names, str_of(forward->headers[i].name.text));
}

struct identity_names *identity_names_new(const struct config *config)
{
    struct identity_names *names = xcalloc(1, sizeof *names);
    for (size_t i = 0; i < sizeof KNOWN_NAMES / sizeof KNOWN_NAMES[0]; i++)
        add_name(names, str_of(KNOWN_NAMES[i]));
    for (size_t i = 0; i < sizeof KNOWN_FAMILIES / sizeof KNOWN_FAMILIES[0]; i++)
        names->families |= initial_bit(KNOWN_FAMILIES[i].ptr[0]);
    for (size_t i = 0; i < config->site_count; i++) {
        const struct config_site *site = &config->sites[i];
        add_forward(names, &site->access.forward);
        for (size_t j = 0; j < site->location_count; j++)
            add_forward(names, &site->locations[j].access.forward);
    }
    return names;
}

void identity_names_free(struct identity_names *names)
{
    if (names == NULL)
        return;
    struct name_entry *entry;
    struct name_entry *next;
    HASH_ITER (hh, names->table, entry, next) {
        HASH_DEL(names->table, entry); /* NOLINT(clang-analyzer-unix.Malloc): its own macro */
        free(entry);
    }
    free(names);
}

static bool is_possible(const struct identity_names *names, struct str name)
{
    if (name.len == 0)
        return false;
    uint32_t known = name.len < NAME_MAX_LEN ? names->initials[name.len] : 0;
    return ((known | names->families) & initial_bit(name.ptr[0])) != 0;
}

static bool contain_folded(const struct identity_names *names, struct str name)
{
    char folded[NAME_MAX_LEN];
    const struct name_entry *entry = NULL;
    size_t len = name.len < NAME_MAX_LEN ? name.len : NAME_MAX_LEN - 1;
    fold(str_make(name.ptr, len), folded);
    if (is_of_family(str_make(folded, len)))
        return true;
    if (len < name.len)
        return false;
    HASH_FIND(hh, names->table, folded, name.len, entry);
    return entry != NULL;
}

bool identity_names_contain(const struct identity_names *names, struct str name)
{
    return is_possible(names, name) && contain_folded(names, name);
}

/* SPDX-License-Identifier: MIT */
#include "auth/cert_map_logon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/asn1.h>
#include <openssl/crypto.h>

#include "auth/cert_map_index.h"
#include "auth/cert_map_source.h"
#include "base/mem.h"
#include "base/password.h"
#include "base/text.h"

#define CHUNK_SIZE    65536
#define USER_MAX      1024
#define QUALIFIED_MAX (2 * USER_MAX + 2)

struct chunk { /* users of one_to_one_file, packed: no allocation each */
    struct chunk *next;
    size_t used;
    char bytes[CHUNK_SIZE];
};

struct account {
    char *user;
    char *password; /* NULL: any */
    enum config_account_state state;
};

struct cert_map_logons {
    char *domain; /* NULL: none */
    bool has_accounts;
    struct account *accounts;
    uint32_t account_count;
    struct cert_map_index account_index;

    struct cert_map_logon *items;
    uint32_t count;
    size_t capacity;
    struct cert_map_index interned; /* the items without a password */
    struct chunk *chunks;
};

static struct str folded(struct str user, char ret_text[QUALIFIED_MAX])
{
    for (size_t i = 0; i < user.len; i++)
        ret_text[i] = ascii_lower(user.ptr[i]);
    return str_make(ret_text, user.len);
}

static uint64_t hash_user(struct str user)
{
    return cert_map_hash_finish(cert_map_hash_text(CERT_MAP_HASH_START, user));
}

static uint64_t hash_account(struct str user)
{
    char text[QUALIFIED_MAX];
    return hash_user(folded(user, text));
}

static uint64_t account_hash_of(const void *owner, uint32_t id)
{
    const struct cert_map_logons *logons = owner;
    return hash_account(str_of(logons->accounts[id].user));
}

static bool account_is_equal(const void *owner, uint32_t id, const void *key)
{
    const struct cert_map_logons *logons = owner;
    const struct str *user = key;
    return str_equal_icase(str_of(logons->accounts[id].user), *user);
}

static uint64_t logon_hash_of(const void *owner, uint32_t id)
{
    const struct cert_map_logons *logons = owner;
    return hash_user(str_of(logons->items[id].user));
}

static bool logon_is_equal(const void *owner, uint32_t id, const void *key)
{
    const struct cert_map_logons *logons = owner;
    const struct str *user = key;
    return str_equal(str_of(logons->items[id].user), *user);
}

bool cert_map_user_is_valid(struct str user)
{
    if (user.len == 0 || user.len > USER_MAX)
        return false;
    size_t at = 0;
    while (at < user.len) {
        unsigned long code = 0;
        int used = UTF8_getc((const unsigned char *)user.ptr + at, (int)(user.len - at), &code);
        if (used <= 0 || code < 0x20 || (code >= 0x7f && code < 0xa0))
            return false;
        at += (size_t)used;
    }
    return true;
}

/* DOMAIN\user when the user has no domain of its own: neither DOMAIN\user nor user@domain. */
static struct str qualify(const struct cert_map_logons *logons, struct str user,
                          char ret_text[QUALIFIED_MAX])
{
    bool has_domain = str_find(user, '\\') < user.len || str_find(user, '@') < user.len;
    if (has_domain || logons->domain == NULL)
        return user;
    int len = snprintf(ret_text, QUALIFIED_MAX, "%s\\%.*s", logons->domain, STR_ARG(user));
    return str_make(ret_text, (size_t)len);
}

/* NULL when there is none, or when errors were added. */
static char *read_password(const struct config_value *file, struct error_list *errors)
{
    const char *problem = NULL;
    char *password = file->text == NULL ? NULL : password_read(file->text, &problem);
    if (problem != NULL)
        errors_add(errors, file->mark, "cannot read the password file %s: %s", file->text, problem);
    return password;
}

static bool is_same_password(const char *a, const char *b)
{
    size_t len = strlen(a);
    return strlen(b) == len && CRYPTO_memcmp(a, b, len) == 0;
}

static void check_user(const struct config_value *user, struct error_list *errors)
{
    if (!cert_map_user_is_valid(str_of(user->text)))
        errors_add(errors, user->mark,
                   "a user must be 1 to %d bytes of UTF-8 without control characters", USER_MAX);
}

static void add_account(struct cert_map_logons *logons, const struct config_account *account,
                        struct error_list *errors)
{
    check_user(&account->user, errors);
    char text[QUALIFIED_MAX];
    struct str user = str_of(account->user.text);
    if (!cert_map_user_is_valid(user))
        return;
    user = qualify(logons, user, text);
    if (cert_map_index_find(&logons->account_index, logons, hash_account(user), &user) !=
        CERT_MAP_INDEX_NONE) {
        errors_add(errors, account->user.mark, "the account '%.*s' is listed twice", STR_ARG(user));
        return;
    }
    uint32_t id = logons->account_count++;
    logons->accounts[id] =
        (struct account){xstrndup(user.ptr, user.len),
                         read_password(&account->password_file, errors), account->state};
    cert_map_index_add(&logons->account_index, logons, id);
}

struct cert_map_logons *cert_map_logons_new(const struct config_site *site,
                                            struct error_list *errors)
{
    struct cert_map_logons *logons = xcalloc(1, sizeof *logons);
    logons->account_index.hash_of = account_hash_of;
    logons->account_index.is_equal = account_is_equal;
    logons->interned.hash_of = logon_hash_of;
    logons->interned.is_equal = logon_is_equal;
    const struct config_value *domain = &site->mapping.default_logon_domain;
    if (domain->text != NULL && domain->text[0] != '\0') {
        if (cert_map_user_is_valid(str_of(domain->text)))
            logons->domain = xstrdup(domain->text);
        else
            errors_add(errors, domain->mark, "a domain must have no control characters");
    }
    logons->has_accounts = site->accounts_set;
    logons->accounts = xcalloc(site->account_count, sizeof *logons->accounts);
    for (size_t i = 0; i < site->account_count; i++)
        add_account(logons, &site->accounts[i], errors);
    return logons;
}

void cert_map_logons_free(struct cert_map_logons *logons)
{
    if (logons == NULL)
        return;
    for (uint32_t i = 0; i < logons->count; i++)
        password_free(logons->items[i].password);
    for (uint32_t i = 0; i < logons->account_count; i++) {
        free(logons->accounts[i].user);
        password_free(logons->accounts[i].password);
    }
    while (logons->chunks != NULL) {
        struct chunk *chunk = logons->chunks;
        logons->chunks = chunk->next;
        free(chunk);
    }
    cert_map_index_clear(&logons->account_index);
    cert_map_index_clear(&logons->interned);
    free(logons->accounts);
    free(logons->items);
    free(logons->domain);
    free(logons);
}

static enum outcome decide(const struct cert_map_logons *logons, struct str user,
                           const char *password)
{
    if (!logons->has_accounts)
        return OUTCOME_OK;
    uint32_t id = cert_map_index_find(&logons->account_index, logons, hash_account(user), &user);
    if (id == CERT_MAP_INDEX_NONE)
        return OUTCOME_LOGON_FAILED;
    const struct account *account = &logons->accounts[id];
    /* Windows checks the password before the state, so that a guess learns nothing of it. */
    if (account->password != NULL &&
        (password == NULL || !is_same_password(password, account->password)))
        return OUTCOME_LOGON_FAILED;
    switch (account->state) {
    case ACCOUNT_DISABLED:
        return OUTCOME_LOGON_DISABLED;
    case ACCOUNT_PASSWORD_EXPIRED:
        return OUTCOME_LOGON_PASSWORD_EXPIRED;
    case ACCOUNT_LOGON_TYPE_DENIED:
        return OUTCOME_LOGON_TYPE_DENIED;
    case ACCOUNT_ENABLED:
        return OUTCOME_OK;
    }
    return OUTCOME_LOGON_FAILED;
}

static const char *keep_user(struct cert_map_logons *logons, struct str user)
{
    if (logons->chunks == NULL || CHUNK_SIZE - logons->chunks->used < user.len + 1) {
        struct chunk *chunk = xmalloc(sizeof *chunk);
        chunk->next = logons->chunks;
        chunk->used = 0;
        logons->chunks = chunk;
    }
    char *copy = logons->chunks->bytes + logons->chunks->used;
    memcpy(copy, user.ptr, user.len);
    copy[user.len] = '\0';
    logons->chunks->used += user.len + 1;
    return copy;
}

static uint32_t append(struct cert_map_logons *logons, struct cert_map_logon logon)
{
    if (logons->count == logons->capacity) {
        logons->capacity = logons->capacity == 0 ? 16 : logons->capacity * 2;
        logons->items = xreallocarray(logons->items, logons->capacity, sizeof *logons->items);
    }
    logons->items[logons->count] = logon;
    return logons->count++;
}

uint32_t cert_map_logons_intern(struct cert_map_logons *logons, struct str user)
{
    char text[QUALIFIED_MAX];
    user = qualify(logons, user, text);
    uint32_t id = cert_map_index_find(&logons->interned, logons, hash_user(user), &user);
    if (id != CERT_MAP_INDEX_NONE)
        return id;
    enum outcome outcome = decide(logons, user, NULL);
    id = append(logons, (struct cert_map_logon){keep_user(logons, user), NULL, outcome});
    cert_map_index_add(&logons->interned, logons, id);
    return id;
}

static void warn_of_refusal(const struct cert_map_logons *logons, struct str user,
                            const char *password, struct mark mark, struct error_list *errors)
{
    uint32_t id = cert_map_index_find(&logons->account_index, logons, hash_account(user), &user);
    if (id == CERT_MAP_INDEX_NONE)
        errors_warn(errors, mark,
                    "the user '%.*s' is not in accounts: every logon fails with 401.1",
                    STR_ARG(user));
    else
        errors_warn(
            errors, mark, "the mapping of '%.*s' %s the account: every logon fails with 401.1",
            STR_ARG(user),
            password == NULL ? "has no password_file, unlike" : "has another password than");
}

uint32_t cert_map_logons_add(struct cert_map_logons *logons, const struct config_value *user,
                             const struct config_value *password_file, struct error_list *errors)
{
    check_user(user, errors);
    struct str name = str_of(user->text);
    if (!cert_map_user_is_valid(name))
        return 0;
    char *password = read_password(password_file, errors);
    char text[QUALIFIED_MAX];
    struct str full = qualify(logons, name, text);
    if (decide(logons, full, password) == OUTCOME_LOGON_FAILED)
        warn_of_refusal(logons, full, password, user->mark, errors);
    if (password == NULL)
        return cert_map_logons_intern(logons, name);
    return append(logons, (struct cert_map_logon){keep_user(logons, full), password,
                                                  decide(logons, full, password)});
}

void cert_map_logons_finish(struct cert_map_logons *logons)
{
    cert_map_index_clear(&logons->interned);
    logons->capacity = logons->count;
    logons->items = xreallocarray(logons->items, logons->count, sizeof *logons->items);
}

const struct cert_map_logon *cert_map_logons_get(const struct cert_map_logons *logons, uint32_t id)
{
    return &logons->items[id];
}

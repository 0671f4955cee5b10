/* cert_map_logon.h - the logon of every mapped user, decided once when the map is loaded.
 *
 * There are no Windows accounts here: `accounts` stands for them. Absent, every logon succeeds.
 * Present, the user must be listed (ASCII case-insensitive, as account names are on Windows), be
 * enabled, and when the account has a password file the mapping must bring the same password; an
 * account without one accepts any. default_logon_domain is put before names without a domain, in
 * mappings and accounts alike. Users are interned. Private to the mapping files.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_CERT_MAP_LOGON_H
#define PROXY_AUTH_CERT_MAP_LOGON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/errors.h"
#include "base/str.h"
#include "config/config.h"
#include "http/outcome.h"

struct cert_map_logons;

struct cert_map_logon {
    const char *user;     /* with its domain; owned by the table */
    char *password;       /* owned by the table; NULL: none */
    enum outcome outcome; /* OUTCOME_OK or one of OUTCOME_LOGON_* */
};

/* Reads the accounts' password files; problems go to the list. The site is read, not kept. */
struct cert_map_logons *cert_map_logons_new(const struct config_site *site,
                                            struct error_list *errors);
void cert_map_logons_free(struct cert_map_logons *logons);

/* The logon of a mapping: its id. A user that is empty, has control characters or is not UTF-8, and
 * an unreadable password file, are errors. A logon that the list of accounts refuses only because
 * of a contradiction in the configuration is a warning. */
uint32_t cert_map_logons_add(struct cert_map_logons *logons, const struct config_value *user,
                             const struct config_value *password_file, struct error_list *errors);
/* The same for a line of one_to_one_file: a user that cert_map_user_is_valid, and no password. */
uint32_t cert_map_logons_intern(struct cert_map_logons *logons, struct str user);
/* Gives back what only loading needs. */
void cert_map_logons_finish(struct cert_map_logons *logons);
/* Borrowed; the pointer is good until the next addition. */
const struct cert_map_logon *cert_map_logons_get(const struct cert_map_logons *logons, uint32_t id);

/* Not empty, valid UTF-8, no control characters: fit for a header and a log. */
bool cert_map_user_is_valid(struct str user);

#endif

/* cert_map_names.h - attribute values of a certificate's names, decoded once for all rules.
 *
 * A slot is one attribute type of one name (subject CN, issuer O) that some rule asks for; only
 * those are decoded. Private to the mapping files.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_AUTH_CERT_MAP_NAMES_H
#define PROXY_AUTH_CERT_MAP_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "base/str.h"
#include "config/config.h"

struct cert_map_slot {
    enum config_field field;
    ASN1_OBJECT *type; /* owned */
    bool is_folded;    /* some rule compares without case */
    bool is_compared;  /* some rule compares with case */
};

struct cert_map_slots { /* start from {0} */
    struct cert_map_slot *items;
    size_t count;
};

/* The attribute type of a sub-field name (iis-semantics.md 5.3, any case) or of a dotted OID; NULL
 * when it is neither. The caller frees it with ASN1_OBJECT_free. */
ASN1_OBJECT *cert_map_subfield(const char *name);
/* The slot of a type, added when it is new; takes the type over. */
uint32_t cert_map_slots_add(struct cert_map_slots *slots, enum config_field field,
                            ASN1_OBJECT *type);
void cert_map_slots_clear(struct cert_map_slots *slots);

struct cert_map_value {
    char *text;   /* UTF-8 without NUL; OpenSSL's memory */
    char *folded; /* A to Z in lower case; NULL unless the slot is folded */
    size_t len;   /* of both */
};

struct cert_map_values {
    struct cert_map_value *items;
    size_t count;
    size_t *starts; /* the values of slot i are starts[i] up to starts[i + 1] */
};

/* Decodes what the slots need. A value that is not a text, is not valid in its encoding or has a
 * NUL in it is left out: nothing matches it, not even `*`. */
void cert_map_values_init(struct cert_map_values *values, const struct cert_map_slots *slots,
                          const X509 *x509);
/* The value, folded or as written. */
struct str cert_map_value_str(const struct cert_map_value *value, bool is_folded);
void cert_map_values_clear(struct cert_map_values *values);

#endif

/* SPDX-License-Identifier: MIT */
#include "auth/cert_map_names.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/objects.h>

#include "auth/cert_map_glob.h"
#include "base/mem.h"

static const struct {
    const char *name;
    const char *oid;
} subfields[] = {
    {"CN", "2.5.4.3"},
    {"SN", "2.5.4.4"},
    {"SERIALNUMBER", "2.5.4.5"},
    {"C", "2.5.4.6"},
    {"L", "2.5.4.7"},
    {"S", "2.5.4.8"},
    {"ST", "2.5.4.8"},
    {"STREET", "2.5.4.9"},
    {"O", "2.5.4.10"},
    {"OU", "2.5.4.11"},
    {"T", "2.5.4.12"},
    {"GN", "2.5.4.42"},
    {"G", "2.5.4.42"},
    {"I", "2.5.4.43"},
    {"E", "1.2.840.113549.1.9.1"},
    {"Email", "1.2.840.113549.1.9.1"},
    {"DC", "0.9.2342.19200300.100.1.25"},
    {"UID", "0.9.2342.19200300.100.1.1"},
};

/* Numbers and single dots between them; OpenSSL would let a dot at the end pass. */
static bool is_dotted(struct str oid)
{
    size_t parts = 0;
    uint64_t value = 0;
    struct str part;
    while (str_split(&oid, '.', &part)) {
        if (!str_parse_u64(part, UINT64_MAX, &value))
            return false;
        parts++;
    }
    return parts > 1;
}

ASN1_OBJECT *cert_map_subfield(const char *name)
{
    const char *oid = name;
    for (size_t i = 0; i < sizeof subfields / sizeof subfields[0]; i++) {
        if (str_equal_icase(str_of(name), str_of(subfields[i].name)))
            oid = subfields[i].oid;
    }
    if (!is_dotted(str_of(oid)))
        return NULL;
    ASN1_OBJECT *type = OBJ_txt2obj(oid, 1);
    ERR_clear_error();
    return type;
}

uint32_t cert_map_slots_add(struct cert_map_slots *slots, enum config_field field,
                            ASN1_OBJECT *type)
{
    for (size_t i = 0; i < slots->count; i++) {
        if (slots->items[i].field == field && OBJ_cmp(slots->items[i].type, type) == 0) {
            ASN1_OBJECT_free(type);
            return (uint32_t)i;
        }
    }
    slots->items = xreallocarray(slots->items, slots->count + 1, sizeof *slots->items);
    slots->items[slots->count] = (struct cert_map_slot){.field = field, .type = type};
    return (uint32_t)slots->count++;
}

void cert_map_slots_clear(struct cert_map_slots *slots)
{
    for (size_t i = 0; i < slots->count; i++)
        ASN1_OBJECT_free(slots->items[i].type);
    free(slots->items);
    *slots = (struct cert_map_slots){0};
}

/* UTF8String, PrintableString, IA5String, BMPString, UniversalString; TeletexString as Latin-1,
 * which is what issuers put there. False for anything else. */
static bool decode(const ASN1_STRING *string, struct cert_map_value *ret_value)
{
    unsigned char *utf8 = NULL;
    int len = ASN1_STRING_to_UTF8(&utf8, string);
    if (len < 0)
        return false;
    /* "alice\0.evil" must never pass for "alice". */
    if (memchr(utf8, '\0', (size_t)len) != NULL) {
        OPENSSL_free(utf8);
        return false;
    }
    *ret_value = (struct cert_map_value){.text = (char *)utf8, .len = (size_t)len};
    return true;
}

static void add_value(struct cert_map_values *values, size_t *capacity, bool is_folded,
                      struct cert_map_value value)
{
    if (values->count == *capacity) {
        *capacity = *capacity == 0 ? 8 : *capacity * 2;
        values->items = xreallocarray(values->items, *capacity, sizeof *values->items);
    }
    if (is_folded)
        value.folded = cert_map_fold(str_make(value.text, value.len));
    values->items[values->count++] = value;
}

void cert_map_values_init(struct cert_map_values *values, const struct cert_map_slots *slots,
                          const X509 *x509)
{
    *values = (struct cert_map_values){0};
    values->starts = xcalloc(slots->count + 1, sizeof *values->starts);
    size_t capacity = 0;
    for (size_t i = 0; i < slots->count; i++) {
        const struct cert_map_slot *slot = &slots->items[i];
        const X509_NAME *name = slot->field == CERT_FIELD_SUBJECT ? X509_get_subject_name(x509)
                                                                  : X509_get_issuer_name(x509);
        int at = -1;
        while ((at = X509_NAME_get_index_by_OBJ(name, slot->type, at)) >= 0) {
            struct cert_map_value value;
            if (decode(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)), &value))
                add_value(values, &capacity, slot->is_folded, value);
        }
        values->starts[i + 1] = values->count;
    }
    ERR_clear_error();
}

struct str cert_map_value_str(const struct cert_map_value *value, bool is_folded)
{
    return str_make(is_folded ? value->folded : value->text, value->len);
}

void cert_map_values_clear(struct cert_map_values *values)
{
    for (size_t i = 0; i < values->count; i++) {
        OPENSSL_free(values->items[i].text);
        free(values->items[i].folded);
    }
    free(values->items);
    free(values->starts);
    *values = (struct cert_map_values){0};
}

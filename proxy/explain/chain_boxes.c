/* SPDX-License-Identifier: MIT */
#include "explain/chain_boxes.h"

#include <string.h>

#include <openssl/x509v3.h>

#include "auth/client_cert.h"
#include "base/text.h"

typedef void (*cert_text_fn)(const struct cert *cert, struct text *out);

static struct str text_of(const struct cert *cert, cert_text_fn fn, struct arena *arena)
{
    struct text text = {0};
    fn(cert, &text);
    struct str copy = arena_copy(arena, text_str(&text));
    text_clear(&text);
    return copy;
}

static struct str common_name(const X509_NAME *name, struct arena *arena)
{
    int last = -1;
    for (int at = -1; (at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0;)
        last = at;
    if (last < 0)
        return (struct str){NULL, 0};
    unsigned char *utf8 = NULL;
    int len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)));
    if (len <= 0) {
        OPENSSL_free(utf8);
        return (struct str){NULL, 0};
    }
    struct str copy = arena_copy(arena, str_make((const char *)utf8, (size_t)len));
    OPENSSL_free(utf8);
    return copy;
}

/* ---- usage -------------------------------------------------------------------------------- */

static void add_part(struct text *out, const char *part)
{
    if (out->len > 0)
        text_add_cstr(out, ", ");
    text_add_cstr(out, part);
}

static void add_purpose(struct text *out, const ASN1_OBJECT *purpose)
{
    char oid[80];
    switch (OBJ_obj2nid(purpose)) {
    case NID_client_auth:
        add_part(out, "client authentication");
        break;
    case NID_server_auth:
        add_part(out, "server authentication");
        break;
    case NID_code_sign:
        add_part(out, "code signing");
        break;
    case NID_email_protect:
        add_part(out, "mail");
        break;
    case NID_time_stamp:
        add_part(out, "time stamps");
        break;
    case NID_OCSP_sign:
        add_part(out, "OCSP signing");
        break;
    case NID_ms_smartcard_login:
        add_part(out, "smart card logon");
        break;
    case NID_anyExtendedKeyUsage:
        add_part(out, "any purpose");
        break;
    default:
        (void)OBJ_obj2txt(oid, sizeof oid, purpose, 1);
        add_part(out, oid);
        break;
    }
}

#define PURPOSES_MAX 12

static struct str usage_of(const struct cert *cert, bool is_authority, struct arena *arena)
{
    struct text text = {0};
    if (is_authority)
        add_part(&text, "certificate authority");
    EXTENDED_KEY_USAGE *purposes = X509_get_ext_d2i(cert->x509, NID_ext_key_usage, NULL, NULL);
    int count = purposes == NULL ? 0 : sk_ASN1_OBJECT_num(purposes);
    for (int i = 0; i < count && i < PURPOSES_MAX; i++)
        add_purpose(&text, sk_ASN1_OBJECT_value(purposes, i));
    if (count > PURPOSES_MAX)
        add_part(&text, "...");
    sk_ASN1_OBJECT_pop_free(purposes, ASN1_OBJECT_free);
    if (count == 0)
        add_part(&text, is_authority ? "for any purpose" : "any purpose");
    struct str usage = arena_copy(arena, text_str(&text));
    text_clear(&text);
    return usage;
}

/* ---- boxes -------------------------------------------------------------------------------- */

static struct chain_box *add_box(struct chain_boxes *boxes, const struct cert *cert,
                                 struct arena *arena)
{
    bool is_authority = X509_get_extension_flags(cert->x509) & EXFLAG_CA;
    struct chain_box box = {
        .cert = cert,
        .name = common_name(X509_get_subject_name(cert->x509), arena),
        .subject = text_of(cert, cert_subject_utf8, arena),
        .issuer = text_of(cert, cert_issuer_utf8, arena),
        .serial = text_of(cert, cert_serial, arena),
        .usage = usage_of(cert, is_authority, arena),
        .store = cert_store_name(CERT_STORE_PRESENTED),
        .is_authority = is_authority,
    };
    box.is_self_issued = str_equal(box.subject, box.issuer);
    if (box.name.len == 0)
        box.name = box.subject;
    boxes->items[boxes->count] = box;
    return &boxes->items[boxes->count++];
}

static bool is_on_path(const struct verdict *verdict, const struct cert *cert)
{
    for (size_t i = 0; i < verdict->path_len; i++) {
        if (memcmp(verdict->path[i].cert->sha256, cert->sha256, sizeof cert->sha256) == 0)
            return true;
    }
    return false;
}

/* The issuer of the last box, which nobody has. */
static void add_missing(struct chain_boxes *boxes, struct arena *arena)
{
    struct chain_box missing = {0};
    if (boxes->count > 0) {
        const struct chain_box *last = &boxes->items[boxes->count - 1];
        if (last->is_anchor || last->is_self_issued)
            return;
        missing.name = common_name(X509_get_issuer_name(last->cert->x509), arena);
        missing.subject = last->issuer;
        missing.is_authority = true;
        if (missing.name.len == 0)
            missing.name = missing.subject;
    }
    boxes->items[boxes->count++] = missing;
}

void chain_boxes_make(const struct verdict *verdict, struct cert *const *presented, size_t count,
                      int64_t now, struct arena *arena, struct chain_boxes *ret_boxes)
{
    struct chain_boxes *boxes = ret_boxes;
    *boxes = (struct chain_boxes){.now = now};
    if (verdict == NULL) {
        for (size_t i = 0; i < count && boxes->count < CHAIN_BOXES_MAX; i++)
            (void)add_box(boxes, presented[i], arena);
        if (count == 0)
            add_missing(boxes, arena);
        return;
    }
    uint32_t seen = 0;
    for (size_t i = 0; i < verdict->path_len; i++) {
        const struct verdict_element *element = &verdict->path[i];
        struct chain_box *box = add_box(boxes, element->cert, arena);
        box->store = cert_store_name(element->store);
        box->is_anchor = element->is_anchor;
        box->errors = element->errors;
        box->is_fault = verdict->outcome != OUTCOME_OK && verdict->fault == i;
        seen |= element->errors;
    }
    boxes->whole = verdict->errors & ~seen;
    add_missing(boxes, arena);
    for (size_t i = 0; i < count && boxes->count < CHAIN_BOXES_MAX; i++) {
        if (!is_on_path(verdict, presented[i]))
            add_box(boxes, presented[i], arena)->is_aside = true;
    }
}

const char *chain_boxes_store_words(const char *store)
{
    static const char *const WORDS[][2] = {
        {"presented", "sent by the client"},
        {"root", "trust.root"},
        {"intermediate", "trust.intermediate"},
        {"trusted_issuers", "trust.trusted_issuers"},
        {"client_auth_issuers", "trust.client_auth_issuers"},
        {"disallowed", "trust.disallowed"},
    };
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        if (strcmp(WORDS[i][0], store) == 0)
            return WORDS[i][1];
    }
    return store;
}

/* SPDX-License-Identifier: MIT */
#include "core/identity_headers.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <uthash.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"

/* ---- names -------------------------------------------------------------------------------- */

/* Every name a preset may set or a well-known proxy is known to send, configured or not. */
static const char *const KNOWN_NAMES[] = {
    /* rfc9440 */
    "client-cert",
    "client-cert-chain",
    /* iis-arr, Azure App Service, ASP.NET Core */
    "x-arr-clientcert",
    "x-arr-ssl",
    "x-arr-log-id",
    "x-forwarded-by",
    "ms-aspnetcore-clientcert",
    "x-original-url",
    "x-rewrite-url",
    /* xfcc */
    "x-forwarded-client-cert",
    /* nginx */
    "x-ssl-client-cert",
    "x-ssl-client-escaped-cert",
    "x-ssl-client-verify",
    "x-ssl-client-s-dn",
    "x-ssl-client-i-dn",
    "x-ssl-client-serial",
    "x-ssl-client-fingerprint",
    "x-ssl-client-dn",
    "x-client-cert",
    "x-client-verify",
    "x-client-dn",
    "ssl-client-cert",
    "ssl-client-verify",
    "ssl-client-subject-dn",
    "ssl-client-issuer-dn",
    /* traefik */
    "x-forwarded-tls-client-cert",
    "x-forwarded-tls-client-cert-info",
    /* aws-alb */
    "x-amzn-mtls-clientcert",
    "x-amzn-mtls-clientcert-leaf",
    "x-amzn-mtls-clientcert-serial-number",
    "x-amzn-mtls-clientcert-issuer",
    "x-amzn-mtls-clientcert-subject",
    "x-amzn-mtls-clientcert-validity",
    /* apache */
    "ssl-client-s-dn",
    "ssl-client-i-dn",
    "ssl-client-m-serial",
    "ssl-client-v-start",
    "ssl-client-v-end",
    /* the user, under the names backends believe */
    "x-remote-user",
    "remote-user",
    "auth-user",
    "x-forwarded-user",
    /* the connection, which we describe ourselves */
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-server",
    "x-real-ip",
};

#define NAME_MAX_LEN ((size_t)256)

struct name_entry {
    UT_hash_handle hh;
    size_t len;
    char text[];
};
struct identity_names {
    struct name_entry *table;
    uint64_t lengths[NAME_MAX_LEN / 64]; /* which lengths occur: most names end here */
};

/* One spelling for all that a backend might fold together. */
static void fold(struct str name, char *out)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        out[i] = c == '_' || c == '.' ? '-' : ascii_lower(c);
    }
}

static void add_name(struct identity_names *names, struct str name)
{
    char folded[NAME_MAX_LEN];
    struct name_entry *entry = NULL;
    if (name.len >= NAME_MAX_LEN)
        return;
    fold(name, folded);
    HASH_FIND(hh, names->table, folded, name.len, entry);
    if (entry != NULL)
        return;
    entry = xcalloc(1, sizeof *entry + name.len + 1);
    entry->len = name.len;
    memcpy(entry->text, folded, name.len);
    HASH_ADD_KEYPTR(hh, names->table, entry->text, entry->len, entry);
    names->lengths[name.len / 64] |= UINT64_C(1) << (name.len % 64);
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
        HASH_DEL(names->table, entry); /* NOLINT(clang-analyzer-unix.Malloc): uthash's own macro */
        free(entry);
    }
    free(names);
}

bool identity_names_contain(const struct identity_names *names, struct str name)
{
    if (name.len >= NAME_MAX_LEN ||
        (names->lengths[name.len / 64] & (UINT64_C(1) << (name.len % 64))) == 0)
        return false;
    char folded[NAME_MAX_LEN];
    const struct name_entry *entry = NULL;
    fold(name, folded);
    HASH_FIND(hh, names->table, folded, name.len, entry);
    return entry != NULL;
}

/* ---- values ------------------------------------------------------------------------------- */

static struct str base64(struct arena *arena, const unsigned char *bytes, size_t len)
{
    char *out = arena_alloc(arena, (len + 2) / 3 * 4 + 1);
    int written = EVP_EncodeBlock((unsigned char *)out, bytes, (int)len);
    return str_make(out, (size_t)written);
}

/* What may stand in a field value: anything else becomes \HH, so that no name in a certificate can
 * end a line or a header (RFC 9110 section 5.5; the form is RFC 4514's). */
static struct str header_safe(struct arena *arena, struct str text)
{
    struct text safe = {0};
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < 0x20 || c >= 0x7f)
            text_addf(&safe, "\\%02X", c);
        else
            text_add_char(&safe, (char)c);
    }
    struct str copy = arena_copy(arena, str_trim(text_str(&safe)));
    text_clear(&safe);
    return copy;
}

static struct str take_text(struct arena *arena, struct text *text)
{
    struct str safe = header_safe(arena, text_str(text));
    text_clear(text);
    return safe;
}

static struct str pem_urlencoded(struct arena *arena, const struct cert *cert)
{
    struct text out = {0};
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem = NULL;
    long len = 0;
    if (bio != NULL && PEM_write_bio_X509(bio, cert->x509) == 1)
        len = BIO_get_mem_data(bio, &pem);
    for (long i = 0; i < len; i++) {
        char c = pem[i];
        if (ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~')
            text_add_char(&out, c);
        else
            text_addf(&out, "%%%02X", (unsigned char)c);
    }
    BIO_free(bio);
    return take_text(arena, &out);
}

static void add_item(struct text *out, struct str item)
{
    if (out->len > 0)
        text_add_char(out, ',');
    text_add(out, item);
}

static void add_general_name(const GENERAL_NAME *name, int type, struct text *out)
{
    if (name->type != type)
        return;
    if (type == GEN_IPADD) {
        char ip[64];
        const unsigned char *bytes = ASN1_STRING_get0_data(name->d.iPAddress);
        int len = ASN1_STRING_length(name->d.iPAddress);
        if ((len == 4 && inet_ntop(AF_INET, bytes, ip, sizeof ip) != NULL) ||
            (len == 16 && inet_ntop(AF_INET6, bytes, ip, sizeof ip) != NULL))
            add_item(out, str_of(ip));
        return;
    }
    const ASN1_IA5STRING *text = name->d.ia5;
    add_item(out,
             str_make((const char *)ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text)));
}

/* Microsoft's user principal name, 1.3.6.1.4.1.311.20.2.3. */
static void add_upn(const GENERAL_NAME *name, struct text *out)
{
    if (name->type != GEN_OTHERNAME || OBJ_obj2nid(name->d.otherName->type_id) != NID_ms_upn ||
        name->d.otherName->value->type != V_ASN1_UTF8STRING)
        return;
    const ASN1_UTF8STRING *text = name->d.otherName->value->value.utf8string;
    add_item(out,
             str_make((const char *)ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text)));
}

#define SAN_UPN (-1)

static struct str alternative_names(struct arena *arena, const struct cert *cert, int type)
{
    struct text out = {0};
    GENERAL_NAMES *names = X509_get_ext_d2i(cert->x509, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (type == SAN_UPN)
            add_upn(name, &out);
        else
            add_general_name(name, type, &out);
    }
    GENERAL_NAMES_free(names);
    return take_text(arena, &out);
}

static struct str hex(struct arena *arena, const unsigned char *bytes, size_t len)
{
    struct text out = {0};
    text_add_hex(&out, bytes, len);
    return take_text(arena, &out);
}

static struct str date(struct arena *arena, int64_t seconds)
{
    char text[CLOCK_TEXT_SIZE];
    return arena_copy(arena, clock_format_rfc3339(seconds, text));
}

enum value {
    VALUE_USER,
    VALUE_SUBJECT,
    VALUE_SUBJECT_IIS,
    VALUE_ISSUER,
    VALUE_ISSUER_IIS,
    VALUE_SERIAL,
    VALUE_SHA1,
    VALUE_SHA256,
    VALUE_SAN_DNS,
    VALUE_SAN_EMAIL,
    VALUE_SAN_URI,
    VALUE_SAN_IP,
    VALUE_UPN,
    VALUE_NOT_BEFORE,
    VALUE_NOT_AFTER,
    VALUE_PEM,
    VALUE_DER,
    VALUE_VERDICT,
    VALUE_TLS_VERSION,
    VALUE_CIPHER,
    VALUE_CLIENT_IP,
    VALUE_REQUEST_ID,
    VALUE_COUNT
};

static const char *const VALUE_NAMES[VALUE_COUNT] = {
    [VALUE_USER] = "user",
    [VALUE_SUBJECT] = "subject",
    [VALUE_SUBJECT_IIS] = "subject_iis",
    [VALUE_ISSUER] = "issuer",
    [VALUE_ISSUER_IIS] = "issuer_iis",
    [VALUE_SERIAL] = "serial",
    [VALUE_SHA1] = "sha1",
    [VALUE_SHA256] = "sha256",
    [VALUE_SAN_DNS] = "san_dns",
    [VALUE_SAN_EMAIL] = "san_email",
    [VALUE_SAN_URI] = "san_uri",
    [VALUE_SAN_IP] = "san_ip",
    [VALUE_UPN] = "upn",
    [VALUE_NOT_BEFORE] = "not_before",
    [VALUE_NOT_AFTER] = "not_after",
    [VALUE_PEM] = "pem",
    [VALUE_DER] = "der",
    [VALUE_VERDICT] = "verdict",
    [VALUE_TLS_VERSION] = "tls_version",
    [VALUE_CIPHER] = "cipher",
    [VALUE_CLIENT_IP] = "client_ip",
    [VALUE_REQUEST_ID] = "request_id",
};

static struct str name_value(const struct identity_facts *facts, enum value value,
                             struct arena *arena)
{
    struct text out = {0};
    if (value == VALUE_SUBJECT)
        cert_subject(facts->leaf, &out);
    else if (value == VALUE_SUBJECT_IIS)
        cert_subject_iis(facts->leaf, facts->arr_quote_single, &out);
    else if (value == VALUE_ISSUER)
        cert_issuer(facts->leaf, &out);
    else if (value == VALUE_ISSUER_IIS)
        cert_issuer_iis(facts->leaf, facts->arr_quote_single, &out);
    else
        cert_serial(facts->leaf, &out);
    return take_text(arena, &out);
}

/* Values that need a certificate. */
static struct str certificate_value(const struct identity_facts *facts, enum value value,
                                    struct arena *arena)
{
    const struct cert *leaf = facts->leaf;
    if (leaf == NULL)
        return (struct str){NULL, 0};
    if (value <= VALUE_SERIAL)
        return name_value(facts, value, arena);
    if (value == VALUE_SHA1)
        return hex(arena, leaf->sha1, sizeof leaf->sha1);
    if (value == VALUE_SHA256)
        return hex(arena, leaf->sha256, sizeof leaf->sha256);
    if (value == VALUE_SAN_DNS)
        return alternative_names(arena, leaf, GEN_DNS);
    if (value == VALUE_SAN_EMAIL)
        return alternative_names(arena, leaf, GEN_EMAIL);
    if (value == VALUE_SAN_URI)
        return alternative_names(arena, leaf, GEN_URI);
    if (value == VALUE_SAN_IP)
        return alternative_names(arena, leaf, GEN_IPADD);
    if (value == VALUE_UPN)
        return alternative_names(arena, leaf, SAN_UPN);
    if (value == VALUE_NOT_BEFORE)
        return date(arena, leaf->not_before);
    if (value == VALUE_NOT_AFTER)
        return date(arena, leaf->not_after);
    if (value == VALUE_PEM)
        return pem_urlencoded(arena, leaf);
    return base64(arena, leaf->der, leaf->der_len);
}

static struct str value_of(const struct identity_facts *facts, enum value value,
                           struct arena *arena)
{
    if (value == VALUE_USER)
        return header_safe(arena, str_of(facts->user));
    if (value == VALUE_VERDICT)
        return str_of(facts->verdict);
    if (value == VALUE_TLS_VERSION)
        return str_of(facts->tls_version);
    if (value == VALUE_CIPHER)
        return str_of(facts->cipher);
    if (value == VALUE_CLIENT_IP)
        return str_of(facts->client_ip);
    if (value == VALUE_REQUEST_ID)
        return str_of(facts->request_id);
    return certificate_value(facts, value, arena);
}

static struct str named_value(const struct identity_facts *facts, struct str name,
                              struct arena *arena)
{
    for (size_t i = 0; i < VALUE_COUNT; i++) {
        if (str_equal(name, str_of(VALUE_NAMES[i])))
            return value_of(facts, (enum value)i, arena);
    }
    return (struct str){NULL, 0};
}

struct str identity_template(const struct identity_facts *facts, struct str template_text,
                             struct arena *arena)
{
    struct text out = {0};
    bool has_value = false;
    bool has_field = false;
    while (template_text.len > 0) {
        size_t open = str_find(template_text, '{');
        text_add(&out, str_make(template_text.ptr, open));
        template_text = str_skip(template_text, open);
        if (template_text.len == 0)
            break;
        size_t close = str_find(template_text, '}');
        struct str value = named_value(facts, str_make(template_text.ptr + 1, close - 1), arena);
        has_field = true;
        has_value = has_value || value.len > 0;
        text_add(&out, value);
        template_text = str_skip(template_text, close < template_text.len ? close + 1 : close);
    }
    struct str made = arena_copy(arena, text_str(&out));
    text_clear(&out);
    /* Fields that are all empty leave nothing to say: the header is not sent. */
    return has_field && !has_value ? (struct str){NULL, 0} : made;
}

/* ---- presets ------------------------------------------------------------------------------ */

static void add_rfc9440(const struct identity_facts *facts, struct arena *arena,
                        struct http_fields *fields)
{
    struct str der = base64(arena, facts->leaf->der, facts->leaf->der_len);
    http_fields_add(fields, arena, STR("Client-Cert"), arena_printf(arena, ":%.*s:", STR_ARG(der)));
}

static void add_rfc9440_chain(const struct identity_facts *facts, struct arena *arena,
                              struct http_fields *fields)
{
    struct text out = {0};
    for (size_t i = 0; i < facts->chain_count; i++) {
        struct str der = base64(arena, facts->chain[i]->der, facts->chain[i]->der_len);
        text_addf(&out, "%s:%.*s:", i == 0 ? "" : ", ", STR_ARG(der));
    }
    if (out.len > 0)
        http_fields_add(fields, arena, STR("Client-Cert-Chain"), arena_copy(arena, text_str(&out)));
    text_clear(&out);
}

/* RFC 7617: the mapped user and password, for a backend that knows only Basic. */
static void add_basic(const struct identity_facts *facts, struct arena *arena,
                      struct http_fields *fields)
{
    (void)http_fields_remove(fields, STR("Authorization"));
    if (facts->user == NULL)
        return;
    struct str pair =
        arena_printf(arena, "%s:%s", facts->user, facts->password == NULL ? "" : facts->password);
    struct str encoded = base64(arena, (const unsigned char *)pair.ptr, pair.len);
    http_fields_add(fields, arena, STR("Authorization"),
                    arena_printf(arena, "Basic %.*s", STR_ARG(encoded)));
}

void identity_headers_add(const struct identity_facts *facts, struct arena *arena,
                          struct http_fields *fields)
{
    const struct config_forward *forward = facts->forward;
    if (facts->leaf != NULL && (forward->identity & (IDENTITY_RFC9440 | IDENTITY_RFC9440_CHAIN)))
        add_rfc9440(facts, arena, fields);
    if (forward->identity & IDENTITY_RFC9440_CHAIN)
        add_rfc9440_chain(facts, arena, fields);
    for (size_t i = 0; i < forward->header_count; i++) {
        struct str value =
            identity_template(facts, str_of(forward->headers[i].template.text), arena);
        if (value.len > 0)
            http_fields_add(fields, arena, str_of(forward->headers[i].name.text), value);
    }
    if (forward->authorization_basic)
        add_basic(facts, arena, fields);
}

/* SPDX-License-Identifier: MIT */
#include "forward/identity_headers.h"

#include <string.h>

#include "base/text.h"
#include "forward/identity_headers_value.h"
#include "forward/identity_presets.h"

const char *identity_verdict_word(bool shows_certificate, enum outcome failed)
{
    if (failed != OUTCOME_OK)
        return "failed";
    return shows_certificate ? "trusted" : "none";
}

/* ---- templates ---------------------------------------------------------------------------- */

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
    VALUE_REASON,
    VALUE_TLS_VERSION,
    VALUE_CIPHER,
    VALUE_CLIENT_IP,
    VALUE_REQUEST_ID,
    VALUE_ISSUER_SHA256, /* from here on of the chain */
    VALUE_ROOT_SUBJECT,
    VALUE_CHAIN_PEM,
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
    [VALUE_REASON] = "reason",
    [VALUE_TLS_VERSION] = "tls_version",
    [VALUE_CIPHER] = "cipher",
    [VALUE_CLIENT_IP] = "client_ip",
    [VALUE_REQUEST_ID] = "request_id",
    [VALUE_ISSUER_SHA256] = "issuer_sha256",
    [VALUE_ROOT_SUBJECT] = "root_subject",
    [VALUE_CHAIN_PEM] = "chain_pem",
};

/* The forms of IIS are in UTF-8 in any case. */
static void add_name(const struct identity_facts *facts, enum value value, bool utf8,
                     struct text *out)
{
    const struct cert *leaf = facts->leaf;
    if (value == VALUE_SUBJECT)
        (utf8 ? cert_subject_utf8 : cert_subject)(leaf, out);
    else if (value == VALUE_SUBJECT_IIS)
        cert_subject_iis(leaf, facts->arr_quote_single, out);
    else if (value == VALUE_ISSUER)
        (utf8 ? cert_issuer_utf8 : cert_issuer)(leaf, out);
    else if (value == VALUE_ISSUER_IIS)
        cert_issuer_iis(leaf, facts->arr_quote_single, out);
    else if (value == VALUE_ROOT_SUBJECT && facts->anchor != NULL)
        (utf8 ? cert_subject_utf8 : cert_subject)(facts->anchor, out);
    else if (value == VALUE_SERIAL)
        cert_serial(leaf, out);
}

static struct str name_value(const struct identity_facts *facts, enum value value,
                             struct arena *arena)
{
    struct text out = {0};
    add_name(facts, value, false, &out);
    return identity_take(arena, &out);
}

/* The leaf, then its issuers without the anchor, which the recipient has (RFC 9440 section 2.3). */
static struct str chain_pem(const struct identity_facts *facts, struct arena *arena)
{
    struct text out = {0};
    text_add(&out, identity_pem(arena, facts->leaf));
    for (size_t i = 0; i < facts->chain_count; i++)
        text_add(&out, identity_pem(arena, facts->chain[i]));
    struct str escaped = identity_url_escape(arena, text_str(&out), "");
    text_clear(&out);
    return escaped;
}

static struct str chain_value(const struct identity_facts *facts, enum value value,
                              struct arena *arena)
{
    if (value == VALUE_CHAIN_PEM)
        return chain_pem(facts, arena);
    if (value == VALUE_ROOT_SUBJECT)
        return name_value(facts, value, arena);
    const struct cert *issuer = facts->chain_count > 0 ? facts->chain[0] : facts->anchor;
    return issuer == NULL ? (struct str){NULL, 0}
                          : identity_hex(arena, issuer->sha256, sizeof issuer->sha256);
}

/* Values that need a certificate. */
static struct str certificate_value(const struct identity_facts *facts, enum value value,
                                    struct arena *arena)
{
    const struct cert *leaf = facts->leaf;
    if (leaf == NULL)
        return (struct str){NULL, 0};
    if (value >= VALUE_ISSUER_SHA256)
        return chain_value(facts, value, arena);
    if (value <= VALUE_SERIAL)
        return name_value(facts, value, arena);
    if (value >= VALUE_SAN_DNS && value <= VALUE_UPN)
        return identity_san_list(arena, leaf,
                                 (enum identity_san)(value - VALUE_SAN_DNS + IDENTITY_SAN_DNS));
    if (value == VALUE_SHA1)
        return identity_hex(arena, leaf->sha1, sizeof leaf->sha1);
    if (value == VALUE_SHA256)
        return identity_hex(arena, leaf->sha256, sizeof leaf->sha256);
    if (value == VALUE_NOT_BEFORE)
        return identity_date(arena, leaf->not_before);
    if (value == VALUE_NOT_AFTER)
        return identity_date(arena, leaf->not_after);
    if (value == VALUE_PEM)
        return identity_url_escape(arena, identity_pem(arena, leaf), "");
    return identity_base64(arena, leaf->der, leaf->der_len);
}

static struct str value_of(const struct identity_facts *facts, enum value value,
                           struct arena *arena)
{
    if (value == VALUE_USER)
        return identity_safe(arena, str_of(facts->user));
    if (value == VALUE_VERDICT)
        return str_of(facts->verdict);
    if (value == VALUE_REASON)
        return str_of(facts->reason);
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

/* What a filter works on: text in UTF-8, before it is made safe for a header. */
static struct str raw_value(const struct identity_facts *facts, enum value value,
                            struct arena *arena)
{
    bool is_name =
        value == VALUE_ROOT_SUBJECT || (value >= VALUE_SUBJECT && value <= VALUE_ISSUER_IIS);
    struct text out = {0};
    if (value == VALUE_USER)
        return str_of(facts->user);
    if (value == VALUE_UPN && facts->leaf != NULL)
        return identity_upn_raw(arena, facts->leaf);
    if (!is_name)
        return value_of(facts, value, arena);
    if (facts->leaf != NULL)
        add_name(facts, value, true, &out);
    struct str raw = arena_copy(arena, text_str(&out));
    text_clear(&out);
    return raw;
}

static struct str filtered(struct str raw, struct str filter, struct arena *arena)
{
    if (raw.len == 0)
        return raw;
    if (str_equal(filter, STR("base64")))
        return identity_base64(arena, (const unsigned char *)raw.ptr, raw.len);
    if (str_equal(filter, STR("urlencoded")))
        return identity_url_escape(arena, raw, "");
    return identity_utf8(arena, raw);
}

/* "field" or "field:filter"; config_header.c checked both. */
static struct str named_value(const struct identity_facts *facts, struct str name,
                              struct arena *arena)
{
    size_t colon = str_find(name, ':');
    struct str field = str_make(name.ptr, colon);
    for (size_t i = 0; i < VALUE_COUNT; i++) {
        if (!str_equal(field, str_of(VALUE_NAMES[i])))
            continue;
        return colon == name.len ? value_of(facts, (enum value)i, arena)
                                 : filtered(raw_value(facts, (enum value)i, arena),
                                            str_skip(name, colon + 1), arena);
    }
    return (struct str){NULL, 0};
}

static bool has_chain_field(const struct config_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t value = VALUE_ISSUER_SHA256; value < VALUE_COUNT; value++) {
            if (strstr(headers[i].template.text, VALUE_NAMES[value]) != NULL)
                return true;
        }
    }
    return false;
}

bool identity_shows_chain(const struct config_access *access)
{
    return has_chain_field(access->forward.headers, access->forward.header_count) ||
           has_chain_field(access->request_headers.set, access->request_headers.set_count) ||
           has_chain_field(access->request_headers.add, access->request_headers.add_count);
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

/* ---- the fields --------------------------------------------------------------------------- */

/* RFC 7617: the mapped user and password, for a backend that knows only Basic. What the client sent
 * must not stand there instead. Section 2: a user name with a colon cannot be sent. */
static void add_basic(const struct identity_facts *facts, struct arena *arena,
                      struct http_fields *fields)
{
    (void)http_fields_remove(fields, STR("Authorization"));
    struct str user = str_of(facts->user);
    if (user.len == 0 || facts->password == NULL || str_find(user, ':') < user.len)
        return;
    struct str pair = arena_printf(arena, "%s:%s", facts->user, facts->password);
    struct str encoded = identity_base64(arena, (const unsigned char *)pair.ptr, pair.len);
    http_fields_add(fields, arena, STR("Authorization"),
                    arena_printf(arena, "Basic %.*s", STR_ARG(encoded)));
}

/* The only field that differs between two requests of a connection. */
static bool is_fresh(const struct config_header *header)
{
    return strstr(header->template.text, "{request_id}") != NULL ||
           strstr(header->template.text, "{request_id:") != NULL;
}

static void add_templates(const struct identity_facts *facts, bool fresh,
                          struct identity_sink *sink)
{
    const struct config_forward *forward = facts->forward;
    for (size_t i = 0; i < forward->header_count; i++) {
        const struct config_header *header = &forward->headers[i];
        if (is_fresh(header) == fresh)
            identity_sink_add(sink, str_of(header->name.text),
                              identity_template(facts, str_of(header->template.text), sink->arena));
    }
}

void identity_headers_add_lasting(const struct identity_facts *facts, struct arena *arena,
                                  struct http_fields *fields)
{
    struct identity_sink sink = {.arena = arena, .fields = fields};
    identity_presets_add(facts, &sink);
    add_templates(facts, false, &sink);
    identity_sink_end(&sink);
}

void identity_headers_add_fresh(const struct identity_facts *facts, struct arena *arena,
                                struct http_fields *fields)
{
    struct identity_sink sink = {.arena = arena, .fields = fields};
    identity_presets_add_fresh(facts, &sink);
    add_templates(facts, true, &sink);
    identity_sink_end(&sink);
    if (facts->forward->authorization_basic)
        add_basic(facts, arena, fields);
}

void identity_headers_add(const struct identity_facts *facts, struct arena *arena,
                          struct http_fields *fields)
{
    identity_headers_add_lasting(facts, arena, fields);
    identity_headers_add_fresh(facts, arena, fields);
}

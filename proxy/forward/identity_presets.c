/* SPDX-License-Identifier: MIT */
#include "forward/identity_presets.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include "forward/identity_headers_value.h"

#define OMITTED_NAME "X-Identity-Omitted"

void identity_sink_add(struct identity_sink *sink, struct str name, struct str value)
{
    if (value.len == 0)
        return;
    if (value.len <= IDENTITY_VALUE_MAX)
        http_fields_add(sink->fields, sink->arena, name, value);
    else if (sink->omitted.len == 0)
        sink->omitted = name;
    else
        sink->omitted =
            arena_printf(sink->arena, "%.*s, %.*s", STR_ARG(sink->omitted), STR_ARG(name));
}

void identity_sink_end(struct identity_sink *sink)
{
    if (sink->omitted.len > 0)
        http_fields_add(sink->fields, sink->arena, STR(OMITTED_NAME), sink->omitted);
}

/* ---- rfc9440 ------------------------------------------------------------------------------ */

/* RFC 9440 section 2.2: an Item that is a Byte Sequence. */
static void add_rfc9440(const struct identity_facts *facts, struct identity_sink *sink)
{
    if (facts->leaf == NULL)
        return;
    struct str der = identity_base64(sink->arena, facts->leaf->der, facts->leaf->der_len);
    identity_sink_add(sink, STR("Client-Cert"), arena_printf(sink->arena, ":%.*s:", STR_ARG(der)));
}

/* RFC 9440 section 2.3: a List of Byte Sequences, the leaf's issuer first, without the leaf; only
 * together with Client-Cert. */
static void add_rfc9440_chain(const struct identity_facts *facts, struct identity_sink *sink)
{
    struct text out = {0};
    for (size_t i = 0; facts->leaf != NULL && i < facts->chain_count; i++) {
        struct str der =
            identity_base64(sink->arena, facts->chain[i]->der, facts->chain[i]->der_len);
        text_addf(&out, "%s:%.*s:", i == 0 ? "" : ", ", STR_ARG(der));
    }
    identity_sink_add(sink, STR("Client-Cert-Chain"), identity_take(sink->arena, &out));
}

/* ---- iis-arr ------------------------------------------------------------------------------ */

static void cert_subject_double(const struct cert *cert, struct text *out)
{
    cert_subject_iis(cert, false, out);
}
static void cert_subject_single(const struct cert *cert, struct text *out)
{
    cert_subject_iis(cert, true, out);
}
static void cert_issuer_double(const struct cert *cert, struct text *out)
{
    cert_issuer_iis(cert, false, out);
}
static void cert_issuer_single(const struct cert *cert, struct text *out)
{
    cert_issuer_iis(cert, true, out);
}

/* ARR: key bits | cipher bits | issuer | subject, all of the server's side (learn.microsoft.com,
 * "arr_config sslHeaderName"). */
static void add_iis_arr(const struct identity_facts *facts, struct identity_sink *sink)
{
    bool single = facts->arr_quote_single;
    if (facts->leaf != NULL)
        identity_sink_add(sink, STR("X-ARR-ClientCert"),
                          identity_base64(sink->arena, facts->leaf->der, facts->leaf->der_len));
    if (facts->server == NULL || facts->cipher_bits <= 0)
        return;
    const EVP_PKEY *key = X509_get0_pubkey(facts->server->x509);
    struct str issuer =
        identity_name(sink->arena, facts->server, single ? cert_issuer_single : cert_issuer_double);
    struct str subject = identity_name(sink->arena, facts->server,
                                       single ? cert_subject_single : cert_subject_double);
    identity_sink_add(sink, STR("X-ARR-SSL"),
                      arena_printf(sink->arena, "%d|%d|%.*s|%.*s",
                                   key == NULL ? 0 : EVP_PKEY_get_bits(key), facts->cipher_bits,
                                   STR_ARG(issuer), STR_ARG(subject)));
}

/* RFC 9562 section 5.4: a random UUID, which is what Windows calls a GUID. */
static void add_log_id(struct identity_sink *sink)
{
    unsigned char id[16];
    if (RAND_bytes(id, sizeof id) != 1)
        return;
    id[6] = (unsigned char)((id[6] & 0x0f) | 0x40);
    id[8] = (unsigned char)((id[8] & 0x3f) | 0x80);
    struct str hex = identity_hex(sink->arena, id, sizeof id);
    identity_sink_add(sink, STR("X-ARR-LOG-ID"),
                      arena_printf(sink->arena, "%.8s-%.4s-%.4s-%.4s-%.12s", hex.ptr, hex.ptr + 8,
                                   hex.ptr + 12, hex.ptr + 16, hex.ptr + 20));
}

/* ---- xfcc --------------------------------------------------------------------------------- */

struct str identity_xfcc_value(struct arena *arena, struct str value)
{
    bool needs_quotes = value.len == 0;
    for (size_t i = 0; i < value.len && !needs_quotes; i++)
        needs_quotes = strchr(",;=\"", value.ptr[i]) != NULL;
    if (!needs_quotes)
        return value;
    struct text out = {0};
    text_add_char(&out, '"');
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '"')
            text_add_char(&out, '\\');
        text_add_char(&out, value.ptr[i]);
    }
    text_add_char(&out, '"');
    struct str quoted = arena_copy(arena, text_str(&out));
    text_clear(&out);
    return quoted;
}

/* Inside the quotes only \" is an escape, so a name that ends in a backslash, or has \" itself,
 * would move the closing quote. RFC 4514 section 2.4 allows any character as \HH: then there is
 * neither a quote nor a backslash before one. */
static struct str xfcc_name(struct arena *arena, struct str name)
{
    struct text out = {0};
    text_add_char(&out, '"');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] != '\\' || i + 1 == name.len) {
            text_add_char(&out, name.ptr[i]);
            continue;
        }
        char next = name.ptr[++i];
        if (ascii_hex_value(next) >= 0)
            text_addf(&out, "\\%c", next);
        else
            text_addf(&out, "\\%02X", (unsigned char)next);
    }
    text_add_char(&out, '"');
    return identity_take(arena, &out);
}

static void add_pairs(struct text *out, struct arena *arena, const struct cert *cert,
                      const char *key, enum identity_san kind)
{
    size_t count = 0;
    const struct str *names = identity_sans(arena, cert, kind, &count);
    for (size_t i = 0; i < count; i++)
        text_addf(out, ";%s=%.*s", key, STR_ARG(identity_xfcc_value(arena, names[i])));
}

/* One element of our own, whatever came in (Envoy's SANITIZE_SET). */
static void add_xfcc(const struct identity_facts *facts, struct identity_sink *sink)
{
    struct arena *arena = sink->arena;
    const struct cert *leaf = facts->leaf;
    struct text out = {0};
    if (leaf == NULL)
        return;
    size_t uri_count = 0;
    const struct str *uris =
        facts->server == NULL ? NULL
                              : identity_sans(arena, facts->server, IDENTITY_SAN_URI, &uri_count);
    if (uri_count > 0)
        text_addf(&out, "By=%.*s;", STR_ARG(identity_xfcc_value(arena, uris[0])));
    text_addf(&out, "Hash=%.*s;", STR_ARG(identity_hex(arena, leaf->sha256, sizeof leaf->sha256)));
    text_addf(&out, "Cert=\"%.*s\";",
              STR_ARG(identity_url_escape(arena, identity_pem(arena, leaf), "")));
    struct str subject = identity_name(arena, leaf, cert_subject);
    text_addf(&out, "Subject=%.*s", STR_ARG(xfcc_name(arena, subject)));
    add_pairs(&out, arena, leaf, "URI", IDENTITY_SAN_URI);
    add_pairs(&out, arena, leaf, "DNS", IDENTITY_SAN_DNS);
    identity_sink_add(sink, STR("X-Forwarded-Client-Cert"), identity_take(arena, &out));
}

/* ---- nginx -------------------------------------------------------------------------------- */

/* $ssl_client_verify and SSL_CLIENT_VERIFY have the same three values. */
static struct str verify_word(const struct identity_facts *facts, struct arena *arena)
{
    if (facts->reason != NULL)
        return arena_printf(arena, "FAILED:%s", facts->reason);
    return facts->leaf == NULL ? STR("NONE") : STR("SUCCESS");
}

/* The variables $ssl_client_* under the names of the usual proxy_set_header lines. */
static void add_nginx(const struct identity_facts *facts, struct identity_sink *sink)
{
    struct arena *arena = sink->arena;
    const struct cert *leaf = facts->leaf;
    identity_sink_add(sink, STR("X-SSL-Client-Verify"), verify_word(facts, arena));
    if (leaf == NULL)
        return;
    identity_sink_add(sink, STR("X-SSL-Client-Cert"),
                      identity_url_escape(arena, identity_pem(arena, leaf), ""));
    identity_sink_add(sink, STR("X-SSL-Client-S-DN"), identity_name(arena, leaf, cert_subject));
    identity_sink_add(sink, STR("X-SSL-Client-I-DN"), identity_name(arena, leaf, cert_issuer));
    identity_sink_add(sink, STR("X-SSL-Client-Serial"), identity_serial_upper(arena, leaf));
    identity_sink_add(sink, STR("X-SSL-Client-Fingerprint"),
                      identity_hex(arena, leaf->sha1, sizeof leaf->sha1));
}

/* ---- traefik ------------------------------------------------------------------------------ */

/* Without armour and line breaks PEM is base64; '+', '/' and '=' are escaped. */
static void add_bare(struct text *out, struct arena *arena, const struct cert *cert)
{
    struct str body = identity_base64(arena, cert->der, cert->der_len);
    text_add(out, identity_url_escape(arena, body, ""));
}

static void add_traefik(const struct identity_facts *facts, struct identity_sink *sink)
{
    struct arena *arena = sink->arena;
    struct text out = {0};
    if (facts->leaf == NULL)
        return;
    add_bare(&out, arena, facts->leaf);
    for (size_t i = 0; i < facts->chain_count; i++) {
        text_add_char(&out, ',');
        add_bare(&out, arena, facts->chain[i]);
    }
    identity_sink_add(sink, STR("X-Forwarded-Tls-Client-Cert"), identity_take(arena, &out));
    struct str subject = identity_name(arena, facts->leaf, cert_subject);
    struct str issuer = identity_name(arena, facts->leaf, cert_issuer);
    struct str info =
        arena_printf(arena, "Subject=\"%.*s\";Issuer=\"%.*s\"", STR_ARG(subject), STR_ARG(issuer));
    identity_sink_add(sink, STR("X-Forwarded-Tls-Client-Cert-Info"),
                      identity_url_escape(arena, info, ""));
}

/* ---- aws-alb ------------------------------------------------------------------------------ */

/* The headers of mutual TLS in verify mode. */
static void add_aws_alb(const struct identity_facts *facts, struct identity_sink *sink)
{
    struct arena *arena = sink->arena;
    const struct cert *leaf = facts->leaf;
    if (leaf == NULL)
        return;
    identity_sink_add(sink, STR("X-Amzn-Mtls-Clientcert-Serial-Number"),
                      identity_serial_upper(arena, leaf));
    identity_sink_add(sink, STR("X-Amzn-Mtls-Clientcert-Issuer"),
                      identity_name(arena, leaf, cert_issuer));
    identity_sink_add(sink, STR("X-Amzn-Mtls-Clientcert-Subject"),
                      identity_name(arena, leaf, cert_subject));
    identity_sink_add(sink, STR("X-Amzn-Mtls-Clientcert-Validity"),
                      arena_printf(arena, "NotBefore=%.*s;NotAfter=%.*s",
                                   STR_ARG(identity_date(arena, leaf->not_before)),
                                   STR_ARG(identity_date(arena, leaf->not_after))));
    identity_sink_add(sink, STR("X-Amzn-Mtls-Clientcert-Leaf"),
                      identity_url_escape(arena, identity_pem(arena, leaf), "+=/"));
}

/* ---- apache ------------------------------------------------------------------------------- */

/* "Jan  1 00:00:00 2026 GMT" */
static struct str asn1_time(struct arena *arena, const ASN1_TIME *time)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *bytes = NULL;
    long len = 0;
    if (bio != NULL && ASN1_TIME_print(bio, time) == 1)
        len = BIO_get_mem_data(bio, &bytes);
    struct str text = identity_safe(arena, str_make(bytes, len > 0 ? (size_t)len : 0));
    BIO_free(bio);
    ERR_clear_error();
    return text;
}

/* What `RequestHeader set SSL_CLIENT_CERT "%{SSL_CLIENT_CERT}s"` gives: blanks for line breaks. */
static struct str one_line(struct arena *arena, struct str pem)
{
    char *out = arena_alloc(arena, pem.len + 1);
    for (size_t i = 0; i < pem.len; i++)
        out[i] = pem.ptr[i] == '\n' ? ' ' : pem.ptr[i];
    return str_trim(str_make(out, pem.len));
}

static void add_apache(const struct identity_facts *facts, struct identity_sink *sink)
{
    struct arena *arena = sink->arena;
    const struct cert *leaf = facts->leaf;
    identity_sink_add(sink, STR("SSL_CLIENT_VERIFY"), verify_word(facts, arena));
    if (leaf == NULL)
        return;
    identity_sink_add(sink, STR("SSL_CLIENT_S_DN"), identity_name(arena, leaf, cert_subject));
    identity_sink_add(sink, STR("SSL_CLIENT_I_DN"), identity_name(arena, leaf, cert_issuer));
    identity_sink_add(sink, STR("SSL_CLIENT_M_SERIAL"), identity_serial_upper(arena, leaf));
    identity_sink_add(sink, STR("SSL_CLIENT_V_START"),
                      asn1_time(arena, X509_get0_notBefore(leaf->x509)));
    identity_sink_add(sink, STR("SSL_CLIENT_V_END"),
                      asn1_time(arena, X509_get0_notAfter(leaf->x509)));
    identity_sink_add(sink, STR("SSL_CLIENT_CERT"), one_line(arena, identity_pem(arena, leaf)));
}

/* ---- all ---------------------------------------------------------------------------------- */

void identity_presets_add(const struct identity_facts *facts, struct identity_sink *sink)
{
    static const struct {
        unsigned bits;
        void (*add)(const struct identity_facts *facts, struct identity_sink *sink);
    } presets[] = {
        {IDENTITY_RFC9440 | IDENTITY_RFC9440_CHAIN, add_rfc9440},
        {IDENTITY_RFC9440_CHAIN, add_rfc9440_chain},
        {IDENTITY_IIS_ARR, add_iis_arr},
        {IDENTITY_XFCC, add_xfcc},
        {IDENTITY_NGINX, add_nginx},
        {IDENTITY_TRAEFIK, add_traefik},
        {IDENTITY_AWS_ALB, add_aws_alb},
        {IDENTITY_APACHE, add_apache},
    };
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++) {
        if ((facts->forward->identity & presets[i].bits) != 0)
            presets[i].add(facts, sink);
    }
}

void identity_presets_add_fresh(const struct identity_facts *facts, struct identity_sink *sink)
{
    if ((facts->forward->identity & IDENTITY_IIS_ARR) != 0)
        add_log_id(sink);
}

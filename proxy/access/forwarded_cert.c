/* SPDX-License-Identifier: MIT */
#include "access/forwarded_cert.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/text.h"

struct reader {
    const struct http_fields *fields;
    struct cert_table *table;
    size_t bytes_left;
    struct forwarded_cert found;
    const char *reason; /* NULL: all is well so far */
};

static bool fail(struct reader *reader, const char *reason)
{
    if (reader->reason == NULL)
        reader->reason = reason;
    return false;
}

/* Decoded before, when it was found good then. */
static struct cert *read_der(struct cert_table *table, const unsigned char *der, size_t len)
{
    const X509 *known = table == NULL ? NULL : cert_table_find_der(table, der, len);
    struct cert *cert = known == NULL ? NULL : cert_table_get(table, known);
    return cert != NULL ? cert : cert_from_der(der, len);
}

static bool add_der(struct reader *reader, const unsigned char *der, size_t len)
{
    if (len > reader->bytes_left)
        return fail(reader, "the forwarded certificates are longer than limits.chain_bytes");
    struct cert *cert = read_der(reader->table, der, len);
    if (cert == NULL)
        return fail(reader, "the forwarded certificate cannot be decoded");
    struct forwarded_cert *found = &reader->found;
    reader->bytes_left -= len;
    found->certs = xreallocarray(found->certs, found->count + 1, sizeof(struct cert *));
    found->certs[found->count++] = cert;
    return true;
}

/* ---- base64 ------------------------------------------------------------------------------- */

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (ascii_is_digit(c))
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

/* RFC 4648 section 4 with its padding and nothing else: one encoding, one value. out has room for
 * three quarters of the text. */
static bool base64_decode(struct str text, unsigned char *out, size_t *ret_len)
{
    size_t padding = 0;
    size_t len = 0;
    unsigned bits = 0;
    if (text.len == 0 || text.len % 4 != 0)
        return false;
    while (padding < 2 && text.ptr[text.len - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < text.len - padding; i++) {
        int value = base64_value(text.ptr[i]);
        if (value < 0)
            return false;
        bits = bits << 6 | (unsigned)value;
        if (i % 4 != 0)
            out[len++] = (unsigned char)(bits >> (6 - i % 4 * 2));
    }
    /* RFC 4648 section 3.5: bits that do not count are zero. */
    if ((padding == 1 && (bits & 3) != 0) || (padding == 2 && (bits & 15) != 0))
        return false;
    *ret_len = len;
    return true;
}

static bool add_base64(struct reader *reader, struct str text)
{
    unsigned char *der = xmalloc(text.len + 1);
    size_t len = 0;
    bool is_good = base64_decode(text, der, &len);
    if (is_good)
        (void)add_der(reader, der, len);
    else
        (void)fail(reader, "the forwarded certificate is not valid base64");
    free(der);
    return reader->reason == NULL;
}

/* ---- PEM in a URL ------------------------------------------------------------------------- */

static bool url_decode(struct str text, struct text *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '%') {
            text_add_char(out, text.ptr[i]);
            continue;
        }
        int high = i + 2 < text.len ? ascii_hex_value(text.ptr[i + 1]) : -1;
        int low = i + 2 < text.len ? ascii_hex_value(text.ptr[i + 2]) : -1;
        if (high < 0 || low < 0)
            return false;
        text_add_char(out, (char)(high * 16 + low));
        i += 2;
    }
    return true;
}

static struct str skip_space(struct str text)
{
    while (text.len > 0 && strchr("\r\n \t", text.ptr[0]) != NULL && text.ptr[0] != '\0')
        text = str_skip(text, 1);
    return text;
}

/* One armoured block off the front. */
static bool take_block(struct reader *reader, struct str *rest)
{
    struct str begin = STR("-----BEGIN CERTIFICATE-----");
    struct str end = STR("-----END CERTIFICATE-----");
    if (!str_starts_with(*rest, begin))
        return fail(reader, "the forwarded certificate is not PEM");
    struct str body = str_skip(*rest, begin.len);
    const char *stop = memmem(body.ptr, body.len, end.ptr, end.len);
    if (stop == NULL)
        return fail(reader, "the forwarded certificate is not PEM");
    size_t len = (size_t)(stop - body.ptr);
    struct text packed = {0};
    for (size_t i = 0; i < len; i++) {
        if (body.ptr[i] != '\r' && body.ptr[i] != '\n')
            text_add_char(&packed, body.ptr[i]);
    }
    bool is_good = add_base64(reader, text_str(&packed));
    text_clear(&packed);
    *rest = skip_space(str_skip(body, len + end.len));
    return is_good;
}

static bool add_url_pem(struct reader *reader, struct str value)
{
    struct text decoded = {0};
    bool is_good = url_decode(value, &decoded);
    struct str rest = skip_space(text_str(&decoded));
    if (!is_good || rest.len == 0)
        is_good = fail(reader, "the forwarded certificate is not URL-encoded PEM");
    while (is_good && rest.len > 0)
        is_good = take_block(reader, &rest);
    text_clear(&decoded);
    return is_good;
}

/* ---- fields ------------------------------------------------------------------------------- */

/* The value of a field that may come once; ptr NULL when it is absent. */
static struct str single(struct reader *reader, struct str name)
{
    struct str value = {NULL, 0};
    for (size_t i = 0; i < reader->fields->count; i++) {
        const struct http_field *field = &reader->fields->items[i];
        if (!str_equal_icase(field->name, name))
            continue;
        if (value.ptr != NULL)
            (void)fail(reader, "a certificate header comes twice");
        value = field->value.len == 0 ? STR("") : field->value;
    }
    return value;
}

/* RFC 8941 section 4.2.7: a Byte Sequence, without parameters. */
static bool add_byte_sequence(struct reader *reader, struct str value)
{
    if (value.len < 3 || value.ptr[0] != ':' || value.ptr[value.len - 1] != ':')
        return fail(reader, "a Client-Cert header is not a byte sequence");
    return add_base64(reader, str_make(value.ptr + 1, value.len - 2));
}

static void read_rfc9440(struct reader *reader)
{
    struct str leaf = single(reader, STR("Client-Cert"));
    if (leaf.ptr != NULL && !add_byte_sequence(reader, leaf))
        return;
    for (size_t i = 0; i < reader->fields->count; i++) {
        const struct http_field *field = &reader->fields->items[i];
        struct str part;
        if (!str_equal_icase(field->name, STR("Client-Cert-Chain")))
            continue;
        if (leaf.ptr == NULL || field->value.len == 0) {
            (void)fail(reader, "a Client-Cert-Chain without certificates");
            return;
        }
        struct str rest = field->value;
        while (str_split(&rest, ',', &part)) {
            if (!add_byte_sequence(reader, str_trim(part)))
                return;
        }
    }
}

static void read_x_arr(struct reader *reader)
{
    struct str value = single(reader, STR("X-ARR-ClientCert"));
    if (value.ptr != NULL)
        (void)add_base64(reader, value);
}

/* A second list of certificates must begin with the leaf that the first one had, and replaces it.
 */
static bool agree(struct reader *reader, struct forwarded_cert first)
{
    bool is_good = reader->reason == NULL && first.count == 1 && reader->found.count > 0 &&
                   memcmp(first.certs[0]->sha256, reader->found.certs[0]->sha256, 32) == 0;
    for (size_t i = 0; i < first.count; i++)
        cert_unref(first.certs[i]);
    free(first.certs);
    return is_good || fail(reader, "two different certificates were forwarded");
}

static bool add_leaf_and_chain(struct reader *reader, struct str leaf, struct str chain)
{
    if (leaf.ptr != NULL && !add_url_pem(reader, leaf))
        return false;
    if (leaf.ptr != NULL && reader->found.count != 1)
        return fail(reader, "more than one certificate where one is meant");
    if (chain.ptr == NULL)
        return true;
    struct forwarded_cert first = reader->found;
    reader->found = (struct forwarded_cert){0};
    bool is_good = add_url_pem(reader, chain);
    if (leaf.ptr != NULL)
        is_good = agree(reader, first) && is_good;
    return is_good;
}

static void read_aws_alb(struct reader *reader)
{
    struct str leaf = single(reader, STR("X-Amzn-Mtls-Clientcert-Leaf"));
    struct str chain = single(reader, STR("X-Amzn-Mtls-Clientcert"));
    (void)add_leaf_and_chain(reader, leaf, chain);
}

/* ---- X-Forwarded-Client-Cert -------------------------------------------------------------- */

struct xfcc { /* of one element; ptr NULL: not there */
    struct str cert;
    struct str chain;
    struct str hash;
};

/* Key=Value off the front; a value in quotes loses them. What is needed of values has no escapes.
 */
static bool take_pair(struct str *rest, struct str *ret_key, struct str *ret_value)
{
    size_t equals = str_find(*rest, '=');
    if (equals == 0 || equals == rest->len)
        return false;
    *ret_key = str_trim(str_make(rest->ptr, equals));
    struct str value = str_skip(*rest, equals + 1);
    size_t len = 0;
    if (value.len > 0 && value.ptr[0] == '"') {
        value = str_skip(value, 1);
        while (len < value.len && value.ptr[len] != '"')
            len += value.ptr[len] == '\\' && len + 1 < value.len ? 2 : 1;
        if (len >= value.len)
            return false;
        *ret_value = str_make(value.ptr, len);
        *rest = str_skip(value, len + 1);
        return rest->len == 0 || rest->ptr[0] == ';';
    }
    while (len < value.len && value.ptr[len] != ';') {
        if (strchr(",\"", value.ptr[len]) != NULL)
            return false; /* the next element, or a quote in the middle */
        len++;
    }
    *ret_value = str_make(value.ptr, len);
    *rest = str_skip(value, len);
    return true;
}

static bool keep_pair(struct xfcc *xfcc, struct str key, struct str value)
{
    struct str *place = NULL;
    if (str_equal_icase(key, STR("Cert")))
        place = &xfcc->cert;
    else if (str_equal_icase(key, STR("Chain")))
        place = &xfcc->chain;
    else if (str_equal_icase(key, STR("Hash")))
        place = &xfcc->hash;
    if (place == NULL)
        return true;
    if (place->ptr != NULL)
        return false;
    *place = value;
    return true;
}

/* Exactly one element: of several, nobody but the proxy in front knows which is the client's. */
static bool parse_xfcc(struct str rest, struct xfcc *xfcc)
{
    for (;;) {
        struct str key;
        struct str value;
        if (!take_pair(&rest, &key, &value) || !keep_pair(xfcc, key, value))
            return false;
        if (rest.len == 0)
            return true;
        rest = str_skip(rest, 1);
    }
}

static bool hash_agrees(const struct xfcc *xfcc, const struct cert *leaf)
{
    struct text hex = {0};
    if (xfcc->hash.ptr == NULL)
        return true;
    text_add_hex(&hex, leaf->sha256, sizeof leaf->sha256);
    bool is_same = str_equal_icase(xfcc->hash, text_str(&hex));
    text_clear(&hex);
    return is_same;
}

static void read_xfcc(struct reader *reader)
{
    struct xfcc xfcc = {.hash = {NULL, 0}};
    struct str value = single(reader, STR("X-Forwarded-Client-Cert"));
    if (value.ptr == NULL || reader->reason != NULL)
        return;
    if (!parse_xfcc(value, &xfcc))
        (void)fail(reader, "X-Forwarded-Client-Cert is not one element of pairs");
    else if (xfcc.cert.ptr == NULL && xfcc.chain.ptr == NULL)
        (void)fail(reader, "X-Forwarded-Client-Cert has neither Cert nor Chain");
    else if (add_leaf_and_chain(reader, xfcc.cert, xfcc.chain) &&
             !hash_agrees(&xfcc, reader->found.certs[0]))
        (void)fail(reader, "Hash and Cert of X-Forwarded-Client-Cert differ");
}

bool forwarded_cert_read(enum config_forwarded_cert form, const struct http_fields *fields,
                         struct cert_table *table, size_t max_bytes,
                         struct forwarded_cert *ret_cert, const char **ret_reason)
{
    struct reader reader = {.fields = fields, .table = table, .bytes_left = max_bytes};
    switch (form) {
    case FORWARDED_CERT_NONE:
        break;
    case FORWARDED_CERT_RFC9440:
        read_rfc9440(&reader);
        break;
    case FORWARDED_CERT_X_ARR:
        read_x_arr(&reader);
        break;
    case FORWARDED_CERT_XFCC:
        read_xfcc(&reader);
        break;
    case FORWARDED_CERT_AWS_ALB:
        read_aws_alb(&reader);
        break;
    }
    if (reader.reason == NULL) {
        *ret_cert = reader.found;
        return true;
    }
    for (size_t i = 0; i < reader.found.count; i++)
        cert_unref(reader.found.certs[i]);
    free(reader.found.certs);
    *ret_reason = reader.reason;
    return false;
}

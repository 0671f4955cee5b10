/* SPDX-License-Identifier: MIT */
#include "forward/identity_headers_value.h"

#include <arpa/inet.h>
#include <limits.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/unicode.h"

struct str identity_safe(struct arena *arena, struct str text)
{
    struct text safe = {0};
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < 0x20 || c >= 0x7f)
            text_addf(&safe, "\\%02X", c);
        else
            text_add_char(&safe, (char)c);
    }
    /* RFC 4514 section 2.4 writes a blank at the end of a name as "\ ", which a recipient would cut
     * in two; \20 says the same. */
    if (safe.len > 1 && safe.ptr[safe.len - 1] == ' ' && safe.ptr[safe.len - 2] == '\\') {
        safe.len--;
        text_add_cstr(&safe, "20");
    }
    struct str copy = arena_copy(arena, str_trim(text_str(&safe)));
    text_clear(&safe);
    return copy;
}

struct str identity_utf8(struct arena *arena, struct str text)
{
    struct text safe = {0};
    while (text.len > 0) {
        uint32_t point = 0;
        size_t len = unicode_next(text, &point);
        if (len > 0 && unicode_is_visible(point)) {
            text_add(&safe, str_make(text.ptr, len));
        } else {
            len = len == 0 ? 1 : len;
            for (size_t i = 0; i < len; i++)
                text_addf(&safe, "\\%02X", (unsigned char)text.ptr[i]);
        }
        text = str_skip(text, len);
    }
    struct str copy = arena_copy(arena, str_trim(text_str(&safe)));
    text_clear(&safe);
    return copy;
}

struct str identity_take(struct arena *arena, struct text *text)
{
    struct str safe = identity_safe(arena, text_str(text));
    text_clear(text);
    return safe;
}

struct str identity_base64(struct arena *arena, const unsigned char *bytes, size_t len)
{
    char *out = arena_alloc(arena, (len + 2) / 3 * 4 + 1);
    int written = EVP_EncodeBlock((unsigned char *)out, bytes, (int)len);
    return str_make(out, (size_t)written);
}

static struct str in_hex(struct arena *arena, const unsigned char *bytes, size_t len,
                         const char digits[16])
{
    char *out = arena_alloc(arena, len * 2 + 1);
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    return str_make(out, len * 2);
}

struct str identity_hex(struct arena *arena, const unsigned char *bytes, size_t len)
{
    return in_hex(arena, bytes, len, "0123456789abcdef");
}

static bool is_unescaped(char c, const char *also)
{
    return ascii_is_alpha(c) || ascii_is_digit(c) || (c != '\0' && strchr("-._~", c) != NULL) ||
           (c != '\0' && strchr(also, c) != NULL);
}

struct str identity_url_escape(struct arena *arena, struct str text, const char *also)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = arena_alloc(arena, text.len * 3 + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (is_unescaped((char)c, also)) {
            out[len++] = (char)c;
            continue;
        }
        out[len++] = '%';
        out[len++] = digits[c >> 4];
        out[len++] = digits[c & 15];
    }
    return str_make(out, len);
}

struct str identity_pem(struct arena *arena, const struct cert *cert)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem = NULL;
    long len = 0;
    if (bio != NULL && PEM_write_bio(bio, PEM_STRING_X509, "", cert->der, (long)cert->der_len) > 0)
        len = BIO_get_mem_data(bio, &pem);
    struct str copy = arena_copy(arena, str_make(pem, len > 0 ? (size_t)len : 0));
    BIO_free(bio);
    ERR_clear_error();
    return copy;
}

struct str identity_name(struct arena *arena, const struct cert *cert,
                         void (*name)(const struct cert *cert, struct text *out))
{
    struct text out = {0};
    name(cert, &out);
    return identity_take(arena, &out);
}

struct str identity_serial_upper(struct arena *arena, const struct cert *cert)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert->x509);
    int len = ASN1_STRING_length(serial);
    if (len <= 0)
        return STR("00");
    struct str digits =
        in_hex(arena, ASN1_STRING_get0_data(serial), (size_t)len, "0123456789ABCDEF");
    if (ASN1_STRING_type(serial) != V_ASN1_NEG_INTEGER)
        return digits;
    return arena_printf(arena, "-%.*s", STR_ARG(digits));
}

struct str identity_date(struct arena *arena, int64_t seconds)
{
    char text[CLOCK_TEXT_SIZE];
    if (seconds == INT64_MIN || seconds == INT64_MAX)
        return STR("unknown");
    return arena_copy(arena, clock_format_rfc3339(seconds, text));
}

/* ---- subject alternative names ------------------------------------------------------------ */

static bool all_of(struct str text, const char *marks)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!ascii_is_alpha(c) && !ascii_is_digit(c) && (c == '\0' || strchr(marks, c) == NULL))
            return false;
    }
    return text.len > 0;
}

static bool none_of(struct str text, const char *marks)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c <= 0x20 || c >= 0x7f || strchr(marks, c) != NULL)
            return false;
    }
    return text.len > 0;
}

/* What an issuer wrote into the certificate need not be what the type promises: a dNSName
 * "a.test,admin.test" must not become two names on its way to the backend. */
static struct str text_name(const ASN1_STRING *name, enum identity_san kind)
{
    struct str text =
        str_make((const char *)ASN1_STRING_get0_data(name), (size_t)ASN1_STRING_length(name));
    bool is_good = false;
    if (kind == IDENTITY_SAN_DNS)
        is_good = all_of(text, "-_.*");
    else if (kind == IDENTITY_SAN_EMAIL)
        is_good = none_of(text, ",\"\\<>()[];:");
    else if (kind == IDENTITY_SAN_URI) /* RFC 3986 section 2 */
        is_good = none_of(text, "\"\\<>^`{|}");
    return is_good ? text : (struct str){NULL, 0};
}

static struct str ip_name(struct arena *arena, const ASN1_OCTET_STRING *name)
{
    char text[INET6_ADDRSTRLEN];
    const unsigned char *bytes = ASN1_STRING_get0_data(name);
    int len = ASN1_STRING_length(name);
    if ((len == 4 && inet_ntop(AF_INET, bytes, text, sizeof text) != NULL) ||
        (len == 16 && inet_ntop(AF_INET6, bytes, text, sizeof text) != NULL))
        return arena_copy(arena, str_of(text));
    return (struct str){NULL, 0};
}

/* Microsoft's user principal name, 1.3.6.1.4.1.311.20.2.3. */
static void add_upn(const OTHERNAME *other, struct text *out)
{
    if (OBJ_obj2nid(other->type_id) != NID_ms_upn || other->value->type != V_ASN1_UTF8STRING)
        return;
    const ASN1_UTF8STRING *name = other->value->value.utf8string;
    const unsigned char *bytes = ASN1_STRING_get0_data(name);
    for (int i = 0; i < ASN1_STRING_length(name); i++) {
        if (bytes[i] == ',' || bytes[i] == '\\')
            text_addf(out, "\\%02X", bytes[i]);
        else
            text_add_char(out, (char)bytes[i]);
    }
}

static struct str upn_name(struct arena *arena, const OTHERNAME *other)
{
    struct text out = {0};
    add_upn(other, &out);
    return identity_take(arena, &out);
}

struct str identity_upn_raw(struct arena *arena, const struct cert *cert)
{
    struct text out = {0};
    GENERAL_NAMES *names = X509_get_ext_d2i(cert->x509, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        struct text upn = {0};
        if (name->type == GEN_OTHERNAME)
            add_upn(name->d.otherName, &upn);
        if (upn.len > 0 && out.len > 0)
            text_add_char(&out, ',');
        text_add(&out, text_str(&upn));
        text_clear(&upn);
    }
    GENERAL_NAMES_free(names);
    ERR_clear_error();
    struct str raw = arena_copy(arena, text_str(&out));
    text_clear(&out);
    return raw;
}

static struct str general_name(struct arena *arena, const GENERAL_NAME *name,
                               enum identity_san kind)
{
    static const int types[] = {
        [IDENTITY_SAN_DNS] = GEN_DNS,       [IDENTITY_SAN_EMAIL] = GEN_EMAIL,
        [IDENTITY_SAN_URI] = GEN_URI,       [IDENTITY_SAN_IP] = GEN_IPADD,
        [IDENTITY_SAN_UPN] = GEN_OTHERNAME,
    };
    if (name->type != types[kind])
        return (struct str){NULL, 0};
    if (kind == IDENTITY_SAN_IP)
        return ip_name(arena, name->d.iPAddress);
    if (kind == IDENTITY_SAN_UPN)
        return upn_name(arena, name->d.otherName);
    struct str text = text_name(name->d.ia5, kind);
    return text.len == 0 ? text : arena_copy(arena, text);
}

struct str *identity_sans(struct arena *arena, const struct cert *cert, enum identity_san kind,
                          size_t *ret_count)
{
    *ret_count = 0;
    GENERAL_NAMES *names = X509_get_ext_d2i(cert->x509, NID_subject_alt_name, NULL, NULL);
    int count = names == NULL ? 0 : sk_GENERAL_NAME_num(names);
    struct str *found = arena_alloc(arena, ((size_t)count + 1) * sizeof *found);
    for (int i = 0; i < count; i++) {
        struct str text = general_name(arena, sk_GENERAL_NAME_value(names, i), kind);
        if (text.len > 0)
            found[(*ret_count)++] = text;
    }
    GENERAL_NAMES_free(names);
    ERR_clear_error();
    return found;
}

struct str identity_san_list(struct arena *arena, const struct cert *cert, enum identity_san kind)
{
    size_t count = 0;
    const struct str *names = identity_sans(arena, cert, kind, &count);
    struct text out = {0};
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            text_add_char(&out, ',');
        for (size_t j = 0; j < names[i].len; j++) {
            if (names[i].ptr[j] == ',')
                text_add_cstr(&out, "%2C");
            else
                text_add_char(&out, names[i].ptr[j]);
        }
    }
    return identity_take(arena, &out);
}

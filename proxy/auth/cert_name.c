/* Names and numbers of a certificate as text.
 *
 * SPDX-License-Identifier: MIT */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include "auth/cert_facts.h"
#include "auth/client_cert.h"

static void add_rfc4514(const X509_NAME *name, unsigned long flags, struct text *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio != NULL && X509_NAME_print_ex(bio, name, 0, flags) >= 0) {
        char *bytes = NULL;
        long len = BIO_get_mem_data(bio, &bytes);
        if (len > 0)
            text_add(out, str_make(bytes, (size_t)len));
    }
    BIO_free(bio);
    ERR_clear_error();
}

void cert_name_text(const X509_NAME *name, struct text *out)
{
    add_rfc4514(name, XN_FLAG_RFC2253, out);
}

void cert_subject_utf8(const struct cert *cert, struct text *out)
{
    add_rfc4514(X509_get_subject_name(cert->x509),
                XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB, out);
}

void cert_issuer_utf8(const struct cert *cert, struct text *out)
{
    add_rfc4514(X509_get_issuer_name(cert->x509),
                XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB, out);
}

void cert_subject(const struct cert *cert, struct text *out)
{
    cert_name_text(X509_get_subject_name(cert->x509), out);
}

void cert_issuer(const struct cert *cert, struct text *out)
{
    cert_name_text(X509_get_issuer_name(cert->x509), out);
}

/* The labels of Windows where they differ from OpenSSL's short names. */
static const struct {
    int nid;
    const char *label;
} iis_labels[] = {
    {NID_stateOrProvinceName, "S"},
    {NID_pkcs9_emailAddress, "E"},
    {NID_title, "T"},
    {NID_givenName, "G"},
    {NID_initials, "I"},
    {NID_surname, "SN"},
    {NID_serialNumber, "SERIALNUMBER"},
    {NID_streetAddress, "STREET"},
};

static void add_iis_label(const ASN1_OBJECT *type, struct text *out)
{
    int nid = OBJ_obj2nid(type);
    for (size_t i = 0; i < sizeof iis_labels / sizeof *iis_labels; i++) {
        if (iis_labels[i].nid == nid) {
            text_add_cstr(out, iis_labels[i].label);
            return;
        }
    }
    if (nid != NID_undef) {
        text_add_cstr(out, OBJ_nid2sn(nid));
        return;
    }
    char oid[128];
    if (OBJ_obj2txt(oid, sizeof oid, type, 1) > 0)
        text_addf(out, "OID.%s", oid);
}

/* A name is attacker's text that ends up in headers and logs: a value that is no clean UTF-8 text
 * is written as '#' and the hexadecimal DER (RFC 4514 section 2.4), which cannot be mistaken. */
static void add_iis_hex(const ASN1_STRING *value, struct text *out)
{
    ASN1_TYPE any = {.type = ASN1_STRING_type(value)};
    ASN1_STRING *copy = ASN1_STRING_dup(value);
    any.value.asn1_string = copy;
    unsigned char *der = NULL;
    int len = copy == NULL ? -1 : i2d_ASN1_TYPE(&any, &der);
    text_add_char(out, '#');
    if (len > 0)
        text_add_hex(out, der, (size_t)len);
    OPENSSL_free(der);
    ASN1_STRING_free(copy);
}

static bool has_control(struct str value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (c < 0x20 || c == 0x7f)
            return true;
    }
    return false;
}

static bool needs_quotes(struct str value)
{
    if (value.len == 0 || value.ptr[0] == ' ' || value.ptr[value.len - 1] == ' ')
        return true;
    for (size_t i = 0; i < value.len; i++) {
        if (strchr(",+=\"'<>#;", value.ptr[i]) != NULL)
            return true;
    }
    return false;
}

static void add_iis_value(const ASN1_STRING *value, char quote, struct text *out)
{
    unsigned char *utf8 = NULL;
    int len = ASN1_STRING_to_UTF8(&utf8, value);
    struct str text = str_make((const char *)utf8, len > 0 ? (size_t)len : 0);
    if (len < 0 || has_control(text)) {
        add_iis_hex(value, out);
    } else if (!needs_quotes(text)) {
        text_add(out, text);
    } else {
        text_add_char(out, quote);
        for (size_t i = 0; i < text.len; i++) {
            if (text.ptr[i] == quote) /* the quote itself is doubled, as CertNameToStr does */
                text_add_char(out, quote);
            text_add_char(out, text.ptr[i]);
        }
        text_add_char(out, quote);
    }
    OPENSSL_free(utf8);
}

static void add_iis(const X509_NAME *name, bool single, struct text *out)
{
    int previous_set = -1;
    for (int i = 0; i < X509_NAME_entry_count(name); i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
        if (i > 0) /* the parts of one multi-valued RDN share a set number */
            text_add_cstr(out, X509_NAME_ENTRY_set(entry) == previous_set ? " + " : ", ");
        previous_set = X509_NAME_ENTRY_set(entry);
        add_iis_label(X509_NAME_ENTRY_get_object(entry), out);
        text_add_char(out, '=');
        add_iis_value(X509_NAME_ENTRY_get_data(entry), single ? '\'' : '"', out);
    }
    ERR_clear_error();
}

void cert_subject_iis(const struct cert *cert, bool arr_quote_single, struct text *out)
{
    add_iis(X509_get_subject_name(cert->x509), arr_quote_single, out);
}

void cert_issuer_iis(const struct cert *cert, bool arr_quote_single, struct text *out)
{
    add_iis(X509_get_issuer_name(cert->x509), arr_quote_single, out);
}

void cert_serial(const struct cert *cert, struct text *out)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert->x509);
    if (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER)
        text_add_char(out, '-');
    int len = ASN1_STRING_length(serial);
    if (len <= 0)
        text_add_cstr(out, "00");
    else
        text_add_hex(out, ASN1_STRING_get0_data(serial), (size_t)len);
}

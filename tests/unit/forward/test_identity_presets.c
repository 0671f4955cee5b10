/* The headers of the presets, for one fixed certificate and for hostile ones.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/mem.h"
#include "forward/identity_headers.h"
#include "forward/identity_headers_value.h"
#include "forward/identity_presets.h"
#include "unit/unit.h"

#define LEAF_BASE64                                                                \
    "MIICMDCCAdWgAwIBAgIFCgvN7wEwCgYIKoZIzj0EAwIwNDELMAkGA1UEBhMCREUxEDAOBgNVBAoM" \
    "B0NvbnRvc28xEzARBgNVBAMMCklzc3VpbmcgQ0EwHhcNMjYwMTAxMDAwMDAwWhcNMjcwMTMxMTIz" \
    "MDA1WjBQMQswCQYDVQQGEwJERTEcMBoGA1UECgwTQ29udG9zbywgIkx0ZCI7IEE9QjETMBEGA1UE" \
    "CwwKU3RyYcOfZSBcIDEOMAwGA1UEAwwFYWxpY2UwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQ+" \
    "0RO3iDtMWQY4N52wwhzaFnQu0CVQSL9DM5HTdLwh0ZCZIJrMxMiiJMhDr6T0xooJDQTaXpiJ2uL4" \
    "7vzoKjdAo4G3MIG0MIGxBgNVHREEgakwgaaCDmEuY29udG9zby50ZXN0ghRldmlsLnRlc3QsYWRt" \
    "aW4udGVzdIIOKi5jb250b3NvLnRlc3SGHXNwaWZmZTovL2NvbnRvc28udGVzdC9hLGI7Yz1kgRJh" \
    "bGljZUBjb250b3NvLnRlc3SHBMAAAgeHECABDbgAAAAAAAAAAAAAAAegIwYKKwYBBAGCNxQCA6AV" \
    "DBNhbCxpY2VAY29udG9zby50ZXN0MAoGCCqGSM49BAMCA0kAMEYCIQCDI/ftEqPB+WbJShvyKwG+" \
    "0XRNrS3H3mJahk5PSDQWEAIhAOCSzpMezUGzmGjKxmuMxYPUNsmufhG+cKpfAvx9UwZK"

#define ISSUING_BASE64                                                             \
    "MIIBMDCB1qADAgECAgECMAoGCCqGSM49BAMCMA8xDTALBgNVBAMMBFJvb3QwHhcNMjYwMTAxMDAw" \
    "MDAwWhcNMjcwMTMxMTIzMDA1WjA0MQswCQYDVQQGEwJERTEQMA4GA1UECgwHQ29udG9zbzETMBEG" \
    "A1UEAwwKSXNzdWluZyBDQTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABHQd1b2oF9leRiZTcyDl" \
    "1VF5mDAosvgsmdUAxe6GJOPEB3C0apw4X9xWc4NVSIexVI7rkSw1ulynGZX/Is1EgdMwCgYIKoZI" \
    "zj0EAwIDSQAwRgIhAP/aLZKr60rvoSM8Q4g9Xja783ee5XDqvOvTC/rlXKmtAiEAro7hoU4Jcan+" \
    "54NUPT8YycBbVPvT5z1ltrNX6tnmf0A="

#define SERVER_BASE64                                                              \
    "MIIBlDCCATmgAwIBAgIBAzAKBggqhkjOPQQDAjA0MQswCQYDVQQGEwJERTEQMA4GA1UECgwHQ29u" \
    "dG9zbzETMBEGA1UEAwwKSXNzdWluZyBDQTAeFw0yNjAxMDEwMDAwMDBaFw0yNzAxMzExMjMwMDVa" \
    "MDwxCzAJBgNVBAYTAlVTMRowGAYDVQQKDBFHb0RhZGR5LmNvbSwgSW5jLjERMA8GA1UEAwwId3d3" \
    "LnRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARU53oAHDhiuXp2ZH9DNt888SasvnoGnF5X" \
    "CSdzJNKSC/WZ8bsp9DF1QhIfjAWi58Nxcep3c1CQCBunyC9g0LN1ozQwMjAwBgNVHREEKTAnggh3" \
    "d3cudGVzdIYbc3BpZmZlOi8vY29udG9zby50ZXN0L3Byb3h5MAoGCCqGSM49BAMCA0kAMEYCIQDr" \
    "1z44Mh32PUY5yjnxeDK5H3pQbGQG+mPdVhYhM+frQAIhAOH3gQlgGfwTATdPQUiZ5brs7nzSnNku" \
    "P0MOARUM8J4B"

#define LEAF_SHA256 "32c4d39ee6c463061a18cda630cd892ae2f37a28079489d1f1094b7d84f43fce"
#define LEAF_SHA1   "f9663572c4238959a7d9a903e3c1130990449fcc"

#define SUBJECT "CN=alice,OU=Stra\\C3\\9Fe \\\\\\ ,O=Contoso\\, \\\"Ltd\\\"\\; A=B,C=DE"
#define ISSUER  "CN=Issuing CA,O=Contoso,C=DE"

static struct buf_pool pool;
static struct arena arena;
static struct cert *leaf;
static struct cert *issuing;
static struct cert *server;

static struct cert *cert_of(const char *base64)
{
    size_t len = strlen(base64);
    unsigned char *der = xmalloc(len);
    int decoded = EVP_DecodeBlock(der, (const unsigned char *)base64, (int)len);
    ck_assert_int_gt(decoded, 0);
    size_t padding = len - strcspn(base64, "=");
    struct cert *cert = cert_from_der(der, (size_t)decoded - padding);
    ck_assert_ptr_nonnull(cert);
    free(der);
    return cert;
}

static void setup(void)
{
    buf_pool_init(&pool, 16);
    arena_init(&arena, &pool);
    leaf = cert_of(LEAF_BASE64);
    issuing = cert_of(ISSUING_BASE64);
    server = cert_of(SERVER_BASE64);
}

static void teardown(void)
{
    cert_unref(leaf);
    cert_unref(issuing);
    cert_unref(server);
    arena_clear(&arena);
    buf_pool_clear(&pool);
}

static struct http_fields fields_of(unsigned identity, struct cert *certificate, bool single)
{
    struct config_forward forward = {.identity = identity};
    struct identity_facts facts = {.forward = &forward,
                                   .leaf = certificate,
                                   .chain = &issuing,
                                   .chain_count = 1,
                                   .server = server,
                                   .cipher_bits = 128,
                                   .verdict = "trusted",
                                   .arr_quote_single = single};
    struct http_fields fields = {0};
    identity_headers_add(&facts, &arena, &fields);
    return fields;
}

/* NULL-terminated value; "" when the field is missing. */
static const char *value_of(const struct http_fields *fields, const char *name)
{
    const struct http_field *field = http_fields_find(fields, str_of(name));
    return field == NULL ? "" : arena_copy(&arena, field->value).ptr;
}

static char *url_decode(const char *text)
{
    char *out = xcalloc(strlen(text) + 1, 1);
    char *at = out;
    for (; *text != '\0'; text++) {
        if (*text != '%') {
            *at++ = *text;
            continue;
        }
        *at++ = (char)(ascii_hex_value(text[1]) * 16 + ascii_hex_value(text[2]));
        text += 2;
    }
    return out;
}

static void expect_pem_of_leaf(const char *pem)
{
    struct cert **certs = NULL;
    size_t count = 0;
    ck_assert(cert_list_parse(pem, strlen(pem), &certs, &count));
    ck_assert_uint_eq(count, 1);
    ck_assert_mem_eq(certs[0]->sha256, leaf->sha256, 32);
    cert_unref(certs[0]);
    free(certs);
}

START_TEST(rfc9440_sends_byte_sequences)
{
    /* RFC 9440 section 2.2, 2.3 */
    struct http_fields fields = fields_of(IDENTITY_RFC9440, leaf, false);
    ck_assert_str_eq(value_of(&fields, "Client-Cert"), ":" LEAF_BASE64 ":");
    ck_assert_str_eq(value_of(&fields, "Client-Cert-Chain"), "");
    fields = fields_of(IDENTITY_RFC9440_CHAIN, leaf, false);
    ck_assert_str_eq(value_of(&fields, "Client-Cert"), ":" LEAF_BASE64 ":");
    ck_assert_str_eq(value_of(&fields, "Client-Cert-Chain"), ":" ISSUING_BASE64 ":");
    /* Client-Cert-Chain only together with Client-Cert. */
    fields = fields_of(IDENTITY_RFC9440_CHAIN, NULL, false);
    ck_assert_uint_eq(fields.count, 0);
}
END_TEST

START_TEST(iis_arr_writes_what_application_request_routing_does)
{
    struct http_fields fields = fields_of(IDENTITY_IIS_ARR, leaf, false);
    ck_assert_str_eq(value_of(&fields, "X-ARR-ClientCert"), LEAF_BASE64);
    ck_assert_str_eq(value_of(&fields, "X-ARR-SSL"),
                     "256|128|C=DE, O=Contoso, CN=Issuing CA|C=US, O=\"GoDaddy.com, Inc.\", "
                     "CN=www.test");
    struct http_fields again = fields_of(IDENTITY_IIS_ARR, NULL, true);
    ck_assert_str_eq(value_of(&again, "X-ARR-SSL"),
                     "256|128|C=DE, O=Contoso, CN=Issuing CA|C=US, O='GoDaddy.com, Inc.', "
                     "CN=www.test");
    ck_assert_str_eq(value_of(&again, "X-ARR-ClientCert"), "");
    /* A random UUID, RFC 9562 section 5.4. */
    const char *id = value_of(&fields, "X-ARR-LOG-ID");
    ck_assert_uint_eq(strlen(id), 36);
    for (size_t i = 0; i < 36; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23)
            ck_assert_int_eq(id[i], '-');
        else
            ck_assert_int_ge(ascii_hex_value(id[i]), 0);
    }
    ck_assert_int_eq(id[14], '4');
    ck_assert_ptr_nonnull(strchr("89ab", id[19]));
    ck_assert_str_ne(id, value_of(&again, "X-ARR-LOG-ID"));
}
END_TEST

START_TEST(xfcc_is_one_element_with_unambiguous_quotes)
{
    struct http_fields fields = fields_of(IDENTITY_XFCC, leaf, false);
    const char *value = value_of(&fields, "X-Forwarded-Client-Cert");
    const char *start = "By=spiffe://contoso.test/proxy;Hash=" LEAF_SHA256 ";Cert=\"";
    ck_assert_msg(strncmp(value, start, strlen(start)) == 0, "%s", value);
    value += strlen(start);
    char *pem = url_decode(value);
    *strchr(pem, '"') = '\0';
    expect_pem_of_leaf(pem);
    free(pem);
    /* The name that is no DNS name is not there; a quote never follows a backslash. */
    ck_assert_str_eq(
        strchr(value, '"'),
        "\";Subject=\"CN=alice,OU=Stra\\C3\\9Fe \\5C\\20,O=Contoso\\2C \\22Ltd\\22\\3B "
        "A=B,C=DE\";URI=\"spiffe://contoso.test/a,b;c=d\";DNS=a.contoso.test;"
        "DNS=*.contoso.test");
}
END_TEST

START_TEST(nginx_has_the_usual_variables)
{
    struct http_fields fields = fields_of(IDENTITY_NGINX, leaf, false);
    ck_assert_uint_eq(fields.count, 6);
    ck_assert_str_eq(value_of(&fields, "X-SSL-Client-Verify"), "SUCCESS");
    ck_assert_str_eq(value_of(&fields, "X-SSL-Client-S-DN"), SUBJECT);
    ck_assert_str_eq(value_of(&fields, "X-SSL-Client-I-DN"), ISSUER);
    ck_assert_str_eq(value_of(&fields, "X-SSL-Client-Serial"), "0A0BCDEF01");
    ck_assert_str_eq(value_of(&fields, "X-SSL-Client-Fingerprint"), LEAF_SHA1);
    const char *escaped = value_of(&fields, "X-SSL-Client-Cert");
    ck_assert_ptr_null(strpbrk(escaped, "+/= \n"));
    char *pem = url_decode(escaped);
    expect_pem_of_leaf(pem);
    ck_assert_str_eq(pem + strlen(pem) - 26, "-----END CERTIFICATE-----\n");
    free(pem);
    fields = fields_of(IDENTITY_NGINX, NULL, false);
    ck_assert_uint_eq(fields.count, 1);
    ck_assert_str_eq(value_of(&fields, "X-SSL-Client-Verify"), "NONE");
}
END_TEST

START_TEST(traefik_joins_bare_certificates_with_commas)
{
    struct http_fields fields = fields_of(IDENTITY_TRAEFIK, leaf, false);
    char *bare = url_decode(value_of(&fields, "X-Forwarded-Tls-Client-Cert"));
    ck_assert_str_eq(bare, LEAF_BASE64 "," ISSUING_BASE64);
    char *info = url_decode(value_of(&fields, "X-Forwarded-Tls-Client-Cert-Info"));
    ck_assert_str_eq(info, "Subject=\"" SUBJECT "\";Issuer=\"" ISSUER "\"");
    ck_assert_ptr_null(strpbrk(value_of(&fields, "X-Forwarded-Tls-Client-Cert-Info"), "+ \";=,"));
    free(bare);
    free(info);
    fields = fields_of(IDENTITY_TRAEFIK, NULL, false);
    ck_assert_uint_eq(fields.count, 0);
}
END_TEST

START_TEST(aws_alb_keeps_its_safe_characters)
{
    struct http_fields fields = fields_of(IDENTITY_AWS_ALB, leaf, false);
    ck_assert_str_eq(value_of(&fields, "X-Amzn-Mtls-Clientcert-Serial-Number"), "0A0BCDEF01");
    ck_assert_str_eq(value_of(&fields, "X-Amzn-Mtls-Clientcert-Subject"), SUBJECT);
    ck_assert_str_eq(value_of(&fields, "X-Amzn-Mtls-Clientcert-Issuer"), ISSUER);
    ck_assert_str_eq(value_of(&fields, "X-Amzn-Mtls-Clientcert-Validity"),
                     "NotBefore=2026-01-01T00:00:00Z;NotAfter=2027-01-31T12:30:05Z");
    const char *escaped = value_of(&fields, "X-Amzn-Mtls-Clientcert-Leaf");
    const char *start = "-----BEGIN%20CERTIFICATE-----%0A";
    ck_assert_int_eq(strncmp(escaped, start, strlen(start)), 0);
    ck_assert_ptr_null(strstr(escaped, "%2B"));
    ck_assert_ptr_null(strstr(escaped, "%2F"));
    ck_assert_ptr_null(strstr(escaped, "%3D"));
    char *pem = url_decode(escaped);
    expect_pem_of_leaf(pem);
    free(pem);
}
END_TEST

START_TEST(apache_has_the_variables_of_mod_ssl)
{
    struct http_fields fields = fields_of(IDENTITY_APACHE, leaf, false);
    ck_assert_str_eq(value_of(&fields, "SSL_CLIENT_VERIFY"), "SUCCESS");
    ck_assert_str_eq(value_of(&fields, "SSL_CLIENT_S_DN"), SUBJECT);
    ck_assert_str_eq(value_of(&fields, "SSL_CLIENT_I_DN"), ISSUER);
    ck_assert_str_eq(value_of(&fields, "SSL_CLIENT_M_SERIAL"), "0A0BCDEF01");
    ck_assert_str_eq(value_of(&fields, "SSL_CLIENT_V_START"), "Jan  1 00:00:00 2026 GMT");
    ck_assert_str_eq(value_of(&fields, "SSL_CLIENT_V_END"), "Jan 31 12:30:05 2027 GMT");
    char *pem = xstrdup(value_of(&fields, "SSL_CLIENT_CERT"));
    ck_assert_ptr_null(strchr(pem, '\n'));
    size_t first = strlen("-----BEGIN CERTIFICATE-----");
    size_t last = strlen(pem) - strlen("-----END CERTIFICATE-----");
    for (size_t i = first; i < last; i++)
        pem[i] = pem[i] == ' ' ? '\n' : pem[i];
    expect_pem_of_leaf(pem);
    free(pem);
    fields = fields_of(IDENTITY_APACHE, NULL, false);
    ck_assert_uint_eq(fields.count, 1);
    ck_assert_str_eq(value_of(&fields, "SSL_CLIENT_VERIFY"), "NONE");
}
END_TEST

/* A backend must not take a certificate that failed for a good one: where a preset cannot say so,
 * it says nothing. */
START_TEST(a_failed_certificate_is_told_where_there_is_a_word_for_it_and_never_shown)
{
    struct config_forward forward = {0};
    struct identity_facts facts = {
        .forward = &forward, .server = server, .verdict = "failed", .reason = "expired"};
    for (unsigned preset = 1; preset <= IDENTITY_APACHE; preset <<= 1) {
        struct http_fields fields = {0};
        forward.identity = preset;
        identity_headers_add_lasting(&facts, &arena, &fields);
        bool says = preset == IDENTITY_NGINX || preset == IDENTITY_APACHE;
        ck_assert_uint_eq(fields.count, says);
        if (says)
            ck_assert(str_equal(fields.items[0].value, STR("FAILED:expired")));
    }
    ck_assert(str_equal(identity_template(&facts, STR("{verdict}:{reason}"), &arena),
                        STR("failed:expired")));
    facts.reason = NULL;
    ck_assert_uint_eq(identity_template(&facts, STR("{reason}"), &arena).len, 0);
}
END_TEST

static struct str template_of(const char *text)
{
    struct config_forward forward = {0};
    struct identity_facts facts = {.forward = &forward, .leaf = leaf, .verdict = "trusted"};
    return arena_copy(&arena, identity_template(&facts, str_of(text), &arena));
}

START_TEST(templates_list_alternative_names_without_those_that_are_none)
{
    ck_assert_str_eq(template_of("{san_dns}").ptr, "a.contoso.test,*.contoso.test");
    ck_assert_str_eq(template_of("{san_uri}").ptr, "spiffe://contoso.test/a%2Cb;c=d");
    ck_assert_str_eq(template_of("{san_email}").ptr, "alice@contoso.test");
    ck_assert_str_eq(template_of("{san_ip}").ptr, "192.0.2.7,2001:db8::7");
    ck_assert_str_eq(template_of("{upn}").ptr, "al\\2Cice@contoso.test");
    ck_assert_str_eq(template_of("{sha256}").ptr, LEAF_SHA256);
    ck_assert_str_eq(template_of("{der}").ptr, LEAF_BASE64);
    ck_assert_str_eq(template_of("{serial}").ptr, "0a0bcdef01");
    ck_assert_str_eq(template_of("{not_before}").ptr, "2026-01-01T00:00:00Z");
    ck_assert_str_eq(template_of("{not_after}").ptr, "2027-01-31T12:30:05Z");
    ck_assert_str_eq(template_of("{subject}").ptr, SUBJECT);
    ck_assert_str_eq(template_of("{issuer_iis}").ptr, "C=DE, O=Contoso, CN=Issuing CA");
    ck_assert_uint_eq(template_of("{user}").len, 0);
}
END_TEST

/* ---- hostile certificates ----------------------------------------------------------------- */

static struct cert *hostile(const char *bytes, size_t len, int type)
{
    X509 *x509 = X509_new();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_NAME *name = X509_get_subject_name(x509);
    ASN1_STRING *value = ASN1_STRING_type_new(type);
    ck_assert_int_eq(ASN1_STRING_set(value, bytes, (int)len), 1);
    X509_NAME_ENTRY *entry = X509_NAME_ENTRY_new();
    ASN1_OBJECT *object = OBJ_txt2obj("CN", 0);
    ck_assert_int_eq(X509_NAME_ENTRY_set_object(entry, object), 1);
    ck_assert_int_eq(ASN1_STRING_copy(X509_NAME_ENTRY_get_data(entry), value), 1);
    ck_assert_int_eq(X509_NAME_add_entry(name, entry, -1, 0), 1);
    ck_assert_int_eq(X509_set_issuer_name(x509, name), 1);
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    static const int kinds[] = {GEN_DNS, GEN_EMAIL, GEN_URI};
    for (size_t i = 0; i < 3; i++) {
        GENERAL_NAME *general = GENERAL_NAME_new();
        ASN1_IA5STRING *text = ASN1_IA5STRING_new();
        ck_assert_int_eq(ASN1_STRING_set(text, bytes, (int)len), 1);
        GENERAL_NAME_set0_value(general, kinds[i], text);
        ck_assert_int_gt(sk_GENERAL_NAME_push(names, general), 0);
    }
    ck_assert_int_eq(X509_add1_ext_i2d(x509, NID_subject_alt_name, names, 0, 0), 1);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), 0);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_set_pubkey(x509, key);
    ck_assert_int_gt(X509_sign(x509, key, EVP_sha256()), 0);
    struct cert *cert = cert_from_x509(x509);
    GENERAL_NAMES_free(names);
    X509_NAME_ENTRY_free(entry);
    ASN1_OBJECT_free(object);
    ASN1_STRING_free(value);
    EVP_PKEY_free(key);
    X509_free(x509);
    ck_assert_ptr_nonnull(cert);
    return cert;
}

#define ALL_PRESETS 0xffu

/* RFC 9110 section 5.5: no control character, no blank at either end. */
static void expect_harmless(const struct http_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        struct str value = fields->items[i].value;
        ck_assert_uint_gt(value.len, 0);
        ck_assert_uint_le(value.len, IDENTITY_VALUE_MAX);
        ck_assert_int_ne(value.ptr[0], ' ');
        ck_assert_int_ne(value.ptr[value.len - 1], ' ');
        for (size_t j = 0; j < value.len; j++)
            ck_assert_msg(value.ptr[j] >= 0x20 && value.ptr[j] < 0x7f, "%.*s has %02x",
                          STR_ARG(fields->items[i].name), (unsigned char)value.ptr[j]);
    }
}

/* Envoy's rules: quotes open and close, \" inside; exactly one element with one Subject. */
static void expect_one_xfcc_element(const char *value)
{
    bool in_quotes = false;
    unsigned subjects = 0;
    for (const char *at = value; *at != '\0'; at++) {
        if (in_quotes && at[0] == '\\' && at[1] == '"')
            at++;
        else if (*at == '"')
            in_quotes = !in_quotes;
        else if (!in_quotes)
            ck_assert_msg(*at != ',', "a second element in %s", value);
        if (!in_quotes && strncmp(at, ";Subject=", 9) == 0)
            subjects++;
    }
    ck_assert(!in_quotes);
    ck_assert_uint_eq(subjects, 1);
}

START_TEST(no_name_in_a_certificate_breaks_a_header)
{
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
#define CASE(text) {text, sizeof text - 1}
        CASE("a\r\nX-Remote-User: root"),
        CASE("a\nb"),
        CASE("a\0.evil.test"),
        CASE("\0"),
        CASE("\"quoted\""),
        CASE("\";Issuer=\"CN=admin"),
        CASE("\";Subject=\"CN=admin\";By=\"x"),
        CASE("a,CN=admin"),
        CASE("a\\"),
        CASE("a\\\\"),
        CASE("a\\\""),
        CASE("\\"),
        CASE("\\\\\\\",By=evil,\\"),
        CASE(" "),
        CASE("  a  "),
        CASE("\t"),
        CASE("#04024869"),
        CASE("J\xc3\xb6rg \xe2\x80\xae gpj"),
        CASE("\xc2\x80\xc2\x9f"),
        CASE("a\x7f\x1b[31m"),
        CASE(",Hash=00"),
        CASE("admin.test,evil.test"),
        CASE("%0d%0aX-A: b"),
        CASE("+ = ; | < > { }"),
    };
    static const int types[] = {V_ASN1_UTF8STRING, V_ASN1_PRINTABLESTRING, V_ASN1_T61STRING,
                                V_ASN1_IA5STRING};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t j = 0; j < sizeof types / sizeof types[0]; j++) {
            struct cert *cert = hostile(cases[i].bytes, cases[i].len, types[j]);
            struct http_fields fields = fields_of(ALL_PRESETS, cert, i % 2 == 0);
            expect_harmless(&fields);
            expect_one_xfcc_element(value_of(&fields, "X-Forwarded-Client-Cert"));
            cert_unref(cert);
        }
    }
}
END_TEST

START_TEST(a_value_that_is_too_long_is_named_not_cut)
{
    size_t len = (size_t)64 * 1024;
    char *bytes = xmalloc(len);
    memset(bytes, 'a', len);
    struct cert *cert = hostile(bytes, len, V_ASN1_UTF8STRING);
    struct http_fields fields = fields_of(ALL_PRESETS, cert, false);
    expect_harmless(&fields);
    const char *omitted = value_of(&fields, "X-Identity-Omitted");
    static const char *const names[] = {"Client-Cert", "X-ARR-ClientCert", "SSL_CLIENT_CERT",
                                        "X-SSL-Client-S-DN", "X-Forwarded-Client-Cert"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ck_assert_ptr_nonnull(strstr(omitted, names[i]));
        ck_assert_str_eq(value_of(&fields, names[i]), "");
    }
    ck_assert_str_eq(value_of(&fields, "X-SSL-Client-Verify"), "SUCCESS");
    cert_unref(cert);
    free(bytes);
}
END_TEST

START_TEST(the_limit_of_a_value_is_exact)
{
    char *bytes = xmalloc(IDENTITY_VALUE_MAX + 1);
    memset(bytes, 'a', IDENTITY_VALUE_MAX + 1);
    struct http_fields fields = {0};
    struct identity_sink sink = {.arena = &arena, .fields = &fields};
    identity_sink_add(&sink, STR("X-At"), str_make(bytes, IDENTITY_VALUE_MAX));
    identity_sink_add(&sink, STR("X-Above"), str_make(bytes, IDENTITY_VALUE_MAX + 1));
    identity_sink_add(&sink, STR("X-Too"), str_make(bytes, IDENTITY_VALUE_MAX + 1));
    identity_sink_add(&sink, STR("X-Empty"), (struct str){NULL, 0});
    identity_sink_end(&sink);
    ck_assert_uint_eq(fields.count, 2);
    ck_assert_str_eq(value_of(&fields, "X-Identity-Omitted"), "X-Above, X-Too");
    free(bytes);
}
END_TEST

Suite *unit_suite(void)
{
    Suite *suite = suite_create("identity_presets");
    TCase *tcase = tcase_create("identity_presets");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, rfc9440_sends_byte_sequences);
    tcase_add_test(tcase, iis_arr_writes_what_application_request_routing_does);
    tcase_add_test(tcase, xfcc_is_one_element_with_unambiguous_quotes);
    tcase_add_test(tcase, nginx_has_the_usual_variables);
    tcase_add_test(tcase, traefik_joins_bare_certificates_with_commas);
    tcase_add_test(tcase, aws_alb_keeps_its_safe_characters);
    tcase_add_test(tcase, apache_has_the_variables_of_mod_ssl);
    tcase_add_test(tcase,
                   a_failed_certificate_is_told_where_there_is_a_word_for_it_and_never_shown);
    tcase_add_test(tcase, templates_list_alternative_names_without_those_that_are_none);
    tcase_add_test(tcase, no_name_in_a_certificate_breaks_a_header);
    tcase_add_test(tcase, a_value_that_is_too_long_is_named_not_cut);
    tcase_add_test(tcase, the_limit_of_a_value_is_exact);
    suite_add_tcase(suite, tcase);
    return suite;
}

/* SPDX-License-Identifier: MIT */
#include "config/config_header.h"

#include <string.h>

#include "config/config_scalar.h"

static const char *const template_fields[] = {
    "user",         "subject",     "subject_iis", "issuer",     "issuer_iis", "serial",
    "sha1",         "sha256",      "san_dns",     "san_email",  "san_uri",    "san_ip",
    "upn",          "pem",         "der",         "not_before", "not_after",  "verdict",
    "reason",       "tls_version", "cipher",      "client_ip",  "request_id", "issuer_sha256",
    "root_subject", "chain_pem",   NULL};
static const char *const template_filters[] = {"utf8", "base64", "urlencoded", NULL};

struct owned_header { /* a header whose value is not the administrator's to choose */
    const char *name;
    const char *why;
};

#define HOP_BY_HOP "belongs to one connection, not to the request"
#define FRAMING    "says where the message ends"
#define REPLACED   "is always set by the proxy"

static const struct owned_header owned_headers[] = {
    {"Host", "is chosen with `host: keep` or `host: upstream`"},
    {"Content-Length", FRAMING},
    {"Transfer-Encoding", FRAMING},
    {"Trailer", FRAMING},
    {"Connection", HOP_BY_HOP}, /* RFC 9110 section 7.6.1 */
    {"Keep-Alive", HOP_BY_HOP},
    {"Proxy-Connection", HOP_BY_HOP},
    {"TE", HOP_BY_HOP},
    {"Upgrade", HOP_BY_HOP},
    {"HTTP2-Settings", HOP_BY_HOP},
    {"Proxy-Authorization", HOP_BY_HOP},
    {"Proxy-Authenticate", HOP_BY_HOP},
    {"Expect", HOP_BY_HOP},
    {"Proxy", "becomes HTTP_PROXY in a CGI backend"},
    {"Via", "is switched with `via`"},
    {"X-Forwarded-For", REPLACED},
    {"X-Forwarded-Proto", REPLACED},
    {"X-Forwarded-Host", REPLACED},
    {"X-Identity-Omitted", REPLACED},
};

struct preset_header {
    unsigned preset;
    const char *word;
    const char *name;
};

static const struct preset_header preset_headers[] = {
    {IDENTITY_RFC9440, "rfc9440", "Client-Cert"},
    {IDENTITY_RFC9440_CHAIN, "rfc9440-chain", "Client-Cert"},
    {IDENTITY_RFC9440_CHAIN, "rfc9440-chain", "Client-Cert-Chain"},
    {IDENTITY_IIS_ARR, "iis-arr", "X-ARR-ClientCert"},
    {IDENTITY_IIS_ARR, "iis-arr", "X-ARR-SSL"},
    {IDENTITY_IIS_ARR, "iis-arr", "X-ARR-LOG-ID"},
    {IDENTITY_XFCC, "xfcc", "X-Forwarded-Client-Cert"},
    {IDENTITY_NGINX, "nginx", "X-SSL-Client-Verify"},
    {IDENTITY_NGINX, "nginx", "X-SSL-Client-Cert"},
    {IDENTITY_NGINX, "nginx", "X-SSL-Client-S-DN"},
    {IDENTITY_NGINX, "nginx", "X-SSL-Client-I-DN"},
    {IDENTITY_NGINX, "nginx", "X-SSL-Client-Serial"},
    {IDENTITY_NGINX, "nginx", "X-SSL-Client-Fingerprint"},
    {IDENTITY_TRAEFIK, "traefik", "X-Forwarded-Tls-Client-Cert"},
    {IDENTITY_TRAEFIK, "traefik", "X-Forwarded-Tls-Client-Cert-Info"},
    {IDENTITY_AWS_ALB, "aws-alb", "X-Amzn-Mtls-Clientcert-Serial-Number"},
    {IDENTITY_AWS_ALB, "aws-alb", "X-Amzn-Mtls-Clientcert-Issuer"},
    {IDENTITY_AWS_ALB, "aws-alb", "X-Amzn-Mtls-Clientcert-Subject"},
    {IDENTITY_AWS_ALB, "aws-alb", "X-Amzn-Mtls-Clientcert-Validity"},
    {IDENTITY_AWS_ALB, "aws-alb", "X-Amzn-Mtls-Clientcert-Leaf"},
    {IDENTITY_APACHE, "apache", "SSL_CLIENT_VERIFY"},
    {IDENTITY_APACHE, "apache", "SSL_CLIENT_S_DN"},
    {IDENTITY_APACHE, "apache", "SSL_CLIENT_I_DN"},
    {IDENTITY_APACHE, "apache", "SSL_CLIENT_M_SERIAL"},
    {IDENTITY_APACHE, "apache", "SSL_CLIENT_V_START"},
    {IDENTITY_APACHE, "apache", "SSL_CLIENT_V_END"},
    {IDENTITY_APACHE, "apache", "SSL_CLIENT_CERT"},
};

const char *const *config_header_fields(void)
{
    return template_fields;
}

static char fold(char c)
{
    return c == '_' || c == '.' ? '-' : ascii_lower(c);
}

bool config_header_same(struct str a, struct str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (fold(a.ptr[i]) != fold(b.ptr[i]))
            return false;
    }
    return true;
}

/* RFC 9110 section 5.6.2: tchar. */
static bool is_token(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_mark = c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
        if (!ascii_is_alpha(c) && !ascii_is_digit(c) && !is_mark)
            return false;
    }
    return text.len > 0;
}

static void check_name(const struct config_cursor *at, struct str name)
{
    if (!is_token(name) || name.len > 64) {
        config_decode_error(at, "not a header name: letters, digits and hyphens, at most 64");
        return;
    }
    for (size_t i = 0; i < sizeof owned_headers / sizeof owned_headers[0]; i++) {
        if (config_header_same(name, str_of(owned_headers[i].name)))
            config_decode_error(at, "this header cannot be set: it %s", owned_headers[i].why);
    }
}

static bool check_filter(const struct config_cursor *at, struct str field, struct str filter)
{
    bool is_encoded = str_equal(field, STR("pem")) || str_equal(field, STR("der")) ||
                      str_equal(field, STR("chain_pem"));
    struct config_near near = {0};
    for (size_t i = 0; template_filters[i] != NULL && !is_encoded; i++) {
        if (str_equal(filter, str_of(template_filters[i])))
            return true;
        config_near_offer(&near, filter, template_filters[i]);
    }
    if (is_encoded)
        config_decode_error(at, "{%.*s} is encoded as it is; it takes no filter", STR_ARG(field));
    else
        config_decode_error(at,
                            "unknown filter `%.*s`; there are utf8, base64 and urlencoded%s%s%s",
                            filter.len > 40 ? 40 : (int)filter.len, filter.ptr,
                            near.text == NULL ? "" : "; did you mean ",
                            near.text == NULL ? "" : near.text, near.text == NULL ? "" : "?");
    return false;
}

/* "field" or "field:filter" */
static bool check_field(const struct config_cursor *at, struct str field)
{
    struct config_near near = {0};
    size_t colon = str_find(field, ':');
    if (colon < field.len) {
        struct str filter = str_skip(field, colon + 1);
        field.len = colon;
        return check_field(at, field) && check_filter(at, field, filter);
    }
    for (size_t i = 0; template_fields[i] != NULL; i++) {
        if (str_equal(field, str_of(template_fields[i])))
            return true;
        config_near_offer(&near, field, template_fields[i]);
    }
    int shown = field.len > 40 ? 40 : (int)field.len;
    if (near.text != NULL)
        config_decode_error(at, "unknown field {%.*s}; did you mean {%s}?", shown, field.ptr,
                            near.text);
    else
        config_decode_error(at, "unknown field {%.*s}", shown, field.ptr);
    return false;
}

/* RFC 9110 section 5.5, without obs-text: nothing in it can end the line. */
static bool check_value(const struct config_cursor *at, struct str rest)
{
    for (size_t i = 0; i < rest.len; i++) {
        unsigned char c = (unsigned char)rest.ptr[i];
        if (c < 0x20 || c > 0x7e) {
            config_decode_error(at, "the value of a header is printable ASCII");
            return false;
        }
    }
    if (rest.ptr[0] == ' ' || rest.ptr[rest.len - 1] == ' ')
        config_decode_error(at, "the value of a header neither starts nor ends with a blank");
    return true;
}

static void check_template(const struct config_cursor *at, struct str rest)
{
    if (!check_value(at, rest))
        return;
    while (rest.len > 0) {
        size_t open = str_find(rest, '{');
        size_t close = str_find(rest, '}');
        if (close < open) {
            config_decode_error(at, "a closing brace without an opening one");
            return;
        }
        if (open == rest.len)
            return;
        if (close == rest.len) {
            config_decode_error(at, "the brace is never closed");
            return;
        }
        if (!check_field(at, str_make(rest.ptr + open + 1, close - open - 1)))
            return;
        rest = str_skip(rest, close + 1);
    }
}

void config_header_check(const struct config_cursor *at, void *header)
{
    const struct config_header *self = header;
    if (self->name.text == NULL || self->template.text == NULL)
        return;
    check_name(at, str_of(self->name.text));
    check_template(at, str_of(self->template.text));
}

void config_request_header_check(const struct config_cursor *at, void *header)
{
    config_header_check(at, header);
}

void config_response_header_check(const struct config_cursor *at, void *header)
{
    const struct config_header *self = header;
    if (self->name.text == NULL || self->template.text == NULL)
        return;
    check_name(at, str_of(self->name.text));
    (void)check_value(at, str_of(self->template.text));
}

void config_header_name_check(const struct config_cursor *at, void *name)
{
    const struct config_value *self = name;
    check_name(at, str_of(self->text));
}

static void report_twice(const struct config_cursor *at, const struct config_header *header,
                         const char *other)
{
    struct config_cursor headers = *at;
    struct config_cursor name = *at;
    headers.parent = at;
    headers.key = STR("headers");
    name.parent = &headers;
    name.key = str_of(header->name.text);
    config_decode_error_at(&name, header->name.mark,
                           "the same header comes from %s; one source only", other);
}

static void check_header_source(const struct config_cursor *at, const struct config_forward *self,
                                size_t index)
{
    const struct config_header *header = &self->headers[index];
    struct str name = str_of(header->name.text);
    for (size_t i = 0; i < index; i++) {
        const char *other = self->headers[i].name.text;
        if (other != NULL && config_header_same(name, str_of(other)))
            report_twice(at, header, other);
    }
    for (size_t i = 0; i < sizeof preset_headers / sizeof preset_headers[0]; i++) {
        const struct preset_header *preset = &preset_headers[i];
        if ((self->identity & preset->preset) == 0 ||
            !config_header_same(name, str_of(preset->name)))
            continue;
        report_twice(at, header, preset->word);
        break;
    }
    if (self->authorization_basic && config_header_same(name, STR("Authorization")))
        report_twice(at, header, "`authorization: basic`");
}

void config_header_check_sources(const struct config_cursor *at, void *forward)
{
    const struct config_forward *self = forward;
    for (size_t i = 0; i < self->header_count; i++) {
        if (self->headers[i].name.text != NULL)
            check_header_source(at, self, i);
    }
}

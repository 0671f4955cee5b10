/* The formats of the access log that others invented.
 *
 * SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "base/json_text.h"
#include "observe/access_log_private.h"

/* ---- JSON --------------------------------------------------------------------------------- */

/* In the order they are written; a key is there whenever its column is chosen. */
static const struct {
    enum access_field field;
    const char *key;
} KEYS[] = {
    {ACCESS_REQUEST_ID, "id"},
    {ACCESS_SITE_NAME, "site"},
    {ACCESS_COMPUTER_NAME, "computer"},
    {ACCESS_SERVER_IP, "server_ip"},
    {ACCESS_SERVER_PORT, "server_port"},
    {ACCESS_CLIENT_IP, "client_ip"},
    {ACCESS_USER_NAME, "user"},
    {ACCESS_METHOD, "method"},
    {ACCESS_URI_STEM, "path"},
    {ACCESS_URI_QUERY, "query"},
    {ACCESS_VERSION, "version"},
    {ACCESS_HOST, "host"},
    {ACCESS_USER_AGENT, "user_agent"},
    {ACCESS_COOKIE, "cookie"},
    {ACCESS_REFERER, "referer"},
    {ACCESS_TLS_VERSION, "tls_version"},
    {ACCESS_TLS_CIPHER, "tls_cipher"},
    {ACCESS_TLS_RESUMED, "tls_resumed"},
    {ACCESS_CERT_SUBJECT, "client_subject"},
    {ACCESS_CERT_ISSUER, "client_issuer"},
    {ACCESS_CERT_SERIAL, "client_serial"},
    {ACCESS_CERT_SHA1, "client_sha1"},
    {ACCESS_CERT_SHA256, "client_sha256"},
    {ACCESS_CERT_NOT_AFTER, "client_not_after"},
    {ACCESS_MAPPING, "mapping"},
    {ACCESS_UPSTREAM, "upstream"},
    {ACCESS_UPSTREAM_STATUS, "upstream_status"},
    {ACCESS_UPSTREAM_TIME, "upstream_time_ms"},
    {ACCESS_STATUS, "status"},
    {ACCESS_SUBSTATUS, "substatus"},
    {ACCESS_WIN32_STATUS, "win32_status"},
    {ACCESS_REASON, "reason"},
    {ACCESS_BYTES_SENT, "bytes_sent"},
    {ACCESS_BYTES_RECEIVED, "bytes_received"},
    {ACCESS_TIME_TAKEN, "time_taken_ms"},
};

static void add_json_value(struct text *out, enum access_field field,
                           const struct access_record *record, size_t max)
{
    uint64_t number = 0;
    if (access_log_number(field, record, &number)) {
        access_log_add_number(out, number);
        return;
    }
    struct str value = access_log_text(field, record);
    struct str cut = json_text_cut(value, max);
    if (value.len == 0) {
        text_add_cstr(out, "null");
        return;
    }
    if (field == ACCESS_TLS_RESUMED) {
        text_add_cstr(out, value.ptr[0] == 'y' ? "true" : "false");
        return;
    }
    json_text_add(out, cut);
    if (cut.len < value.len) {
        out->len--; /* the closing quote */
        text_add_cstr(out, "...\"");
    }
}

void access_log_line_json(uint64_t fields, bool crlf, const struct access_record *record,
                          size_t max, struct text *out)
{
    char time[CLOCK_TEXT_SIZE];
    bool is_first = true;
    text_add_char(out, '{');
    if ((fields & (ACCESS_BIT(ACCESS_DATE) | ACCESS_BIT(ACCESS_TIME))) != 0) {
        text_addf(out, "\"time\":\"%s\"", clock_format_rfc3339_ms(record->wall_ms, time).ptr);
        is_first = false;
    }
    for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++) {
        if ((fields & ACCESS_BIT(KEYS[i].field)) == 0)
            continue;
        text_add_cstr(out, is_first ? "\"" : ",\"");
        is_first = false;
        text_add_cstr(out, KEYS[i].key);
        text_add_cstr(out, "\":");
        add_json_value(out, KEYS[i].field, record, max);
    }
    text_add_char(out, '}');
    access_log_add_newline(out, crlf);
}

/* ---- combined ----------------------------------------------------------------------------- */

/* As Apache does it since 2.0.49: quotes and backslashes with a backslash, what is not printable
 * as \xHH. Outside of quotes a blank would end the column. */
static void add_escaped(struct text *out, struct str value, size_t max, bool is_quoted)
{
    bool is_cut = value.len > max;
    if (value.len == 0) {
        text_add_char(out, '-');
        return;
    }
    for (size_t i = 0; i < value.len && i < max; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (c == '"' || c == '\\') {
            text_add_char(out, '\\');
            text_add_char(out, (char)c);
        } else if (c < 0x20 || c > 0x7e || (c == ' ' && !is_quoted)) {
            text_addf(out, "\\x%02x", c);
        } else {
            text_add_char(out, (char)c);
        }
    }
    if (is_cut)
        text_add_cstr(out, "...");
}

/* "[22/Nov/2026:16:30:00 +0000]" */
static void add_time(struct text *out, int64_t wall_s)
{
    char date[CLOCK_TEXT_SIZE];
    const char *http = clock_format_http(wall_s, date).ptr; /* Thu, 01 Jan 2026 00:00:00 GMT */
    text_addf(out, "[%.2s/%.3s/%.4s:%.8s +0000]", http + 5, http + 8, http + 12, http + 17);
}

void access_log_line_combined(bool crlf, const struct access_record *record, size_t max,
                              struct text *out)
{
    add_escaped(out, record->client_ip, max, false);
    text_add_cstr(out, " - ");
    add_escaped(out, record->user, max, false);
    text_add_char(out, ' ');
    add_time(out, record->wall_s);
    text_add_cstr(out, " \"");
    add_escaped(out, record->method, max, true);
    if (record->method.len > 0) {
        text_add_char(out, ' ');
        add_escaped(out, record->uri_stem, max, true);
        if (record->uri_query.len > 0) {
            text_add_char(out, '?');
            add_escaped(out, record->uri_query, max, true);
        }
        if (record->is_http2)
            text_add_cstr(out, " HTTP/2.0");
        else
            text_addf(out, " HTTP/1.%u", record->http_minor);
    }
    text_addf(out, "\" %u ", record->status);
    access_log_add_number(out, record->bytes_sent);
    text_add_cstr(out, " \"");
    add_escaped(out, record->referer, max, true);
    text_add_cstr(out, "\" \"");
    add_escaped(out, record->user_agent, max, true);
    text_add_char(out, '"');
    access_log_add_newline(out, crlf);
}

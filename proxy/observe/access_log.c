/* SPDX-License-Identifier: MIT */
#include "observe/access_log.h"

#include <string.h>

#include "base/clock.h"
#include "base/json_text.h"
#include "base/unicode.h"
#include "observe/access_log_private.h"

/* The columns in the order IIS writes them, whatever the order they are configured in. */
static const struct {
    enum access_field field;
    const char *name;
} columns[] = {
    {ACCESS_DATE, "date"},
    {ACCESS_TIME, "time"},
    {ACCESS_SITE_NAME, "s-sitename"},
    {ACCESS_COMPUTER_NAME, "s-computername"},
    {ACCESS_SERVER_IP, "s-ip"},
    {ACCESS_METHOD, "cs-method"},
    {ACCESS_URI_STEM, "cs-uri-stem"},
    {ACCESS_URI_QUERY, "cs-uri-query"},
    {ACCESS_SERVER_PORT, "s-port"},
    {ACCESS_USER_NAME, "cs-username"},
    {ACCESS_CLIENT_IP, "c-ip"},
    {ACCESS_VERSION, "cs-version"},
    {ACCESS_USER_AGENT, "cs(User-Agent)"},
    {ACCESS_COOKIE, "cs(Cookie)"},
    {ACCESS_REFERER, "cs(Referer)"},
    {ACCESS_HOST, "cs-host"},
    {ACCESS_STATUS, "sc-status"},
    {ACCESS_SUBSTATUS, "sc-substatus"},
    {ACCESS_WIN32_STATUS, "sc-win32-status"},
    {ACCESS_BYTES_SENT, "sc-bytes"},
    {ACCESS_BYTES_RECEIVED, "cs-bytes"},
    {ACCESS_TIME_TAKEN, "time-taken"},
    {ACCESS_REQUEST_ID, "x-request-id"},
    {ACCESS_REASON, "x-reason"},
    {ACCESS_TLS_VERSION, "x-tls-version"},
    {ACCESS_TLS_CIPHER, "x-tls-cipher"},
    {ACCESS_TLS_RESUMED, "x-tls-resumed"},
    {ACCESS_CERT_SUBJECT, "x-client-subject"},
    {ACCESS_CERT_ISSUER, "x-client-issuer"},
    {ACCESS_CERT_SERIAL, "x-client-serial"},
    {ACCESS_CERT_SHA1, "x-client-sha1"},
    {ACCESS_CERT_SHA256, "x-client-sha256"},
    {ACCESS_CERT_NOT_AFTER, "x-client-not-after"},
    {ACCESS_MAPPING, "x-mapping"},
    {ACCESS_UPSTREAM, "x-upstream"},
    {ACCESS_UPSTREAM_STATUS, "x-upstream-status"},
    {ACCESS_UPSTREAM_TIME, "x-upstream-time"},
};
#define COLUMN_COUNT (sizeof columns / sizeof columns[0])

/* The default of IIS 8 and later. */
static const uint64_t default_fields =
    ACCESS_BIT(ACCESS_DATE) | ACCESS_BIT(ACCESS_TIME) | ACCESS_BIT(ACCESS_SERVER_IP) |
    ACCESS_BIT(ACCESS_METHOD) | ACCESS_BIT(ACCESS_URI_STEM) | ACCESS_BIT(ACCESS_URI_QUERY) |
    ACCESS_BIT(ACCESS_SERVER_PORT) | ACCESS_BIT(ACCESS_USER_NAME) | ACCESS_BIT(ACCESS_CLIENT_IP) |
    ACCESS_BIT(ACCESS_USER_AGENT) | ACCESS_BIT(ACCESS_REFERER) | ACCESS_BIT(ACCESS_STATUS) |
    ACCESS_BIT(ACCESS_SUBSTATUS) | ACCESS_BIT(ACCESS_WIN32_STATUS) | ACCESS_BIT(ACCESS_TIME_TAKEN);

/* Letters and digits only, so that user_agent and cs-user-agent point to cs(User-Agent). */
static struct str core_of(struct str name, char ret_text[32])
{
    size_t len = 0;
    for (size_t i = 0; i < name.len && len < 32; i++) {
        if (ascii_is_alpha(name.ptr[i]) || ascii_is_digit(name.ptr[i]))
            ret_text[len++] = ascii_lower(name.ptr[i]);
    }
    return str_make(ret_text, len);
}

static const char *probable_column(struct str wrong)
{
    char wrong_text[32];
    char column_text[32];
    struct str part = core_of(wrong, wrong_text);
    for (size_t i = 0; part.len >= 3 && i < COLUMN_COUNT; i++) {
        struct str whole = core_of(str_of(columns[i].name), column_text);
        if (memmem(whole.ptr, whole.len, part.ptr, part.len) != NULL ||
            memmem(part.ptr, part.len, whole.ptr, whole.len) != NULL)
            return columns[i].name;
    }
    return NULL;
}

static void report_unknown(const struct config_value *value, struct error_list *errors)
{
    const char *probable = probable_column(str_of(value->text));
    if (probable != NULL) {
        errors_add(errors, value->mark, "unknown column '%s', did you mean '%s'?", value->text,
                   probable);
        return;
    }
    struct text known = {0};
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        text_addf(&known, " %s", columns[i].name);
    errors_add(errors, value->mark, "unknown column '%s', known are default%s", value->text,
               known.ptr);
    text_clear(&known);
}

static uint64_t field_of(struct str name)
{
    if (str_equal_icase(name, STR("default")))
        return default_fields;
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        if (str_equal_icase(name, str_of(columns[i].name)))
            return ACCESS_BIT(columns[i].field);
    }
    return 0;
}

uint64_t access_log_fields(const struct config_list *fields, struct error_list *errors)
{
    if (!fields->is_set)
        return default_fields;
    if (fields->count == 0)
        errors_add(errors, fields->mark, "an access log needs at least one column");
    uint64_t bits = 0;
    for (size_t i = 0; i < fields->count; i++) {
        uint64_t field = field_of(str_of(fields->items[i].text));
        if (field == 0)
            report_unknown(&fields->items[i], errors);
        bits |= field;
    }
    return bits;
}

static bool is_file(const struct config_value *path)
{
    return strcmp(path->text, "stdout") != 0 && strcmp(path->text, "stderr") != 0;
}

uint64_t access_log_configured(const struct config_log *config, struct error_list *errors)
{
    const struct config_value *path = &config->access_path;
    if (config->access_daily && path->text != NULL && !is_file(path))
        errors_add(errors, path->mark, "log.access.daily needs a file, not %s", path->text);
    if (config->access_format == ACCESS_FORMAT_COMBINED && config->access_fields.is_set)
        errors_add(errors, config->access_fields.mark,
                   "log.access.fields: the columns of the format combined are fixed");
    if (config->access_format == ACCESS_FORMAT_JSON && !config->access_fields.is_set) {
        uint64_t all = 0;
        for (size_t i = 0; i < COLUMN_COUNT; i++)
            all |= ACCESS_BIT(columns[i].field);
        return all & ~ACCESS_BIT(ACCESS_COOKIE); /* cookies are secrets */
    }
    return access_log_fields(&config->access_fields, errors);
}

void access_log_add_newline(struct text *out, bool crlf)
{
    text_add(out, crlf ? STR("\r\n") : STR("\n"));
}

void access_log_header(uint64_t fields, bool crlf, int64_t wall_s, struct text *out)
{
    char time[CLOCK_TEXT_SIZE];
    text_add(out, STR("#Software: mtls-proxy " MTLS_PROXY_VERSION));
    access_log_add_newline(out, crlf);
    text_add(out, STR("#Version: 1.0"));
    access_log_add_newline(out, crlf);
    text_add(out, STR("#Date: "));
    text_add(out, clock_format_w3c(wall_s, time));
    access_log_add_newline(out, crlf);
    text_add(out, STR("#Fields:"));
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        if ((fields & ACCESS_BIT(columns[i].field)) == 0)
            continue;
        text_add_char(out, ' ');
        text_add_cstr(out, columns[i].name);
    }
    access_log_add_newline(out, crlf);
}

void access_log_add_number(struct text *out, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    text_add(out, str_make(digits + at, sizeof digits - at));
}

static void add_percent(struct text *out, struct str bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        text_addf(out, "%%%02X", (unsigned char)bytes.ptr[i]);
}

/* What add_value() does to a text that is not ASCII alone. */
static void add_decoded(struct text *out, struct str value)
{
    while (value.len > 0) {
        uint32_t point = 0;
        size_t len = unicode_next(value, &point);
        if (len == 1 && (point <= 0x20 || point == 0x7f))
            text_add_char(out, '+');
        else if (len > 0 && unicode_is_visible(point))
            text_add(out, str_make(value.ptr, len));
        else
            add_percent(out, str_make(value.ptr, len == 0 ? 1 : len));
        value = str_skip(value, len == 0 ? 1 : len);
    }
}

/* iis-semantics.md 2.6: blanks, control characters and DEL become '+', an empty value '-'. So no
 * value can end a line or a column. What is not to be seen, or no UTF-8, is written as %HH for each
 * byte; every other byte is kept. */
static void add_value(struct text *out, struct str value, size_t max)
{
    if (value.len == 0) {
        text_add_char(out, '-');
        return;
    }
    bool is_cut = value.len > max;
    if (is_cut)
        value = json_text_cut(value, max);
    size_t start = out->len;
    unsigned char seen = 0;
    text_add(out, value);
    for (size_t i = start; i < out->len; i++) {
        unsigned char c = (unsigned char)out->ptr[i];
        seen |= c;
        if (c <= 0x20 || c == 0x7f)
            out->ptr[i] = '+';
    }
    if ((seen & 0x80) != 0) {
        out->len = start;
        add_decoded(out, value);
    }
    if (is_cut)
        text_add(out, STR("..."));
}

struct str access_log_text(enum access_field field, const struct access_record *record)
{
    switch ((unsigned)field) {
    case ACCESS_SITE_NAME:
        return record->site;
    case ACCESS_COMPUTER_NAME:
        return record->computer;
    case ACCESS_SERVER_IP:
        return record->server_ip;
    case ACCESS_METHOD:
        return record->method;
    case ACCESS_URI_STEM:
        return record->uri_stem;
    case ACCESS_URI_QUERY:
        return record->uri_query;
    case ACCESS_USER_NAME:
        return record->user;
    case ACCESS_CLIENT_IP:
        return record->client_ip;
    case ACCESS_VERSION:
        if (record->is_http2)
            return STR("HTTP/2.0");
        return record->http_minor == 0 ? STR("HTTP/1.0") : STR("HTTP/1.1");
    case ACCESS_USER_AGENT:
        return record->user_agent;
    case ACCESS_COOKIE:
        return record->cookie;
    case ACCESS_REFERER:
        return record->referer;
    case ACCESS_HOST:
        return record->host;
    case ACCESS_REQUEST_ID:
        return record->request_id;
    case ACCESS_REASON:
        return record->reason;
    case ACCESS_TLS_VERSION:
        return record->tls_version;
    case ACCESS_TLS_CIPHER:
        return record->tls_cipher;
    case ACCESS_TLS_RESUMED:
        return record->tls_resumed;
    case ACCESS_CERT_SUBJECT:
        return record->cert_subject;
    case ACCESS_CERT_ISSUER:
        return record->cert_issuer;
    case ACCESS_CERT_SERIAL:
        return record->cert_serial;
    case ACCESS_CERT_SHA1:
        return record->cert_sha1;
    case ACCESS_CERT_SHA256:
        return record->cert_sha256;
    case ACCESS_CERT_NOT_AFTER:
        return record->cert_not_after;
    case ACCESS_MAPPING:
        return record->mapping;
    case ACCESS_UPSTREAM:
        return record->upstream;
    default: /* a number, or the time */
        return STR("");
    }
}

bool access_log_number(enum access_field field, const struct access_record *record,
                       uint64_t *ret_value)
{
    switch ((unsigned)field) {
    case ACCESS_SERVER_PORT:
        *ret_value = record->server_port;
        return true;
    case ACCESS_STATUS:
        *ret_value = record->status;
        return true;
    case ACCESS_SUBSTATUS:
        *ret_value = record->substatus;
        return true;
    case ACCESS_WIN32_STATUS:
        *ret_value = record->win32;
        return true;
    case ACCESS_BYTES_SENT:
        *ret_value = record->bytes_sent;
        return true;
    case ACCESS_BYTES_RECEIVED:
        *ret_value = record->bytes_received;
        return true;
    case ACCESS_TIME_TAKEN:
        *ret_value = record->time_taken_ms;
        return true;
    case ACCESS_UPSTREAM_STATUS:
        *ret_value = record->upstream_status;
        return record->upstream_status != 0;
    case ACCESS_UPSTREAM_TIME:
        *ret_value = record->upstream_time_ms;
        return record->has_upstream;
    default:
        return false;
    }
}

void access_log_line_cut(uint64_t fields, bool crlf, const struct access_record *record, size_t max,
                         struct text *out)
{
    char time[CLOCK_TEXT_SIZE];
    struct str now = clock_format_w3c(record->wall_s, time);
    size_t blank = str_find(now, ' ');
    bool is_first = true;
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        enum access_field field = columns[i].field;
        uint64_t number = 0;
        if ((fields & ACCESS_BIT(field)) == 0)
            continue;
        if (!is_first)
            text_add_char(out, ' ');
        is_first = false;
        if (field == ACCESS_DATE)
            text_add(out, str_make(now.ptr, blank));
        else if (field == ACCESS_TIME)
            text_add(out, str_skip(now, blank + 1));
        else if (access_log_number(field, record, &number))
            access_log_add_number(out, number);
        else
            add_value(out, access_log_text(field, record), max);
    }
    access_log_add_newline(out, crlf);
}

void access_log_line(uint64_t fields, bool crlf, const struct access_record *record,
                     struct text *out)
{
    access_log_line_cut(fields, crlf, record, SIZE_MAX, out);
}

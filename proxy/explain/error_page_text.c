/* SPDX-License-Identifier: MIT */
#include "explain/error_page_text.h"

#include "base/json_text.h"
#include "base/unicode.h"
#include "explain/chain_drawing.h"
#include "explain/html_text.h"
#include "http/http1_write.h"

/* What anyone may know: it depends on the status alone, never on the substatus. The rows with a
 * page are the statuses IIS installs a page for (iis-semantics.md 1.6). */
static const struct {
    unsigned status;
    bool has_page;
    const char *sentence;
} SENTENCES[] = {
    {400, false, "The request could not be understood."},
    {401, true, "You are not allowed to see this page with the credentials you gave."},
    {403, true, "You are not allowed to see this page."},
    {404, true, "There is nothing at this address."},
    {405, true, "This address does not take the method of your request."},
    {406, true, "This address has nothing in a form that your client accepts."},
    {408, false, "The request took too long to arrive."},
    {412, true, "A condition of your request is not met."},
    {413, false, "The request is too large."},
    {414, false, "The address is too long."},
    {417, false, "An expectation of your request cannot be met."},
    {421, false, "The request came over a connection that was made for another host."},
    {431, false, "The header of the request is too large."},
    {500, true, "The server met a problem and could not answer."},
    {501, true, "The server does not support what your request asks for."},
    {502, true, "The server behind this one gave no usable answer."},
    {503, false, "The service is not available at the moment."},
    {504, false, "The server behind this one did not answer in time."},
    {505, false, "This version of HTTP is not supported."},
};

static const char *sentence_of(unsigned status)
{
    for (size_t i = 0; i < sizeof SENTENCES / sizeof SENTENCES[0]; i++) {
        if (SENTENCES[i].status == status)
            return SENTENCES[i].sentence;
    }
    return "The request was not served.";
}

/* What is wrong with the request itself is no secret: whoever sent it knows it, or should. */
static void add_sentence(struct text *out, const struct error_page_facts *facts)
{
    const struct outcome_info *info = outcome_info(facts->outcome);
    if (!facts->is_detailed && !outcome_is_protocol(facts->outcome)) {
        text_add_cstr(out, sentence_of(info->status));
        return;
    }
    text_add_cstr(out, info->message);
    if (facts->detail != NULL) {
        out->len--; /* the full stop */
        text_addf(out, ": %s.", facts->detail);
    }
}

bool error_page_has_generic(unsigned status)
{
    for (size_t i = 0; i < sizeof SENTENCES / sizeof SENTENCES[0]; i++) {
        if (SENTENCES[i].status == status)
            return SENTENCES[i].has_page;
    }
    return false;
}

uint32_t error_page_hresult(uint32_t win32)
{
    return win32 == 0 || win32 > 0xffff ? win32 : UINT32_C(0x80070000) | win32;
}

/* ---- HTML --------------------------------------------------------------------------------- */

static const char STYLE[] =
    "body{margin:0;background:#f4f5f7;color:#1d2733;font:16px/1.55 system-ui,-apple-system,"
    "\"Segoe UI\",Roboto,\"Helvetica Neue\",Arial,sans-serif}"
    "main{max-width:46rem;margin:8vh auto;padding:2rem 2.5rem;background:#fff;"
    "border:1px solid #dde1e6;border-top:4px solid #b3261e;border-radius:6px}"
    "h1{margin:0 0 .5rem;font-size:1.6rem;line-height:1.25}"
    "h2{margin:1.75rem 0 .4rem;font-size:1.05rem}"
    "p{margin:.5rem 0}ul{margin:.3rem 0;padding-left:1.3rem}li{margin:.2rem 0}"
    ".id{margin-top:1.75rem;color:#5b6673;font-size:.875rem}"
    "code,td{font-family:ui-monospace,SFMono-Regular,Consolas,\"Liberation Mono\",monospace;"
    "font-size:.8125rem;overflow-wrap:anywhere}"
    "table{border-collapse:collapse;width:100%;margin-top:.4rem}"
    "th,td{padding:.35rem .6rem;border-bottom:1px solid #e6e9ed;text-align:left;"
    "vertical-align:top}"
    "th{width:9.5rem;font-weight:600;font-size:.875rem;color:#455261}"
    "@media(max-width:40rem){main{margin:0;border-radius:0;padding:1.25rem}th{width:7rem}}"
    "@media(prefers-color-scheme:dark){body{background:#14181d;color:#dfe4ea}"
    "main{background:#1c2127;border-color:#313943;border-top-color:#e5766f}"
    "th{color:#aab4c0}.id{color:#93a0ae}th,td{border-color:#2c343d}}"
    "@media print{body,main{background:#fff;color:#000}main{margin:0;border:0}}";

static void add_escaped(struct text *out, const char *value)
{
    html_text_add(out, str_of(value));
}

static void add_head(struct text *out, const char *title, const char *heading, const char *style)
{
    text_add_cstr(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                       "<meta name=\"robots\" content=\"noindex\">\n<title>");
    add_escaped(out, title);
    text_addf(out, "</title>\n<style>%s%s</style>\n</head>\n<body>\n<main>\n<h1>", STYLE, style);
    add_escaped(out, heading);
    text_add_cstr(out, "</h1>\n");
}

static void add_item(struct text *out, const char *sentence, const char *end)
{
    text_add_cstr(out, "<li>");
    add_escaped(out, sentence);
    text_addf(out, "%s</li>\n", end);
}

static void add_fix(struct text *out, const char *sentence)
{
    text_add_cstr(out, "<li>");
    html_text_add_sentence(out, str_of(sentence));
    text_add_cstr(out, "</li>\n");
}

static void add_rows(struct text *out, const struct error_page_facts *facts)
{
    text_add_cstr(out, "<h2>Details</h2>\n<table>\n");
    for (size_t i = 0; i < facts->row_count; i++) {
        const struct error_page_row *row = &facts->rows[i];
        text_add_cstr(out, "<tr><th scope=\"row\">");
        add_escaped(out, row->name);
        text_add_cstr(out, "</th><td>");
        html_text_add(out, row->value);
        text_add_cstr(out, "</td></tr>\n");
    }
    text_add_cstr(out, "</table>\n");
}

static void add_details(struct text *out, const struct error_page_facts *facts)
{
    text_add_cstr(out, "<h2>Most likely causes</h2>\n<ul>\n");
    for (const char *const *cause = error_page_causes(facts->outcome); *cause != NULL; cause++)
        add_item(out, *cause, "");
    text_add_cstr(out, "</ul>\n<h2>Things you can try</h2>\n<ul>\n");
    for (size_t i = 0; i < facts->fix_count; i++)
        add_fix(out, facts->fixes[i]);
    text_add_cstr(out, "<li>Search the log of the proxy for <code>id=");
    html_text_add(out, facts->id);
    text_add_cstr(out, "</code>.</li>\n");
    if (outcome_is_verdict(facts->outcome))
        text_add_cstr(out, "<li>Judge the certificate off line: <code>mtls-proxy explain -c "
                           "proxy.yaml --certificate client.pem</code></li>\n");
    text_add_cstr(out, "</ul>\n");
    add_rows(out, facts);
}

void error_page_add_html(const struct error_page_facts *facts, struct text *out)
{
    const struct outcome_info *info = outcome_info(facts->outcome);
    const char *phrase = http_status_text(info->status);
    struct text heading = {0};
    struct text title = {0};
    if (facts->is_detailed) {
        text_addf(&title, "%u.%u - %s", info->status, info->substatus, info->title);
        text_addf(&heading, "HTTP Error %u.%u - %s", info->status, info->substatus, phrase);
    } else {
        text_addf(&title, "%u - %s", info->status, phrase);
        text_addf(&heading, "%u - %s", info->status, phrase);
    }
    struct text sentence = {0};
    add_sentence(&sentence, facts);
    add_head(out, title.ptr, heading.ptr, facts->chain != NULL ? CHAIN_DRAWING_STYLE : "");
    text_add_cstr(out, "<p>");
    add_escaped(out, sentence.ptr);
    text_add_cstr(out, "</p>\n");
    text_clear(&sentence);
    if (facts->chain != NULL) {
        text_add_cstr(out, "<h2>Certificate chain</h2>\n");
        chain_drawing_add(facts->chain, out);
    }
    if (facts->is_detailed) {
        add_details(out, facts);
        text_add_cstr(out, "<p class=\"id\">Remote clients see neither the causes nor the codes, "
                           "unless errors.mode says so.</p>\n");
    } else {
        text_add_cstr(out, "<p class=\"id\">Request <code>");
        html_text_add(out, facts->id);
        text_add_cstr(out, "</code></p>\n");
    }
    text_add_cstr(out, "</main>\n</body>\n</html>\n");
    text_clear(&heading);
    text_clear(&title);
}

/* ---- JSON --------------------------------------------------------------------------------- */

static void add_member(struct text *out, const char *name, struct str value)
{
    text_addf(out, ",\"%s\":", name);
    json_text_add(out, value);
}

void error_page_add_json(const struct error_page_facts *facts, struct text *out)
{
    const struct outcome_info *info = outcome_info(facts->outcome);
    struct text instance = {0};
    text_addf(&instance, "urn:request:%.*s", STR_ARG(facts->id));
    /* RFC 9457 section 4.2.1: under about:blank the title is that of the status. */
    text_add_cstr(out, "{\"type\":\"about:blank\"");
    add_member(out, "title", str_of(http_status_text(info->status)));
    text_addf(out, ",\"status\":%u", info->status);
    struct text sentence = {0};
    add_sentence(&sentence, facts);
    add_member(out, "detail", text_str(&sentence));
    text_clear(&sentence);
    add_member(out, "instance", text_str(&instance));
    text_clear(&instance);
    if (facts->is_detailed) {
        text_addf(out, ",\"substatus\":%u,\"win32\":%u", info->substatus, info->win32);
        if (info->reason != NULL)
            add_member(out, "reason", str_of(info->reason));
        text_add_cstr(out, ",\"fix\":[");
        for (size_t i = 0; i < facts->fix_count; i++) {
            if (i > 0)
                text_add_char(out, ',');
            json_text_add(out, str_of(facts->fixes[i]));
        }
        text_add_char(out, ']');
    }
    text_add_cstr(out, "}\n");
}

/* ---- plain text --------------------------------------------------------------------------- */

static void add_plain(struct text *out, struct str value)
{
    while (value.len > 0) {
        uint32_t point = 0;
        size_t len = unicode_next(value, &point);
        if (len == 0 || !unicode_is_visible(point))
            text_add_char(out, '?');
        else
            text_add(out, str_make(value.ptr, len));
        value = str_skip(value, len == 0 ? 1 : len);
    }
}

void error_page_add_text(const struct error_page_facts *facts, struct text *out)
{
    const struct outcome_info *info = outcome_info(facts->outcome);
    const char *phrase = http_status_text(info->status);
    if (!facts->is_detailed) {
        text_addf(out, "%u %s (request %.*s)", info->status, phrase, STR_ARG(facts->id));
        if (outcome_is_protocol(facts->outcome)) {
            text_add_cstr(out, ": ");
            add_sentence(out, facts);
        }
        text_add_char(out, '\n');
        return;
    }
    text_addf(out, "HTTP Error %u.%u - %s\n", info->status, info->substatus, phrase);
    add_sentence(out, facts);
    text_add_cstr(out, "\n\n");
    for (size_t i = 0; i < facts->row_count; i++) {
        text_addf(out, "%s: ", facts->rows[i].name);
        add_plain(out, facts->rows[i].value);
        text_add_char(out, '\n');
    }
    for (size_t i = 0; i < facts->fix_count; i++) {
        text_add_cstr(out, "Try: ");
        add_plain(out, str_of(facts->fixes[i]));
        text_add_char(out, '\n');
    }
}

/* SPDX-License-Identifier: MIT */
#include "cli/explain_print.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/unicode.h"
#include "explain/explain_windows.h"

typedef void (*cert_text_fn)(const struct cert *cert, struct text *out);

/* ---- for a person ------------------------------------------------------------------------- */

static void add_names(const struct verdict_element *element, struct text *out)
{
    bool is_first = true;
    for (int outcome = OUTCOME_EXPLICIT_DISTRUST; outcome <= OUTCOME_CRITICAL_EXTENSION;
         outcome++) {
        if ((element->errors & VERDICT_ERROR_BIT(outcome)) == 0)
            continue;
        text_addf(out, "%s%s", is_first ? "  <-- " : ", ",
                  outcome_info((enum outcome)outcome)->reason);
        is_first = false;
    }
}

/* From the anchor down to the leaf, as certificate viewers draw it. */
static void add_tree(const struct verdict *verdict, struct text *out)
{
    char date[CLOCK_TEXT_SIZE];
    text_add_cstr(out, "chain\n");
    for (size_t i = verdict->path_len; i-- > 0;) {
        const struct verdict_element *element = &verdict->path[i];
        int indent = (int)(2 * (verdict->path_len - 1 - i));
        text_addf(out, "  %*s%s", indent, "", i + 1 == verdict->path_len ? "" : "`- ");
        cert_subject(element->cert, out);
        text_addf(out, "  [%s%s]", cert_store_name(element->store),
                  element->is_anchor ? ", anchor" : "");
        add_names(element, out);
        text_addf(out, "\n  %*s     valid %.*s", indent, "",
                  STR_ARG(clock_format_rfc3339(element->cert->not_before, date)));
        text_addf(out, " to %.*s\n", STR_ARG(clock_format_rfc3339(element->cert->not_after, date)));
        text_addf(out, "  %*s     sha256 ", indent, "");
        text_add_hex(out, element->cert->sha256, sizeof element->cert->sha256);
        text_add_char(out, '\n');
    }
    if (verdict->path_len > 0 && !verdict->path[verdict->path_len - 1].is_anchor) {
        text_add_cstr(out, "  the issuer of the topmost is not an anchor of this mode: ");
        cert_issuer(verdict->path[verdict->path_len - 1].cert, out);
        text_add_char(out, '\n');
    }
    text_add_char(out, '\n');
}

static void add_why(const struct explain_report *report, struct text *out)
{
    const struct outcome_info *info = outcome_info(report->outcome);
    text_add_cstr(out, "why\n");
    for (size_t i = 0; i < report->rule_count; i++)
        text_addf(out, "  - %.*s\n", STR_ARG(report->rules[i]));
    if (report->outcome != OUTCOME_OK)
        text_addf(out,
                  "  %s\n  IIS logs: sc-status %u sc-substatus %u sc-win32-status %u (0x%08x)\n",
                  info->message, info->status, info->substatus, info->win32, info->win32);
    text_add_char(out, '\n');
}

static void add_list(const char *title, const struct str *items, size_t count, struct text *out)
{
    if (count == 0)
        return;
    text_addf(out, "%s\n", title);
    for (size_t i = 0; i < count; i++)
        text_addf(out, "  %.*s\n", STR_ARG(items[i]));
    text_add_char(out, '\n');
}

static void add_headers(const struct explain_report *report, struct text *out)
{
    if (report->headers.count == 0)
        return;
    text_add_cstr(out, "the backend sees\n");
    for (size_t i = 0; i < report->headers.count; i++) {
        const struct http_field *field = &report->headers.items[i];
        text_addf(out, "  %.*s: %.*s\n", STR_ARG(field->name), STR_ARG(field->value));
    }
    text_add_char(out, '\n');
}

static const char *mode_name(enum config_trust_mode mode)
{
    static const char *const names[] = {"machine (0)", "exclusive_root (1)", "exclusive_ca (2)"};
    return names[mode];
}

static void add_verdict_line(const struct explain_report *report, struct text *out)
{
    const struct outcome_info *info = outcome_info(report->outcome);
    if (report->outcome == OUTCOME_OK && report->failed != OUTCOME_OK)
        text_addf(out, "allowed: without a user, the certificate is not accepted (%s)\n",
                  outcome_info(report->failed)->reason);
    else if (report->outcome == OUTCOME_OK)
        text_addf(out, "allowed: %s%s%s\n", report->user == NULL ? "without a user" : "as user ",
                  report->user == NULL ? "" : report->user,
                  report->has_verdict ? "" : " (no certificate is looked at)");
    else
        text_addf(out, "refused: %u.%u %s (%s)\n", info->status, info->substatus, info->title,
                  info->reason);
    char now[CLOCK_TEXT_SIZE];
    text_addf(out, "  site %s, location %s, trust mode %s, at %.*s\n\n", report->site->config->name,
              report->location == NULL ? "/" : report->location,
              mode_name(report->site->config->trust.mode),
              STR_ARG(clock_format_rfc3339(report->now, now)));
}

/* Names and headers come from whoever made the certificate, and go to a terminal. */
static void add_shown_lines(struct str text, struct text *out)
{
    while (text.len > 0) {
        size_t end = str_find(text, '\n');
        unicode_add_shown(out, str_make(text.ptr, end));
        if (end == text.len)
            return;
        text_add_char(out, '\n');
        text = str_skip(text, end + 1);
    }
}

static void print_text(const struct explain_report *report, struct text *out)
{
    add_verdict_line(report, out);
    if (report->has_verdict)
        add_tree(&report->verdict, out);
    add_why(report, out);
    add_list("issuers named to the client", report->advertised, report->advertised_count, out);
    add_headers(report, out);
    if (report->outcome != OUTCOME_OK) {
        text_add_cstr(out, "on Windows\n");
        explain_windows(report, "  ", out);
        text_add_char(out, '\n');
    }
    if (report->fixes.count == 0)
        return;
    text_add_cstr(out, "fix\n");
    for (size_t i = 0; i < report->fixes.count; i++)
        text_addf(out, "  - %s\n", report->fixes.items[i].text);
    text_add_char(out, '\n');
}

void explain_print_text(const struct explain_report *report, struct text *out)
{
    struct text raw = {0};
    print_text(report, &raw);
    add_shown_lines(text_str(&raw), out);
    text_clear(&raw);
}

void explain_print_handshake_text(const char *why, struct text *out)
{
    text_addf(out,
              "refused in the TLS handshake: %s\n"
              "  there is no HTTP answer and no line in the access log\n\n",
              why);
}

/* ---- for a program ------------------------------------------------------------------------ */

static json_t *json_cert_text(const struct cert *cert, cert_text_fn fn)
{
    struct text text = {0};
    fn(cert, &text);
    json_t *value = json_stringn(text.ptr == NULL ? "" : text.ptr, text.len);
    text_clear(&text);
    return value;
}

static json_t *json_sha256(const struct cert *cert)
{
    struct text text = {0};
    text_add_hex(&text, cert->sha256, sizeof cert->sha256);
    json_t *value = json_stringn(text.ptr, text.len);
    text_clear(&text);
    return value;
}

static json_t *json_date(int64_t seconds)
{
    char text[CLOCK_TEXT_SIZE];
    struct str date = clock_format_rfc3339(seconds, text);
    return json_stringn(date.ptr, date.len);
}

static json_t *json_or_null(const char *text)
{
    return text == NULL ? json_null() : json_string(text);
}

static void set(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value == NULL ? json_null() : value);
}

static json_t *json_errors(uint32_t errors)
{
    json_t *list = json_array();
    for (int outcome = OUTCOME_EXPLICIT_DISTRUST; outcome <= OUTCOME_CRITICAL_EXTENSION;
         outcome++) {
        if ((errors & VERDICT_ERROR_BIT(outcome)) != 0)
            (void)json_array_append_new(list,
                                        json_string(outcome_info((enum outcome)outcome)->reason));
    }
    return list;
}

static json_t *json_chain(const struct explain_report *report)
{
    json_t *list = json_array();
    for (size_t i = 0; report->has_verdict && i < report->verdict.path_len; i++) {
        const struct verdict_element *element = &report->verdict.path[i];
        json_t *item = json_object();
        set(item, "subject", json_cert_text(element->cert, cert_subject));
        set(item, "issuer", json_cert_text(element->cert, cert_issuer));
        set(item, "serial", json_cert_text(element->cert, cert_serial));
        set(item, "sha256", json_sha256(element->cert));
        set(item, "not_before", json_date(element->cert->not_before));
        set(item, "not_after", json_date(element->cert->not_after));
        set(item, "store", json_string(cert_store_name(element->store)));
        set(item, "anchor", json_boolean(element->is_anchor));
        set(item, "errors", json_errors(element->errors));
        (void)json_array_append_new(list, item);
    }
    return list;
}

static json_t *json_strs(const struct str *items, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(list, json_stringn(items[i].ptr, items[i].len));
    return list;
}

static json_t *json_headers(const struct http_fields *headers)
{
    json_t *list = json_array();
    for (size_t i = 0; i < headers->count; i++) {
        const struct http_field *field = &headers->items[i];
        json_t *pair = json_array();
        (void)json_array_append_new(pair, json_stringn(field->name.ptr, field->name.len));
        (void)json_array_append_new(pair, json_stringn(field->value.ptr, field->value.len));
        (void)json_array_append_new(list, pair);
    }
    return list;
}

static json_t *json_fixes(const struct explain_report *report)
{
    json_t *list = json_array();
    for (size_t i = 0; i < report->fixes.count; i++) {
        const struct fix *fix = &report->fixes.items[i];
        json_t *item = json_object();
        set(item, "action", json_string(fix_action_name(fix->action)));
        set(item, "store", json_or_null(fix->store));
        set(item, "sha256", fix->cert == NULL ? json_null() : json_sha256(fix->cert));
        set(item, "key", json_or_null(fix->key));
        set(item, "value", json_or_null(fix->value));
        set(item, "text", json_string(fix->text));
        (void)json_array_append_new(list, item);
    }
    return list;
}

json_t *explain_print_json(const struct explain_report *report)
{
    const struct outcome_info *info = outcome_info(report->outcome);
    bool is_allowed = report->outcome == OUTCOME_OK;
    json_t *root = json_object();
    set(root, "outcome", json_string(is_allowed ? "allowed" : "refused"));
    set(root, "status", is_allowed ? json_null() : json_integer(info->status));
    set(root, "substatus", is_allowed ? json_null() : json_integer(info->substatus));
    set(root, "win32", is_allowed ? json_null() : json_integer(info->win32));
    set(root, "reason",
        json_or_null(outcome_info(is_allowed ? report->failed : report->outcome)->reason));
    set(root, "user", json_or_null(report->user));
    set(root, "mapping", json_or_null(report->mapping));
    set(root, "advertised_issuers", json_strs(report->advertised, report->advertised_count));
    set(root, "chain", json_chain(report));
    set(root, "rules", json_strs(report->rules, report->rule_count));
    set(root, "headers", json_headers(&report->headers));
    set(root, "fix", json_fixes(report));
    return root;
}

json_t *explain_print_handshake_json(const char *why)
{
    json_t *root = json_object();
    json_t *rules = json_array();
    (void)json_array_append_new(rules, json_string(why));
    set(root, "outcome", json_string("handshake"));
    static const char *const absent[] = {"status", "substatus", "win32",
                                         "reason", "user",      "mapping"};
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
        set(root, absent[i], json_null());
    set(root, "advertised_issuers", json_array());
    set(root, "chain", json_array());
    set(root, "rules", rules);
    set(root, "headers", json_array());
    set(root, "fix", json_array());
    return root;
}

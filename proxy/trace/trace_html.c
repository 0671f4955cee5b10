/* SPDX-License-Identifier: MIT */
#include "trace/trace_html.h"

#include <inttypes.h>

#include "base/clock.h"
#include "explain/chain_drawing.h"
#include "explain/html_text.h"
#include "http/http1_write.h"
#include "trace/trace_html_style.h"

static void add_cstr(struct text *out, const char *value)
{
    html_text_add(out, str_of(value));
}

static void begin_section(struct text *out, const char *classes, const char *title)
{
    text_addf(out, "<section class=\"%s\">\n<h2>%s</h2>\n", classes, title);
}

static void end_section(struct text *out)
{
    text_add_cstr(out, "</section>\n");
}

static void add_status(const struct trace_report *report, struct text *out)
{
    if (report->substatus == 0)
        text_addf(out, "%u", report->status);
    else
        text_addf(out, "%u.%u", report->status, report->substatus);
}

/* ---- the verdict in words ----------------------------------------------------------------- */

static bool is_fine(const struct trace_report *report)
{
    return report->outcome == OUTCOME_OK && report->status < 400;
}

static void add_meta(struct text *out, const char *name, struct str value)
{
    if (value.len == 0)
        return;
    text_addf(out, "<div><dt>%s</dt><dd>", name);
    html_text_add(out, value);
    text_add_cstr(out, "</dd></div>");
}

static void add_says(const struct trace_report *report, struct text *out)
{
    text_add_cstr(out, "<p class=\"says\">");
    if (report->outcome != OUTCOME_OK) {
        add_cstr(out, report->message);
        if (report->detail.len > 0) {
            text_add_char(out, ' ');
            html_text_add_sentence(out, report->detail);
        }
    } else if (report->status >= 400) {
        text_add_cstr(out, "The request was allowed; this is what the backend answered.");
    } else {
        text_add_cstr(out, "The request was allowed and answered.");
    }
    if (report->failed != OUTCOME_OK) {
        text_add_cstr(out, " The certificate was not accepted, and let pass: ");
        add_cstr(out, outcome_info(report->failed)->message);
    }
    if (report->is_by_time)
        text_addf(out, " It was traced because it took %" PRIu64 " ms.", report->took_ms);
    text_add_cstr(out, "</p>\n");
}

static void add_header(const struct trace_report *report, struct text *out)
{
    char time[CLOCK_TEXT_SIZE];
    struct text took = {0};
    text_addf(&took, "%" PRIu64 " ms", report->took_ms);
    text_addf(out, "<header%s>\n<div class=\"head\"><span class=\"status\">",
              is_fine(report) ? " class=\"fine\"" : "");
    add_status(report, out);
    text_add_cstr(out, "</span><h1>");
    add_cstr(out, report->title);
    text_add_cstr(out, "</h1>");
    if (report->reason != NULL)
        text_addf(out, "<span class=\"reason\">%s</span>", report->reason);
    text_add_cstr(out, "</div>\n");
    add_says(report, out);
    text_add_cstr(out, "<p class=\"url\"><b>");
    html_text_add(out, report->verb);
    text_add_cstr(out, "</b> ");
    html_text_add(out, report->url);
    text_add_cstr(out, "</p>\n<dl class=\"meta\">");
    add_meta(out, "Request", report->id);
    add_meta(out, "Time", clock_format_rfc3339_ms(report->began_ms, time));
    add_meta(out, "Took", text_str(&took));
    add_meta(out, "Client", report->client);
    add_meta(out, "Site", report->site);
    add_meta(out, "Location", report->location);
    add_meta(out, "User", report->user);
    text_add_cstr(out, "</dl>\n</header>\n");
    text_clear(&took);
}

/* ---- what to do --------------------------------------------------------------------------- */

static void add_fixes(const struct trace_report *report, struct text *out)
{
    if (report->fixes.count == 0)
        return;
    begin_section(out, "todo o1", "What to do");
    text_add_cstr(out, "<ol class=\"fix\">\n");
    for (size_t i = 0; i < report->fixes.count; i++) {
        text_add_cstr(out, "<li>");
        html_text_add_sentence(out, report->fixes.items[i]);
        text_add_cstr(out, "</li>\n");
    }
    text_add_cstr(out, "</ol>\n");
    end_section(out);
}

static void add_lines(const struct trace_list *list, struct text *out)
{
    text_add_cstr(out, "<pre>");
    for (size_t i = 0; i < list->count; i++) {
        text_add_cstr(out, "<span>");
        html_text_add(out, list->items[i]);
        text_add_cstr(out, "</span>");
    }
    text_add_cstr(out, "</pre>\n");
}

static void add_windows(const struct trace_report *report, struct text *out)
{
    if (report->windows.count == 0 && report->commands.count == 0)
        return;
    begin_section(out, "o4", "The same on Windows");
    if (report->commands.count > 0) {
        text_add_cstr(out, "<h3>Commands, in an elevated prompt</h3>\n");
        add_lines(&report->commands, out);
    }
    if (report->windows.count > 0) {
        text_add_cstr(out, "<h3>Where it is set</h3>\n");
        add_lines(&report->windows, out);
    }
    end_section(out);
}

static void add_item(struct text *out, const char *before, struct str value)
{
    text_addf(out, "<li>%s", before);
    html_text_add(out, value);
    text_add_cstr(out, "</li>\n");
}

static void add_tried(const struct trace_report *report, struct text *out)
{
    if (report->rules.count == 0 && report->mapping.len == 0)
        return;
    begin_section(out, "o3", "What was tried");
    text_add_cstr(out, "<ul class=\"plain\">\n");
    for (size_t i = 0; i < report->rules.count; i++)
        add_item(out, "", report->rules.items[i]);
    if (report->user.len > 0)
        add_item(out, "mapped to the user ", report->user);
    text_add_cstr(out, "</ul>\n");
    end_section(out);
}

/* ---- what happened ------------------------------------------------------------------------ */

static const char *step_words(enum trace_step step)
{
    static const char *const WORDS[] = {
        [TRACE_RECEIVED] = "Request read",
        [TRACE_DECIDING] = "Access checks begin",
        [TRACE_JUDGED] = "Certificate judged",
        [TRACE_ASKED] = "Client asked for a certificate",
        [TRACE_DECIDED] = "Allowed",
        [TRACE_REFUSED] = "Refused",
        [TRACE_FORWARDING] = "Handed to the backend",
        [TRACE_CONNECTED] = "A server takes it",
        [TRACE_UPSTREAM_FAILED] = "The server failed",
        [TRACE_ANSWERED] = "Answer begins",
        [TRACE_COMPLETE] = "Answer of the backend complete",
        [TRACE_FINISHED] = "Finished",
    };
    return WORDS[step];
}

static void add_ms(struct text *out, uint64_t us)
{
    if (us < 100000)
        text_addf(out, "%" PRIu64 ".%02" PRIu64 " ms", us / 1000, us % 1000 / 10);
    else
        text_addf(out, "%" PRIu64 " ms", us / 1000);
}

static void add_step(const struct trace_report *report, size_t i, uint64_t whole_us,
                     struct text *out)
{
    const struct trace_event *event = &report->events[i];
    bool is_last = i + 1 == report->event_count;
    bool is_bad = event->step == TRACE_REFUSED || event->step == TRACE_UPSTREAM_FAILED ||
                  (event->step == TRACE_JUDGED && event->text != NULL);
    uint64_t next_us = is_last ? event->at_us : report->events[i + 1].at_us;
    text_add_cstr(out, "<div><span class=\"at\">+");
    add_ms(out, event->at_us);
    text_addf(out, "</span><span class=\"what%s\">%s", is_bad ? " bad" : "",
              step_words(event->step));
    if (event->step == TRACE_JUDGED && event->text == NULL)
        text_add_cstr(out, ": trusted");
    else if (event->text != NULL) {
        text_add_cstr(out, ": ");
        add_cstr(out, event->text);
    }
    text_addf(out,
              "</span><span class=\"span\"><i%s style=\"left:%" PRIu64 "%%;width:%" PRIu64
              "%%\"></i></span><span class=\"took\">",
              is_bad ? " class=\"bad\"" : "", event->at_us * 98 / whole_us,
              (next_us - event->at_us) * 98 / whole_us);
    if (!is_last)
        add_ms(out, next_us - event->at_us);
    text_add_cstr(out, "</span></div>\n");
}

static void add_timeline(const struct trace_report *report, struct text *out)
{
    uint64_t whole_us =
        report->event_count == 0 ? 0 : report->events[report->event_count - 1].at_us;
    begin_section(out, "o5", "Timeline");
    text_add_cstr(out, "<div class=\"time\">\n");
    for (size_t i = 0; i < report->event_count; i++)
        add_step(report, i, whole_us == 0 ? 1 : whole_us, out);
    text_add_cstr(out, "</div>\n");
    end_section(out);
}

static void add_row(struct text *out, const char *name, struct str value)
{
    if (value.len == 0)
        return;
    text_addf(out, "<tr><th scope=\"row\">%s</th><td>", name);
    html_text_add(out, value);
    text_add_cstr(out, "</td></tr>\n");
}

static void add_number_row(struct text *out, const char *name, uint64_t value)
{
    text_addf(out, "<tr><th scope=\"row\">%s</th><td>%" PRIu64 "</td></tr>\n", name, value);
}

static void add_facts(const struct trace_report *report, struct text *out)
{
    begin_section(out, "o6", "Request and connection");
    text_add_cstr(out, "<table>\n");
    add_row(out, "Protocol", report->version);
    add_row(out, "Encryption", report->tls.len > 0 ? report->tls : STR("none (plain http)"));
    if (report->tls.len > 0)
        add_row(out, "Session", report->is_resumed ? STR("resumed") : STR("full handshake"));
    add_row(out, "Trust mode", str_of(report->trust_mode));
    add_row(out, "Mapping", report->mapping);
    if (report->outcome != OUTCOME_OK) {
        add_row(out, "Module", str_of(report->stage.module));
        add_row(out, "Notification", str_of(report->stage.notification));
        text_addf(out, "<tr><th scope=\"row\">Error code</th><td>0x%08x</td></tr>\n",
                  report->hresult);
    }
    add_row(out, "Backend", report->upstream);
    if (report->upstream_status != 0)
        add_number_row(out, "Its status", report->upstream_status);
    if (report->attempts > 1)
        add_number_row(out, "Connections tried", report->attempts);
    add_number_row(out, "Bytes received", report->bytes.received);
    add_number_row(out, "Bytes sent", report->bytes.sent);
    add_number_row(out, "Worker process", (uint64_t)report->pid);
    text_add_cstr(out, "</table>\n");
    end_section(out);
}

static void add_headers(const char *title, const struct trace_headers *headers, struct text *out)
{
    if (headers->count == 0)
        return;
    begin_section(out, "o7", title);
    text_add_cstr(out, "<table>\n");
    for (size_t i = 0; i < headers->count; i++) {
        text_add_cstr(out, "<tr><th scope=\"row\">");
        html_text_add(out, headers->items[i].name);
        text_add_cstr(out, "</th><td>");
        html_text_add(out, headers->items[i].value);
        text_add_cstr(out, "</td></tr>\n");
    }
    text_add_cstr(out, "</table>\n");
    end_section(out);
}

static void add_chain(const struct trace_report *report, struct text *out)
{
    if (!report->has_chain)
        return;
    begin_section(out, "o2", "Certificate chain");
    chain_drawing_add(&report->chain, out);
    end_section(out);
}

void trace_html_add(const struct trace_report *report, struct text *out)
{
    text_add_cstr(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                       "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
                       "&#39;none&#39;; style-src &#39;unsafe-inline&#39;\">\n"
                       "<meta name=\"robots\" content=\"noindex\">\n<title>");
    add_status(report, out);
    text_add_cstr(out, " - ");
    add_cstr(out, report->title);
    text_addf(out, "</title>\n<style>%s%s%s</style>\n</head>\n<body>\n<main>\n", TRACE_HTML_STYLE,
              TRACE_HTML_STYLE_MORE, CHAIN_DRAWING_STYLE);
    add_header(report, out);
    text_add_cstr(out, "<div class=\"cols\">\n<div class=\"side\">\n");
    add_fixes(report, out);
    add_tried(report, out);
    add_windows(report, out);
    text_add_cstr(out, "</div>\n<div class=\"body\">\n");
    add_chain(report, out);
    add_timeline(report, out);
    add_facts(report, out);
    add_headers("Request fields", &report->request, out);
    add_headers("Response fields", &report->response, out);
    text_add_cstr(out, "</div>\n</div>\n<footer>mtls-proxy " MTLS_PROXY_VERSION ", ");
    html_text_add(out, report->computer);
    text_add_cstr(out, "</footer>\n</main>\n</body>\n</html>\n");
}

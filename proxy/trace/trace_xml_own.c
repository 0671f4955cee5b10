/* SPDX-License-Identifier: MIT */
#include "trace/trace_xml_own.h"

#include "auth/client_cert.h"
#include "base/clock.h"

#define PROVIDER      "mtls-proxy"
#define PROVIDER_GUID "{6E0B5E2C-7D0F-4C55-9F0A-2B1D3C8E4A71}"
#define EVENTS        "{A4C1B7F0-58D3-4E0B-8B52-91C6E7D20F35}"

#define OWN_EVENT(name, level, opcode)                                                       \
    {                                                                                        \
        PROVIDER, PROVIDER_GUID, (name), EVENTS, (level), (opcode), 0x1, "ClientCertificate" \
    }

static const struct trace_xml_event CERTIFICATE = OWN_EVENT("CLIENT_CERTIFICATE", 4, 1);
static const struct trace_xml_event VERDICT = OWN_EVENT("CLIENT_CERTIFICATE_VERDICT", 4, 2);
static const struct trace_xml_event REFUSED = OWN_EVENT("REQUEST_REFUSED", 3, 3);
static const struct trace_xml_event RULE = OWN_EVENT("RULE_TRIED", 4, 4);
static const struct trace_xml_event FIX = OWN_EVENT("FIX_FOUND", 4, 5);
static const struct trace_xml_event ASKED = OWN_EVENT("CLIENT_CERTIFICATE_REQUESTED", 4, 6);
static const struct trace_xml_event CONNECTED = OWN_EVENT("UPSTREAM_CONNECTED", 4, 7);
static const struct trace_xml_event FAILED = OWN_EVENT("UPSTREAM_FAILED", 3, 8);
static const struct trace_xml_event ANSWERED = OWN_EVENT("RESPONSE_STARTED", 4, 9);
static const struct trace_xml_event COMPLETE = OWN_EVENT("RESPONSE_COMPLETE", 4, 10);

static void finish(struct trace_xml *xml, const struct trace_xml_event *event)
{
    trace_xml_rendering(xml, event);
    trace_xml_event_end(xml, event);
}

static void add_errors(struct trace_xml *xml, uint32_t errors)
{
    struct text text = {0};
    for (int outcome = OUTCOME_EXPLICIT_DISTRUST; outcome <= OUTCOME_CRITICAL_EXTENSION;
         outcome++) {
        if ((errors & VERDICT_ERROR_BIT(outcome)) != 0)
            text_addf(&text, "%s%s", text.len > 0 ? "," : "",
                      outcome_info((enum outcome)outcome)->reason);
    }
    trace_xml_data(xml, "Errors", text_str(&text));
    text_clear(&text);
}

static void add_certificate(struct trace_xml *xml, size_t position, const struct chain_box *box)
{
    char time[CLOCK_TEXT_SIZE];
    struct text sha256 = {0};
    trace_xml_event_begin(xml, &CERTIFICATE);
    trace_xml_number(xml, "Position", position);
    trace_xml_data(xml, "Subject", box->subject);
    trace_xml_data(xml, "Issuer", box->issuer);
    trace_xml_data(xml, "SerialNumber", box->serial);
    if (box->cert != NULL) {
        text_add_hex(&sha256, box->cert->sha256, sizeof box->cert->sha256);
        trace_xml_data(xml, "Sha256", text_str(&sha256));
        trace_xml_data(xml, "NotBefore", clock_format_rfc3339(box->cert->not_before, time));
        trace_xml_data(xml, "NotAfter", clock_format_rfc3339(box->cert->not_after, time));
    }
    trace_xml_data(xml, "Usage", box->usage);
    trace_xml_data(xml, "Store", box->store == NULL ? STR("missing") : str_of(box->store));
    trace_xml_data(xml, "IsAnchor", box->is_anchor ? STR("true") : STR("false"));
    trace_xml_data(xml, "IsOnPath", box->is_aside ? STR("false") : STR("true"));
    add_errors(xml, box->errors);
    finish(xml, &CERTIFICATE);
    text_clear(&sha256);
}

void trace_xml_add_verdict(struct trace_xml *xml, const struct trace_event *event)
{
    const struct trace_report *report = xml->report;
    for (size_t i = 0; report->has_chain && i < report->chain.count; i++)
        add_certificate(xml, i, &report->chain.items[i]);
    trace_xml_event_begin(xml, &VERDICT);
    trace_xml_data(xml, "TrustMode", str_of(report->trust_mode));
    trace_xml_data(xml, "Reason", str_of(event->text));
    trace_xml_data(xml, "IsTrusted", event->text == NULL ? STR("true") : STR("false"));
    finish(xml, &VERDICT);
}

static void add_lines(struct trace_xml *xml, const struct trace_xml_event *event, const char *name,
                      const struct trace_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        trace_xml_event_begin(xml, event);
        trace_xml_data(xml, name, list->items[i]);
        finish(xml, event);
    }
}

void trace_xml_add_refusal(struct trace_xml *xml)
{
    const struct trace_report *report = xml->report;
    trace_xml_event_begin(xml, &REFUSED);
    trace_xml_data(xml, "RequestId", report->id);
    trace_xml_data(xml, "Reason", str_of(report->reason));
    trace_xml_data(xml, "Message", str_of(report->message));
    trace_xml_data(xml, "Detail", report->detail);
    trace_xml_data(xml, "Failed",
                   report->failed == OUTCOME_OK ? (struct str){NULL, 0}
                                                : str_of(outcome_info(report->failed)->reason));
    trace_xml_data(xml, "Location", report->location);
    trace_xml_data(xml, "User", report->user);
    trace_xml_data(xml, "Mapping", report->mapping);
    finish(xml, &REFUSED);
    add_lines(xml, &RULE, "Rule", &report->rules);
    add_lines(xml, &FIX, "Fix", &report->fixes);
}

void trace_xml_add_step(struct trace_xml *xml, const struct trace_event *event)
{
    const struct trace_report *report = xml->report;
    const struct trace_xml_event *kind = event->step == TRACE_ASKED             ? &ASKED
                                         : event->step == TRACE_CONNECTED       ? &CONNECTED
                                         : event->step == TRACE_UPSTREAM_FAILED ? &FAILED
                                         : event->step == TRACE_ANSWERED        ? &ANSWERED
                                                                                : &COMPLETE;
    trace_xml_event_begin(xml, kind);
    if (kind == &CONNECTED || kind == &FAILED)
        trace_xml_data(xml, "Upstream", report->upstream);
    if (kind == &FAILED)
        trace_xml_data(xml, "Error", str_of(event->text));
    if (kind == &ANSWERED)
        trace_xml_number(xml, "HttpStatus", report->status);
    finish(xml, kind);
}

/* SPDX-License-Identifier: MIT */
#include "trace/trace_xml.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "http/http1_write.h"
#include "trace/trace_xml_own.h"
#include "trace/trace_xml_writer.h"

#define WWW_SERVER      "WWW Server"
#define WWW_SERVER_GUID "{3A2A4E84-4C21-4981-AE10-3FDA0D9B0F83}"
#define GENERAL         "{D42CF7EF-DE92-473E-8B6C-621EA663113A}"
#define NOTIFICATIONS   "{002E91E3-E7AE-44AB-8E07-99230FFA6ADE}"
#define AUTHENTICATION  "{C33BBE8F-985B-4080-81E6-005F1A06B9E2}"

#define GENERAL_EVENT(name, level, opcode)                                       \
    {                                                                            \
        WWW_SERVER, WWW_SERVER_GUID, (name), GENERAL, (level), (opcode), 0, NULL \
    }
#define NOTIFY_EVENT(name, level, opcode)                                             \
    {                                                                                 \
        WWW_SERVER, WWW_SERVER_GUID, (name), NOTIFICATIONS, (level), (opcode), 0x100, \
            "RequestNotifications"                                                    \
    }
#define AUTH_EVENT(name, opcode)                                                                \
    {                                                                                           \
        WWW_SERVER, WWW_SERVER_GUID, (name), AUTHENTICATION, 4, (opcode), 0x2, "Authentication" \
    }

/* iis-semantics.md 7.2 */
static const struct trace_xml_event REQUEST_START = GENERAL_EVENT("GENERAL_REQUEST_START", 0, 1);
static const struct trace_xml_event ENDPOINT = GENERAL_EVENT("GENERAL_ENDPOINT_INFORMATION", 4, 55);
static const struct trace_xml_event REQUEST_HEADERS =
    GENERAL_EVENT("GENERAL_REQUEST_HEADERS", 4, 50);
static const struct trace_xml_event RESPONSE_HEADERS =
    GENERAL_EVENT("GENERAL_RESPONSE_HEADERS", 4, 47);
static const struct trace_xml_event FLUSH_START =
    GENERAL_EVENT("GENERAL_FLUSH_RESPONSE_START", 4, 35);
static const struct trace_xml_event FLUSH_END = GENERAL_EVENT("GENERAL_FLUSH_RESPONSE_END", 4, 36);
static const struct trace_xml_event REQUEST_END = GENERAL_EVENT("GENERAL_REQUEST_END", 0, 2);
static const struct trace_xml_event MODULE_START = NOTIFY_EVENT("NOTIFY_MODULE_START", 5, 1);
static const struct trace_xml_event MODULE_END = NOTIFY_EVENT("NOTIFY_MODULE_END", 5, 2);
static const struct trace_xml_event ERROR_STATUS =
    NOTIFY_EVENT("MODULE_SET_RESPONSE_ERROR_STATUS", 3, 16);
static const struct trace_xml_event AUTH_START = AUTH_EVENT("AUTH_START", 10);
static const struct trace_xml_event AUTH_SUCCEEDED = AUTH_EVENT("AUTH_SUCCEEDED", 11);
static const struct trace_xml_event AUTH_END = AUTH_EVENT("AUTH_END", 28);

static const struct trace_stage CHECKS = {"IIS Web Core", "BEGIN_REQUEST", 1};
static const struct trace_stage ROUTING = {"ApplicationRequestRouting", "EXECUTE_REQUEST_HANDLER",
                                           128};

const char *trace_xml_code_words(uint32_t hresult)
{
    static const struct {
        uint32_t code;
        const char *words;
    } CODES[] = {
        {0, "The operation completed successfully."},
        {0x80070005, "Access is denied."},
        {0x80070032, "The request is not supported."},
        {0x8007052e, "The user name or password is incorrect."},
        {0x80070532, "The password for this account has expired."},
        {0x80070533, "This account is currently disabled."},
        {0x80070569, "The user has not been granted the requested logon type at this computer."},
        {0x80072ee2, "The operation timed out."},
        {0x80072efd, "A connection with the server could not be established."},
        {0x80072efe, "The connection with the server was terminated abnormally."},
        {0x80072f78, "The server returned an invalid or unrecognized response."},
        {0x80092010, "The certificate is revoked."},
        {0x80092013, "The revocation function was unable to check revocation because the "
                     "revocation server was offline."},
        {0x80093102, "The ASN.1 data ended unexpectedly."},
        {0x80096004, "The signature of the certificate cannot be verified."},
        {0x80096019, "A basic constraint of a certificate was not observed."},
        {0x800b0101, "A required certificate is not within its validity period."},
        {0x800b0105, "A certificate has a critical extension of an unknown kind."},
        {0x800b0109, "A certificate chain processed, but terminated in a root certificate which "
                     "is not trusted by the trust provider."},
        {0x800b010a, "A certificate chain could not be built to a trusted root authority."},
        {0x800b0110, "The certificate is not valid for the requested usage."},
        {0x800b0111, "The certificate was explicitly marked as untrusted."},
        {0x800b0113, "The certificate has an invalid policy."},
        {0x800b0114, "The certificate has an invalid name."},
    };
    for (size_t i = 0; i < sizeof CODES / sizeof CODES[0]; i++) {
        if (CODES[i].code == hresult)
            return CODES[i].words;
    }
    return NULL;
}

static void describe_code(struct trace_xml *xml, uint32_t hresult)
{
    const char *words = trace_xml_code_words(hresult);
    struct text text = {0};
    text_addf(&text, "%s (0x%x)", words == NULL ? "Unknown error." : words, hresult);
    trace_xml_description(xml, "ErrorCode", text_str(&text));
    text_clear(&text);
}

/* ---- the root ----------------------------------------------------------------------------- */

static struct str status_text(const struct trace_report *report, char ret_text[16])
{
    int len = report->substatus == 0
                  ? snprintf(ret_text, 16, "%u", report->status)
                  : snprintf(ret_text, 16, "%u.%u", report->status, report->substatus);
    return str_make(ret_text, (size_t)len);
}

static void attribute_number(struct trace_xml *xml, const char *name, uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, value);
    trace_xml_attribute(xml, name, str_of(text));
}

static void add_root(struct trace_xml *xml)
{
    const struct trace_report *report = xml->report;
    char status[16];
    struct str none = {NULL, 0};
    bool is_certificate = report->user.len > 0;
    trace_xml_attribute(xml, "url", report->url);
    attribute_number(xml, "siteId", report->site_id);
    trace_xml_attribute(xml, "appPoolId", report->site);
    attribute_number(xml, "processId", (uint64_t)report->pid);
    trace_xml_attribute(xml, "verb", report->verb);
    trace_xml_attribute(xml, "remoteUserName", report->user);
    trace_xml_attribute(xml, "userName", report->user);
    trace_xml_attribute(xml, "tokenUserName", none);
    trace_xml_attribute(xml, "authenticationType",
                        is_certificate                  ? STR("ClientCertificateMapping")
                        : report->stage.number < 2      ? STR("NOT_AVAILABLE")
                        : report->outcome == OUTCOME_OK ? STR("anonymous")
                                                        : STR("NOT_AVAILABLE"));
    trace_xml_attribute(xml, "activityId", str_of(report->activity));
    trace_xml_attribute(xml, "failureReason",
                        report->is_by_time ? STR("TIME_TAKEN") : STR("STATUS_CODE"));
    trace_xml_attribute(xml, "statusCode", status_text(report, status));
    trace_xml_attribute(xml, "triggerStatusCode", status_text(report, status));
    attribute_number(xml, "timeTaken", report->took_ms);
    trace_xml_attribute(xml, "xmlns:freb",
                        STR("http://schemas.microsoft.com/win/2006/06/iis/freb"));
}

/* ---- events ------------------------------------------------------------------------------- */

static void add_headers(struct trace_xml *xml, const struct trace_xml_event *event,
                        const struct trace_headers *headers)
{
    struct text text = {0};
    for (size_t i = 0; i < headers->count; i++) {
        text_add(&text, headers->items[i].name);
        text_add_cstr(&text, ": ");
        text_add(&text, headers->items[i].value);
        text_add_char(&text, '\n');
    }
    trace_xml_event_begin(xml, event);
    trace_xml_data(xml, "Headers", text_str(&text));
    trace_xml_rendering(xml, event);
    trace_xml_event_end(xml, event);
    text_clear(&text);
}

static void add_received(struct trace_xml *xml)
{
    const struct trace_report *report = xml->report;
    trace_xml_event_begin(xml, &REQUEST_START);
    trace_xml_number(xml, "SiteId", report->site_id);
    trace_xml_data(xml, "AppPoolId", report->site);
    trace_xml_number(xml, "ConnId", report->client_port);
    trace_xml_number(xml, "RawConnId", 0);
    trace_xml_data(xml, "RequestURL", report->url);
    trace_xml_data(xml, "RequestVerb", report->verb);
    trace_xml_rendering(xml, &REQUEST_START);
    trace_xml_event_end(xml, &REQUEST_START);
    trace_xml_event_begin(xml, &ENDPOINT);
    trace_xml_data(xml, "RemoteAddress", report->client);
    trace_xml_number(xml, "RemotePort", report->client_port);
    trace_xml_data(xml, "LocalAddress", report->server);
    trace_xml_number(xml, "LocalPort", report->server_port);
    trace_xml_rendering(xml, &ENDPOINT);
    trace_xml_event_end(xml, &ENDPOINT);
    add_headers(xml, &REQUEST_HEADERS, &report->request);
}

static void add_module(struct trace_xml *xml, const struct trace_stage *stage, bool is_start,
                       bool goes_on)
{
    const struct trace_xml_event *event = is_start ? &MODULE_START : &MODULE_END;
    trace_xml_event_begin(xml, event);
    trace_xml_data(xml, "ModuleName", str_of(stage->module));
    trace_xml_number(xml, "Notification", stage->number);
    trace_xml_data(xml, is_start ? "fIsPostNotification" : "fIsPostNotificationEvent",
                   STR("false"));
    if (!is_start)
        trace_xml_number(xml, "NotificationStatus", goes_on ? 0 : 2);
    trace_xml_rendering(xml, event);
    trace_xml_description(xml, "Notification", str_of(stage->notification));
    if (!is_start)
        trace_xml_description(xml, "NotificationStatus",
                              goes_on ? STR("NOTIFICATION_CONTINUE") : STR("NOTIFICATION_FINISH"));
    trace_xml_event_end(xml, event);
}

static void add_error_status(struct trace_xml *xml)
{
    const struct trace_report *report = xml->report;
    trace_xml_event_begin(xml, &ERROR_STATUS);
    trace_xml_data(xml, "ModuleName", str_of(report->stage.module));
    trace_xml_number(xml, "Notification", report->stage.number);
    trace_xml_number(xml, "HttpStatus", report->status);
    trace_xml_data(xml, "HttpReason", str_of(http_status_text(report->status)));
    trace_xml_number(xml, "HttpSubStatus", report->substatus);
    trace_xml_number(xml, "ErrorCode", report->hresult);
    trace_xml_data(xml, "ConfigExceptionInfo", (struct str){NULL, 0});
    trace_xml_rendering(xml, &ERROR_STATUS);
    trace_xml_description(xml, "Notification", str_of(report->stage.notification));
    describe_code(xml, report->hresult);
    trace_xml_event_end(xml, &ERROR_STATUS);
}

static void add_auth(struct trace_xml *xml)
{
    const struct trace_report *report = xml->report;
    bool is_mapped = report->user.len > 0;
    trace_xml_event_begin(xml, &AUTH_START);
    trace_xml_number(xml, "AuthTypeSupported", is_mapped ? 32 : 1);
    trace_xml_rendering(xml, &AUTH_START);
    trace_xml_description(xml, "AuthTypeSupported",
                          is_mapped ? STR("ClientCertificateMapping") : STR("Anonymous"));
    trace_xml_event_end(xml, &AUTH_START);
    trace_xml_event_begin(xml, &AUTH_SUCCEEDED);
    trace_xml_number(xml, "AuthType", is_mapped ? 32 : 1);
    trace_xml_data(xml, "NTLMUsed", STR("false"));
    trace_xml_data(xml, "RemoteUserName", report->user);
    trace_xml_data(xml, "AuthUserName", report->user);
    trace_xml_number(xml, "TokenImpersonationLevel", 0);
    trace_xml_rendering(xml, &AUTH_SUCCEEDED);
    trace_xml_description(xml, "AuthType",
                          is_mapped ? STR("ClientCertificateMapping") : STR("Anonymous"));
    trace_xml_event_end(xml, &AUTH_SUCCEEDED);
    trace_xml_event_begin(xml, &AUTH_END);
    trace_xml_rendering(xml, &AUTH_END);
    trace_xml_event_end(xml, &AUTH_END);
}

static void add_end(struct trace_xml *xml)
{
    const struct trace_report *report = xml->report;
    trace_xml_event_begin(xml, &FLUSH_START);
    trace_xml_rendering(xml, &FLUSH_START);
    trace_xml_event_end(xml, &FLUSH_START);
    add_headers(xml, &RESPONSE_HEADERS, &report->response);
    trace_xml_event_begin(xml, &FLUSH_END);
    trace_xml_number(xml, "BytesSent", report->bytes.sent);
    trace_xml_number(xml, "ErrorCode", 0);
    trace_xml_rendering(xml, &FLUSH_END);
    describe_code(xml, 0);
    trace_xml_event_end(xml, &FLUSH_END);
    trace_xml_event_begin(xml, &REQUEST_END);
    trace_xml_number(xml, "BytesSent", report->bytes.sent);
    trace_xml_number(xml, "BytesReceived", report->bytes.received);
    trace_xml_number(xml, "HttpStatus", report->status);
    trace_xml_number(xml, "HttpSubStatus", report->substatus);
    trace_xml_rendering(xml, &REQUEST_END);
    trace_xml_event_end(xml, &REQUEST_END);
}

/* A module that was entered is left again, however the request goes on. */
struct walk {
    const struct trace_stage *inside; /* NULL: none */
};

static void leave(struct trace_xml *xml, struct walk *walk, bool goes_on)
{
    if (walk->inside != NULL)
        add_module(xml, walk->inside, false, goes_on);
    walk->inside = NULL;
}

static void enter(struct trace_xml *xml, struct walk *walk, const struct trace_stage *stage)
{
    leave(xml, walk, true);
    walk->inside = stage;
    add_module(xml, stage, true, true);
}

static void add_refused(struct trace_xml *xml, struct walk *walk)
{
    const struct trace_stage *stage = &xml->report->stage;
    if (walk->inside != NULL && walk->inside->number != stage->number)
        enter(xml, walk, stage);
    add_error_status(xml);
    trace_xml_add_refusal(xml);
    leave(xml, walk, false);
}

static void add_event(struct trace_xml *xml, const struct trace_event *event, struct walk *walk)
{
    xml->at_us = event->at_us;
    switch (event->step) {
    case TRACE_RECEIVED:
        add_received(xml);
        break;
    case TRACE_DECIDING:
        enter(xml, walk, &CHECKS);
        break;
    case TRACE_JUDGED:
        trace_xml_add_verdict(xml, event);
        break;
    case TRACE_DECIDED:
        leave(xml, walk, true);
        add_auth(xml);
        break;
    case TRACE_REFUSED:
        add_refused(xml, walk);
        break;
    case TRACE_FORWARDING:
        enter(xml, walk, &ROUTING);
        break;
    case TRACE_ASKED:
    case TRACE_CONNECTED:
    case TRACE_UPSTREAM_FAILED:
    case TRACE_ANSWERED:
    case TRACE_COMPLETE:
        trace_xml_add_step(xml, event);
        break;
    case TRACE_FINISHED:
        leave(xml, walk, true);
        add_end(xml);
        break;
    }
}

void trace_xml_add(const struct trace_report *report, struct text *out)
{
    struct trace_xml xml;
    struct walk walk = {0};
    trace_xml_begin(&xml, report);
    add_root(&xml);
    for (size_t i = 0; i < report->event_count; i++)
        add_event(&xml, &report->events[i], &walk);
    trace_xml_end(&xml, out);
}

/* report_fixture.h - reports whose every text is whatever a test wants.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_TRACE_REPORT_FIXTURE_H
#define TESTS_UNIT_TRACE_REPORT_FIXTURE_H

#include <string.h>

#include "trace/trace_report.h"

static struct trace_pair fixture_pairs[2];
static struct str fixture_lines[2];
static const struct trace_event FIXTURE_EVENTS[] = {
    {TRACE_RECEIVED, 0, NULL},
    {TRACE_DECIDING, 5, NULL},
    {TRACE_JUDGED, 10, "untrusted_root"},
    {TRACE_ASKED, 11, NULL},
    {TRACE_DECIDED, 12, NULL},
    {TRACE_FORWARDING, 13, NULL},
    {TRACE_CONNECTED, 14, NULL},
    {TRACE_UPSTREAM_FAILED, 15, "gone"},
    {TRACE_REFUSED, 16, "untrusted_root"},
    {TRACE_ANSWERED, 17, NULL},
    {TRACE_COMPLETE, 18, NULL},
    {TRACE_FINISHED, 2000000, NULL},
};

/* Every text of it is `text`. */
static inline struct trace_report fixture_report(struct str text)
{
    fixture_pairs[0] = fixture_pairs[1] = (struct trace_pair){text, text};
    fixture_lines[0] = fixture_lines[1] = text;
    struct trace_report report = {
        .id = text,
        .pid = 4242,
        .computer = text,
        .site = text,
        .site_id = 1,
        .location = text,
        .url = text,
        .verb = text,
        .version = text,
        .client = text,
        .server = text,
        .tls = text,
        .request = {fixture_pairs, 2},
        .response = {fixture_pairs, 2},
        .outcome = OUTCOME_UNTRUSTED_ROOT,
        .status = 403,
        .substatus = 16,
        .reason = "untrusted_root",
        .title = "Client certificate not trusted",
        .message = "The chain ends in a root that is not trusted here.",
        .detail = text,
        .hresult = 0x800b0109,
        .stage = {"IIS Web Core", "BEGIN_REQUEST", 1},
        .trust_mode = "machine",
        .user = text,
        .mapping = text,
        .upstream = text,
        .has_chain = true,
        .rules = {fixture_lines, 2},
        .fixes = {fixture_lines, 2},
        .windows = {fixture_lines, 2},
        .commands = {fixture_lines, 2},
        .events = FIXTURE_EVENTS,
        .event_count = sizeof FIXTURE_EVENTS / sizeof FIXTURE_EVENTS[0],
        .began_ms = 1767225600000,
        .took_ms = 2000,
    };
    memcpy(report.activity, "{00000000-0000-0000-0000-000000000001}", TRACE_ACTIVITY_SIZE);
    report.chain.count = 2;
    for (size_t i = 0; i < 2; i++)
        report.chain.items[i] = (struct chain_box){.name = text,
                                                   .subject = text,
                                                   .issuer = text,
                                                   .serial = text,
                                                   .usage = text,
                                                   .store = i == 0 ? "presented" : NULL,
                                                   .errors = UINT32_MAX,
                                                   .is_fault = true};
    return report;
}

#endif

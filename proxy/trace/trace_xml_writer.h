/* trace_xml_writer.h - libxml2's writer for the events of a trace.
 *
 * Private to trace_xml*.c. Every text is made of XML 1.0's characters before it gets there.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_TRACE_TRACE_XML_WRITER_H
#define PROXY_TRACE_TRACE_XML_WRITER_H

#include <libxml/xmlwriter.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "base/text.h"
#include "trace/trace_report.h"

struct trace_xml {
    xmlTextWriter *writer;
    xmlOutputBuffer *buffer; /* the writer's */
    const struct trace_report *report;
    struct text scratch;
    uint64_t at_us; /* of the events that are being written */
};

struct trace_xml_event {
    const char *provider;
    const char *provider_guid;
    const char *name; /* RenderingInfo/Opcode */
    const char *guid;
    unsigned level;
    unsigned opcode;
    unsigned keywords;
    const char *keyword; /* NULL: none */
};

void trace_xml_begin(struct trace_xml *xml, const struct trace_report *report);
/* Appends the document and frees. */
void trace_xml_end(struct trace_xml *xml, struct text *out);

/* An attribute of the root, on a line of its own; all come before the first event. */
void trace_xml_attribute(struct trace_xml *xml, const char *name, struct str value);

/* An event up to its data; ContextId is written. Then the data, then trace_xml_rendering(), then
 * descriptions, then trace_xml_event_end(). */
void trace_xml_event_begin(struct trace_xml *xml, const struct trace_xml_event *event);
void trace_xml_data(struct trace_xml *xml, const char *name, struct str value);
void trace_xml_number(struct trace_xml *xml, const char *name, uint64_t value);
void trace_xml_rendering(struct trace_xml *xml, const struct trace_xml_event *event);
void trace_xml_description(struct trace_xml *xml, const char *name, struct str value);
void trace_xml_event_end(struct trace_xml *xml, const struct trace_xml_event *event);

#endif

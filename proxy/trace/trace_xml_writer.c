/* SPDX-License-Identifier: MIT */
#include "trace/trace_xml_writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/unicode.h"

#define EVENT_NAMESPACE "http://schemas.microsoft.com/win/2004/08/events/event"
#define TRACE_NAMESPACE "http://schemas.microsoft.com/win/2004/08/events/trace"

/* The writer fails for want of memory alone, and a document that is cut is worse than none. */
static void check(int result)
{
    if (result < 0)
        abort();
}

/* libxml2's own BAD_CAST takes const away. */
static const xmlChar *xml_text(const char *text)
{
    return (const xmlChar *)text;
}

/* XML 1.0 section 2.2 */
static bool is_xml_char(uint32_t point)
{
    if (point < 0x20)
        return point == '\t' || point == '\n' || point == '\r';
    return point != 0xfffe && point != 0xffff;
}

static const xmlChar *clean(struct trace_xml *xml, struct str value)
{
    struct text *out = &xml->scratch;
    text_reset(out);
    text_add_cstr(out, "");
    while (value.len > 0) {
        uint32_t point = 0;
        size_t len = unicode_next(value, &point);
        if (len == 0 || !is_xml_char(point))
            text_add_cstr(out, "\xef\xbf\xbd");
        else
            text_add(out, str_make(value.ptr, len));
        value = str_skip(value, len == 0 ? 1 : len);
    }
    return xml_text(out->ptr);
}

static void start(struct trace_xml *xml, const char *element)
{
    check(xmlTextWriterStartElement(xml->writer, xml_text(element)));
}

static void end(struct trace_xml *xml)
{
    check(xmlTextWriterEndElement(xml->writer));
}

static void attribute(struct trace_xml *xml, const char *name, struct str value)
{
    check(xmlTextWriterWriteAttribute(xml->writer, xml_text(name), clean(xml, value)));
}

static void element(struct trace_xml *xml, const char *name, struct str value)
{
    check(xmlTextWriterWriteElement(xml->writer, xml_text(name), clean(xml, value)));
}

static void element_number(struct trace_xml *xml, const char *name, uint64_t value)
{
    check(xmlTextWriterWriteFormatElement(xml->writer, xml_text(name), "%" PRIu64, value));
}

/* ---- the document ------------------------------------------------------------------------- */

void trace_xml_begin(struct trace_xml *xml, const struct trace_report *report)
{
    *xml = (struct trace_xml){.report = report, .buffer = xmlAllocOutputBuffer(NULL)};
    if (xml->buffer == NULL || (xml->writer = xmlNewTextWriter(xml->buffer)) == NULL)
        abort();
    /* As IIS begins a file; the writer has no say in the form of these three lines. */
    check(xmlOutputBufferWriteString(xml->buffer,
                                     "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n"
                                     "<?xml-stylesheet type='text/xsl' href='freb.xsl'?>\n"
                                     "<!-- saved from url=(0014)about:internet -->\n"));
    check(xmlTextWriterSetIndent(xml->writer, 1));
    check(xmlTextWriterSetIndentString(xml->writer, xml_text(" ")));
    start(xml, "failedRequest");
}

void trace_xml_attribute(struct trace_xml *xml, const char *name, struct str value)
{
    attribute(xml, name, value);
    /* The writer puts a blank before the next. */
    check(xmlOutputBufferWriteString(xml->buffer, "\n              "));
}

void trace_xml_end(struct trace_xml *xml, struct text *out)
{
    check(xmlTextWriterEndDocument(xml->writer));
    check(xmlTextWriterFlush(xml->writer));
    const char *bytes = (const char *)xmlOutputBufferGetContent(xml->buffer);
    text_add(out, str_make(bytes, xmlOutputBufferGetSize(xml->buffer)));
    xmlFreeTextWriter(xml->writer);
    text_clear(&xml->scratch);
}

/* ---- an event ----------------------------------------------------------------------------- */

static void add_system(struct trace_xml *xml, const struct trace_xml_event *event)
{
    const struct trace_report *report = xml->report;
    char time[CLOCK_TEXT_SIZE];
    char number[32];
    start(xml, "System");
    start(xml, "Provider");
    attribute(xml, "Name", str_of(event->provider));
    attribute(xml, "Guid", str_of(event->provider_guid));
    end(xml);
    element_number(xml, "EventID", 0);
    element_number(xml, "Version", 1);
    element_number(xml, "Level", event->level);
    element_number(xml, "Opcode", event->opcode);
    check(xmlTextWriterWriteFormatElement(xml->writer, xml_text("Keywords"), "0x%x",
                                          event->keywords));
    start(xml, "TimeCreated");
    attribute(xml, "SystemTime",
              clock_format_rfc3339_ms(report->began_ms + (int64_t)(xml->at_us / 1000), time));
    end(xml);
    start(xml, "Correlation");
    attribute(xml, "ActivityID", str_of(report->activity));
    end(xml);
    start(xml, "Execution");
    (void)snprintf(number, sizeof number, "%d", (int)report->pid);
    attribute(xml, "ProcessID", str_of(number));
    attribute(xml, "ThreadID", str_of(number));
    end(xml);
    element(xml, "Computer", report->computer);
    end(xml);
}

void trace_xml_event_begin(struct trace_xml *xml, const struct trace_xml_event *event)
{
    start(xml, "Event");
    attribute(xml, "xmlns", STR(EVENT_NAMESPACE));
    add_system(xml, event);
    start(xml, "EventData");
    trace_xml_data(xml, "ContextId", str_of(xml->report->activity));
}

void trace_xml_data(struct trace_xml *xml, const char *name, struct str value)
{
    start(xml, "Data");
    attribute(xml, "Name", str_of(name));
    check(xmlTextWriterWriteString(xml->writer, clean(xml, value)));
    end(xml);
}

void trace_xml_number(struct trace_xml *xml, const char *name, uint64_t value)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%" PRIu64, value);
    trace_xml_data(xml, name, str_of(text));
}

void trace_xml_rendering(struct trace_xml *xml, const struct trace_xml_event *event)
{
    end(xml); /* EventData */
    start(xml, "RenderingInfo");
    attribute(xml, "Culture", STR("en-US"));
    element(xml, "Opcode", str_of(event->name));
    if (event->keyword == NULL)
        return;
    start(xml, "Keywords");
    element(xml, "Keyword", str_of(event->keyword));
    end(xml);
}

void trace_xml_description(struct trace_xml *xml, const char *name, struct str value)
{
    start(xml, "freb:Description");
    attribute(xml, "Data", str_of(name));
    check(xmlTextWriterWriteString(xml->writer, clean(xml, value)));
    end(xml);
}

void trace_xml_event_end(struct trace_xml *xml, const struct trace_xml_event *event)
{
    end(xml); /* RenderingInfo */
    start(xml, "ExtendedTracingInfo");
    attribute(xml, "xmlns", STR(TRACE_NAMESPACE));
    element(xml, "EventGuid", str_of(event->guid));
    end(xml);
    end(xml); /* Event */
}

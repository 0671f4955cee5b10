/* trace_xml_own.h - events of our own provider, for what IIS has none.
 *
 * Private to trace_xml*.c.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_TRACE_TRACE_XML_OWN_H
#define PROXY_TRACE_TRACE_XML_OWN_H

#include "trace/trace_xml_writer.h"

/* Every certificate, then the verdict over them. */
void trace_xml_add_verdict(struct trace_xml *xml, const struct trace_event *event);
/* Why it was refused, what was tried, and what would mend it. */
void trace_xml_add_refusal(struct trace_xml *xml);
/* A step of the way that needs no more than its name. */
void trace_xml_add_step(struct trace_xml *xml, const struct trace_event *event);

#endif

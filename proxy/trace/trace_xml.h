/* trace_xml.h - a trace as IIS writes one: the FREB structure.
 *
 * Events of IIS's own provider are those that readers of such files look for; what IIS has no event
 * for (the chain, what was tried, the fix) is in events of a provider of ours, "mtls-proxy". Always
 * well-formed: a character that XML 1.0 does not have becomes U+FFFD. Sources:
 * iis-semantics.md 7.2.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_TRACE_TRACE_XML_H
#define PROXY_TRACE_TRACE_XML_H

#include <stdint.h>

#include "base/text.h"
#include "trace/trace_report.h"

/* Appends the document. */
void trace_xml_add(const struct trace_report *report, struct text *out);
/* What Windows says for the code; NULL: nothing that is known here. */
const char *trace_xml_code_words(uint32_t hresult);

#endif

/* html_text.h - foreign text in HTML.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_EXPLAIN_HTML_TEXT_H
#define PROXY_EXPLAIN_HTML_TEXT_H

#include "base/str.h"
#include "base/text.h"

/* Appends text in which nothing can be taken for markup, in an element or in a quoted attribute.
 * What is not to be seen becomes U+FFFD: one that is missed would be believed to be absent. */
void html_text_add(struct text *out, struct str value);
/* A sentence that begins in the middle of one, as fixes do: with a capital, and a full stop. */
void html_text_add_sentence(struct text *out, struct str sentence);

#endif

/* config_text.h - what a text may contain, and what people meant who wrote it otherwise.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_CONFIG_CONFIG_TEXT_H
#define PROXY_CONFIG_CONFIG_TEXT_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/text.h"
#include "config/config_decode.h"

/* False when an error was added: control characters, and others that nobody sees and that only an
 * escape in double quotes puts there ("CONTOSO\alice" has the character BEL). A text that begins
 * with a typographic quote is a warning. The cursor is on a scalar. */
MUST_USE bool config_text_check(const struct config_cursor *at, bool is_multiline);
/* Adds the text in quotes as messages show it: cut off when it is long; typographic quotes as they
 * are, with a word about them. */
void config_text_add_quoted(struct text *out, struct str value);
/* What to add to a complaint of YAML's about an escape in double quotes; "": nothing. */
const char *config_text_escape_hint(const char *problem);

#endif

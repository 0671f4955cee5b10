/* error_page_text.h - the words of an error page, as HTML, JSON or plain text.
 *
 * Pure: facts in, bytes out. Everything that may come from a client or a certificate is escaped
 * here. Sources: RFC 9457; iis-semantics.md 1.6, 10.7.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_EXPLAIN_ERROR_PAGE_TEXT_H
#define PROXY_EXPLAIN_ERROR_PAGE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "base/text.h"
#include "explain/error_page_accept.h"
#include "http/outcome.h"

struct chain_boxes;

struct error_page_row { /* of the table of details */
    const char *name;
    struct str value; /* not escaped */
};

#define ERROR_PAGE_ROWS_MAX 24

struct error_page_facts {
    enum outcome outcome;
    struct str id;      /* of the request */
    const char *detail; /* what was wrong, beyond the outcome's message; or NULL */
    bool is_detailed;
    /* Of detailed pages only: */
    const char *const *fixes; /* sentences without a full stop */
    size_t fix_count;
    const struct chain_boxes *chain; /* drawn in HTML; NULL: certificates have no part in it */
    struct error_page_row rows[ERROR_PAGE_ROWS_MAX];
    size_t row_count;
};

/* Appends the whole page. */
void error_page_add_html(const struct error_page_facts *facts, struct text *out);
/* RFC 9457; substatus, win32, reason and fix in the detailed form alone. */
void error_page_add_json(const struct error_page_facts *facts, struct text *out);
void error_page_add_text(const struct error_page_facts *facts, struct text *out);

/* True for the statuses that have a generic page of their own: those IIS installs one for. Others
 * get a line of text. */
bool error_page_has_generic(unsigned status);
/* winerror.h, HRESULT_FROM_WIN32: 5 is 0x80070005; a code that is one already stays. */
uint32_t error_page_hresult(uint32_t win32);

/* Probable causes of the outcome, ended by NULL; never NULL itself. */
const char *const *error_page_causes(enum outcome outcome);

#endif

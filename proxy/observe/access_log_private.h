/* access_log_private.h - what the formats of the access log share.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_OBSERVE_ACCESS_LOG_PRIVATE_H
#define PROXY_OBSERVE_ACCESS_LOG_PRIVATE_H

#include "observe/access_log.h"

/* The value of a column that is a number; false when it is a text, or is not there. */
bool access_log_number(enum access_field field, const struct access_record *record,
                       uint64_t *ret_value);
/* The value of a column that is a text; empty when there is none. */
struct str access_log_text(enum access_field field, const struct access_record *record);
void access_log_add_number(struct text *out, uint64_t value);
void access_log_add_newline(struct text *out, bool crlf);

/* One object; the keys are in docs/reference.md. Texts are cut after max bytes. */
void access_log_line_json(uint64_t fields, bool crlf, const struct access_record *record,
                          size_t max, struct text *out);
/* The line that Apache and nginx call combined. */
void access_log_line_combined(bool crlf, const struct access_record *record, size_t max,
                              struct text *out);

#endif

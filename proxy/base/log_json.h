/* log_json.h - the `key=value ...` of a log line as members of a JSON object.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_BASE_LOG_JSON_H
#define PROXY_BASE_LOG_JSON_H

#include "base/str.h"
#include "base/text.h"

/* Appends `,"key":value` for each pair: a value of digits alone is a number, all others are
 * strings, those in quotes without what text_add_quoted() did to them. From the first word on that
 * is no pair, or whose key was there before, the rest is the string `message`. Whatever the bytes,
 * what is appended completes a valid object (RFC 8259). */
void log_json_add(struct text *out, struct str pairs);

#endif
